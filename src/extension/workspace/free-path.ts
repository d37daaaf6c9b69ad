import { existsSync } from "node:fs";

/** Returns the first of `stem`, `stem_2`, `stem_3`, … (each with `extension`) that does not exist yet. */
export function freePath(stem: string, extension = ""): string {
  let path = `${stem}${extension}`;
  for (let number = 2; existsSync(path); number++) path = `${stem}_${number}${extension}`;
  return path;
}
