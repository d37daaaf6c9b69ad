/** Compares files by content, to detect changes and files shared by two folders. */
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";

/** Hashes of the content of files, each computed once. */
export class ContentHashes {
  private readonly known = new Map<string, Promise<string>>();

  /** Returns the SHA-256 of a file, or of all files in a folder (an image may be one: Zarr) with their names. */
  of(path: string): Promise<string> {
    const known = this.known.get(path) ?? contentHash(path);
    this.known.set(path, known);
    return known;
  }
}

async function contentHash(path: string): Promise<string> {
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
export async function sharedContents(
  paths: readonly string[],
  others: readonly string[],
  hashes: ContentHashes,
): Promise<string[]> {
  const bySize = new Map<number, string[]>();
  for (const other of others) {
    const { size } = await stat(other);
    bySize.set(size, [...(bySize.get(size) ?? []), other]);
  }
  const shared: string[] = [];
  for (const path of paths) {
    const alike = bySize.get((await stat(path)).size) ?? [];
    // Images of one microscope often have one size: each is read once.
    for (const other of alike) {
      if ((await hashes.of(other)) !== (await hashes.of(path))) continue;
      shared.push(basename(path));
      break;
    }
  }
  return shared;
}
