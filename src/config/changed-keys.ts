/** A configuration's values that differ from BiaPy's defaults. */
import type { ChangedKey } from "../facts/changed-key.ts";
import { readTextSync } from "../facts/files/regular-file.ts";
import { loadConfig, MOST_BYTES } from "./config.ts";
import { keyFacts } from "./keys.ts";
import { written } from "./python-value.ts";

/** Returns the changed keys in the order of the file; undefined if it cannot be read. */
export function changedKeys(file: string): ChangedKey[] | undefined {
  let text: string | undefined;
  try {
    text = readTextSync(file, MOST_BYTES);
  } catch {
    return undefined;
  }
  if (text === undefined) return undefined;
  return loadConfig(file, text).config.document.entries.flatMap(({ key, value, place }) => {
    const fact = keyFacts.get(key);
    const [shown, usual] = [written(value), fact === undefined ? "" : written(fact.default)];
    return shown === usual ? [] : [{ key, value: shown, defaultValue: usual, line: place.line }];
  });
}
