/** Keys that most configurations set: those in the templates. Completion lists them first in their section. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { keyLines } from "./key-lines.ts";

/** Returns the dotted keys and sections that the templates in a folder set. */
export async function usualKeys(templates: string): Promise<ReadonlySet<string>> {
  const names = (await readdir(templates)).filter((name) => name.endsWith(".biapy.yaml"));
  const texts = await Promise.all(names.map((name) => readFile(join(templates, name), "utf8")));
  return new Set(texts.flatMap((text) => keyLines(text).map(({ key }) => key)));
}
