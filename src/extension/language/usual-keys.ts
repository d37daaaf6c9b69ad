/** Keys that most configurations set: those in the templates. Completion lists them first in their section. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { keyGroups } from "../../config/keys.ts";
import { keyLines } from "./key-lines.ts";

/** Returns the dotted keys and sections that the templates in a folder set. */
export async function usualKeys(templates: string): Promise<ReadonlySet<string>> {
  const names = (await readdir(templates)).filter((name) => name.endsWith(".biapy.yaml"));
  const texts = await Promise.all(names.map((name) => readFile(join(templates, name), "utf8")));
  return new Set(texts.flatMap((text) => keyLines(text).map(({ key }) => key)));
}

const SECTIONS = [...keyGroups].filter((group) => !group.includes("."));

/**
 * Returns the text by which completion sorts a key of a section: usual keys first, then by name. Sections of the top level have BiaPy's
 * order, which templates have too: what the problem is, its data, then the model.
 *
 * @param key dotted
 * @param usual from {@link usualKeys}
 */
export function keySortText(key: string, usual: ReadonlySet<string>): string {
  const section = SECTIONS.indexOf(key);
  const place = section < 0 ? key.slice(key.lastIndexOf(".") + 1) : String(section).padStart(2, "0");
  return `${usual.has(key) ? 0 : 1}${place}`;
}
