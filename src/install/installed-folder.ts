/** Folders of installed files. Each is complete or absent. */
import { existsSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { moveIntoPlace } from "../facts/files/move-into-place.ts";
import { temporaryName } from "../facts/files/write-file.ts";

/** A file that is written last. */
const READY = "ready";

export const isInstalled = (folder: string) => existsSync(join(folder, READY));

/**
 * Fills a folder where it is not yet installed. Interrupted or failed, nothing of it stays.
 *
 * @param version what the folder then says it holds
 * @param fill puts the files into a folder that gets its name when this is done
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
    await mkdir(temporary, { recursive: true });
    await fill(temporary);
    await writeFile(join(temporary, READY), version);
    await rm(folder, { recursive: true, force: true });
    await moveIntoPlace(temporary, folder);
    return folder;
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
}
