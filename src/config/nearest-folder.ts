/** Finds the folder that a misspelled path probably means. */
import { readdirSync } from "node:fs";
import { isAbsolute, join, parse } from "node:path";
import { closest, distance } from "fastest-levenshtein";

/** Maximum number of changed letters of a misspelled name, as a share of its length. */
const MOST_CHANGED = 0.4;

/**
 * Corrects each part of a path to the nearest name on disk.
 *
 * @param base folder that a relative path is resolved against
 * @returns the corrected path with forward slashes; undefined if some part resembles no folder
 */
export function nearestFolder(written: string, base: string): string | undefined {
  const names = written.split(/[/\\]+/);
  const root = isAbsolute(written) ? parse(written).root : "";
  let folder = root === "" ? base : root;
  const corrected: string[] = [];
  for (const name of root === "" ? names : names.slice(1)) {
    const real = name === "" || name === "." || name === ".." ? name : nearestName(name, folder);
    if (real === undefined) return undefined;
    corrected.push(real);
    folder = join(folder, real);
  }
  const path = corrected.join("/");
  return root === "" ? path : `${root.replaceAll("\\", "/")}${path}`;
}

function nearestName(name: string, folder: string): string | undefined {
  const folders = foldersIn(folder);
  if (folders.includes(name)) return name;
  if (folders.length === 0) return undefined;
  const near = closest(
    name.toLowerCase(),
    folders.map((each) => each.toLowerCase()),
  );
  if (distance(name.toLowerCase(), near) > Math.max(1, name.length * MOST_CHANGED)) return undefined;
  return folders.find((each) => each.toLowerCase() === near);
}

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return [];
  }
}
