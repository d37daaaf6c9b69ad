import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";

const FOLDER = "/proc/self/fd";

/** Why a test that lists open files is skipped; false on Linux. */
export const withoutOpenFiles = process.platform !== "linux" && "only Linux lists a process's open files";

/** Returns the paths of this process's open files. Linux only. */
export function openFiles(): string[] {
  return readdirSync(FOLDER).flatMap((name) => {
    try {
      return [readlinkSync(join(FOLDER, name))];
    } catch {
      // The folder itself was open while it was listed.
      return [];
    }
  });
}
