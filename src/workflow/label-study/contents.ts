/** Compares files by content, to detect changes and files shared by two folders. */
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";

/** Returns the SHA-256 of a file, or of all files in a folder (an image may be one: Zarr) with their names. */
export async function contentHash(path: string): Promise<string> {
  const hash = createHash("sha256");
  await addContent(hash, path);
  return hash.digest("hex");
}

async function addContent(hash: Hash, path: string): Promise<void> {
  if (!(await stat(path)).isDirectory()) return pipeline(createReadStream(path), hash, { end: false });
  for (const name of (await readdir(path)).sort()) {
    hash.update(`${name}\0`);
    await addContent(hash, join(path, name));
  }
}

/** Returns the names of the images of one list whose content is also in another, under any name. */
export async function sharedContents(paths: readonly string[], others: readonly string[]): Promise<string[]> {
  const sizes = new Map<number, string[]>();
  for (const other of others) {
    const { size } = await stat(other);
    sizes.set(size, [...(sizes.get(size) ?? []), other]);
  }
  const shared: string[] = [];
  for (const path of paths) {
    const alike = sizes.get((await stat(path)).size) ?? [];
    if (alike.length === 0) continue;
    const wanted = await contentHash(path);
    const hashes = await Promise.all(alike.map(contentHash));
    if (hashes.includes(wanted)) shared.push(basename(path));
  }
  return shared;
}
