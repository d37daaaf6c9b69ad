/** Creates folders with their parents. */
import { mkdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { errorCode } from "../errors.ts";

/**
 * Creates a folder and those above it that are missing.
 *
 * Node.js's own recursive `mkdir` never ends where a folder exists but no other can be made in it and the system says ENOENT, as it does in
 * folders of an automounter.
 *
 * @returns the topmost folder that was created; undefined if there was none
 */
export async function createFolder(path: string): Promise<string | undefined> {
  const folder = resolve(path);
  if (await isFolder(folder)) return undefined;
  const parent = dirname(folder);
  const topmost = parent === folder ? undefined : await createFolder(parent);
  try {
    await mkdir(folder);
    return topmost ?? folder;
  } catch (error) {
    // Another process may have created it meanwhile.
    if (errorCode(error) === "EEXIST" && (await isFolder(folder))) return topmost;
    throw error;
  }
}

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
