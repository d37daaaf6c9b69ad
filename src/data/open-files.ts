import { LRUCache } from "lru-cache";
import pLimit from "p-limit";
import { openImage } from "../images/files.ts";
import { type ImageInfo, type ImageSource, storedBytes } from "../images/image.ts";

/** Maximum number of open files, in use or cached: systems allow a process a few hundred. */
const MOST_OPEN = 16;

/** Larger pieces, in bytes, are decoded one after the other, because a batch's patches are read concurrently. */
const LARGE_PIECE = 2 ** 24;

interface OpenFile {
  readonly source: Promise<ImageSource>;
  users: number;
  /** Whether it was evicted from the cache: its last user closes it. */
  replaced: boolean;
}

/** A cache of open image files. The {@link MOST_OPEN} most recently used files stay open. */
export class OpenFiles {
  private readonly files = new LRUCache<string, OpenFile>({
    max: MOST_OPEN,
    dispose: (file) => {
      file.replaced = true;
      this.closing.push(closeUnused(file));
    },
  });
  private readonly closing: Promise<void>[] = [];
  /** A batch may read patches of hundreds of files at once. */
  private readonly few = pLimit(MOST_OPEN);
  private readonly oneByOne = pLimit(1);

  /** Reads from a file, which stays open meanwhile. `read` must not use further files. */
  use<T>(info: ImageInfo, read: (source: ImageSource) => T | Promise<T>): Promise<T> {
    return this.few(() => this.opened(info, read));
  }

  private async opened<T>(
    { path, options }: ImageInfo,
    read: (source: ImageSource) => T | Promise<T>,
  ): Promise<T> {
    const file = this.files.get(path) ?? { source: openImage(path, options), users: 0, replaced: false };
    file.users++;
    this.files.set(path, file);
    try {
      const source = await file.source;
      const { shape, sampleType } = source.info;
      if (storedBytes([...source.piece, shape[3]], sampleType) <= LARGE_PIECE) return await read(source);
      return await this.oneByOne(() => read(source));
    } finally {
      file.users--;
      await closeUnused(file);
      await Promise.all(this.closing.splice(0));
    }
  }

  async close(): Promise<void> {
    this.files.clear();
    await Promise.all(this.closing.splice(0));
  }
}

/** Closes an evicted file, unless it is still being read. */
async function closeUnused({ source, users, replaced }: OpenFile): Promise<void> {
  if (!replaced || users > 0) return;
  // If opening failed, the reader already got the error.
  const opened = await source.catch(() => undefined);
  await opened?.close();
}
