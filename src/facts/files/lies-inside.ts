import { realpathSync } from "node:fs";
import { dirname, relative, sep } from "node:path";

/** Whether a file lies inside a folder after links in its path are resolved. The file itself may be a link. False if its folder is missing. */
export function liesInside(path: string, folder: string): boolean {
  try {
    const way = relative(realpathSync(folder), realpathSync(dirname(path)));
    return way !== ".." && !way.startsWith(`..${sep}`) && !/^([A-Za-z]:|[\\/])/.test(way);
  } catch {
    return false;
  }
}
