/** The files of a Zarr or N5 container by their places inside it, wherever they lie. */
import { existsSync } from "node:fs";
import { opendir } from "node:fs/promises";
import { join } from "node:path";
import { errorCode } from "../facts/errors.ts";
import { FileBytes } from "./file-bytes.ts";
import type { ByteRange } from "./raw-array.ts";

/** An open file of a container. */
export interface ContainerFile extends ByteRange {
  readonly size: number;
}

interface ContainerEntry {
  readonly name: string;
  isDirectory(): boolean;
}

export interface ContainerFiles {
  /** The path of the container itself. */
  readonly path: string;
  has(place: string): boolean;
  /** Returns undefined if there is no such file. */
  open(place: string): Promise<ContainerFile | undefined>;
  /** Lists a folder, lazily: it may have millions of chunks. Rejects if there is no such folder. */
  list(place: string): Promise<AsyncIterable<ContainerEntry> | Iterable<ContainerEntry>>;
  close(): Promise<void>;
}

/** Returns the files of a folder. */
export function folderFiles(path: string): ContainerFiles {
  return {
    path,
    has: (place) => existsSync(join(path, place)),
    open: async (place) => {
      try {
        return await FileBytes.open(join(path, place), 0);
      } catch (error) {
        const code = errorCode(error);
        if (code === "ENOENT" || code === "ENOTDIR") return undefined;
        throw error;
      }
    },
    list: (place) => opendir(join(path, place)),
    close: async () => {},
  };
}
