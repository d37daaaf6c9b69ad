/** Folders of installed files. Each is complete or absent. */

import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createFolder } from "../facts/files/create-folder.ts";
import { moveIntoPlace } from "../facts/files/move-into-place.ts";
import { temporaryName } from "../facts/files/write-file.ts";

/** A file that is written last. */
const READY = "ready";

/** Whether a folder is completely installed. */
export const isInstalled = (folder: string) => existsSync(join(folder, READY));

/**
 * Installs a folder unless it is installed. If this is interrupted or fails, no files are left behind.
 *
 * @param version written into the folder
 * @param fill creates the files in a temporary folder, which is then renamed
 * @returns the folder
 */
export async function installFolder(
  folder: string,
  version: string,
  fill: (temporary: string) => Promise<void>,
): Promise<string> {
  if (isInstalled(folder)) return folder;
  const temporary = temporaryName(folder);
  try {
    await createFolder(temporary);
    await fill(temporary);
    await writeFile(join(temporary, READY), version);
    // Another process may have installed it meanwhile, and be using it.
    if (isInstalled(folder)) {
      await rm(temporary, { recursive: true, force: true });
      return folder;
    }
    await rm(folder, { recursive: true, force: true });
    await moveIntoPlace(temporary, folder);
    return folder;
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
}
