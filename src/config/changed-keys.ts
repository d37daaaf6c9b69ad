/** A configuration's values that differ from BiaPy's defaults. */
import { readFileSync } from "node:fs";
import { loadConfig } from "./config.ts";
import { keyFacts } from "./keys.ts";
import { written } from "./python-value.ts";

export interface ChangedKey {
  readonly key: string;
  /** As they are written in a configuration. */
  readonly value: string;
  readonly defaultValue: string;
  /** 1-based. */
  readonly line: number;
}

/** Returns the changed keys in the order of the file; undefined if it cannot be read. */
export function changedKeys(file: string): ChangedKey[] | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
  return loadConfig(file, text).config.document.entries.flatMap(({ key, value, place }) => {
    const fact = keyFacts.get(key);
    const [shown, usual] = [written(value), fact === undefined ? "" : written(fact.default)];
    return shown === usual ? [] : [{ key, value: shown, defaultValue: usual, line: place.line }];
  });
}
