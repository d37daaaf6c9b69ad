/** Writes a package of the Zoo: a ZIP file of a description and the files that it names. */
import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { Zip, ZipDeflate, ZipPassThrough } from "fflate";
import { createFolder } from "../../facts/files/create-folder.ts";
import { explainingErrors, writeThroughTemporary } from "../../facts/files/write-file.ts";

/** Files by their names in the package. */
export type PackageFiles = ReadonlyMap<string, Uint8Array>;

/** Maximum size in bytes of a ZIP file without the 64-bit extension. */
const MOST_BYTES = 2 ** 32 - 1;

/** Weights and pictures do not compress. */
const STORED = /\.(onnx|pt|png)$/;

/** Writes a ZIP file and moves it to `path` when complete. Throws `ResultError`, and `Error` if it is too large. */
export async function writePackage(path: string, files: PackageFiles): Promise<void> {
  const size = [...files.values()].reduce((sum, { length }) => sum + length, 0);
  if (size > MOST_BYTES)
    throw new Error(`${path}: the package would have ${size} bytes; a ZIP file holds ${MOST_BYTES}.`);
  await explainingErrors(path, async () => {
    await createFolder(dirname(path));
    await writeThroughTemporary(path, (handle) => writeZip(handle, files));
  });
}

async function writeZip(handle: FileHandle, files: PackageFiles): Promise<void> {
  const chunks: Uint8Array[] = [];
  const zip = new Zip((error, chunk) => {
    if (error) throw error;
    chunks.push(chunk);
  });
  const flush = async () => {
    for (const chunk of chunks.splice(0)) await handle.writeFile(chunk);
  };
  for (const [name, bytes] of files) {
    const entry = STORED.test(name) ? new ZipPassThrough(name) : new ZipDeflate(name);
    zip.add(entry);
    entry.push(bytes, true);
    await flush();
  }
  zip.end();
  await flush();
}
