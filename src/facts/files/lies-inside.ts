import { realpathSync } from "node:fs";
import { dirname, isAbsolute, relative, sep } from "node:path";

/** Returns the path relative to a folder that it lies in, which is empty for the folder itself. Undefined if it lies elsewhere. */
export function pathInside(path: string, folder: string): string | undefined {
  const way = relative(folder, path);
  return way === ".." || way.startsWith(`..${sep}`) || isAbsolute(way) ? undefined : way;
}

/** Whether a file lies inside a folder after links in its path are resolved. The file itself may be a link. False if its folder is missing. */
export function liesInside(path: string, folder: string): boolean {
  try {
    return pathInside(realpathSync(dirname(path)), realpathSync(folder)) !== undefined;
  } catch {
    return false;
  }
}
