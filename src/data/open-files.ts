import { LRUCache } from "lru-cache";
import pLimit from "p-limit";
import { openImage } from "../images/files.ts";
import { type ImageInfo, type ImageSource, storedBytes } from "../images/image.ts";

/** Files open at once, of those in use and those kept open: systems allow a process a few hundred. */
const MOST_OPEN = 16;

/** Pieces of more bytes than this are decoded one after the other: a batch's patches are read all at once. */
const LARGE_PIECE = 2 ** 24;

interface OpenFile {
  readonly source: Promise<ImageSource>;
  users: number;
  /** Whether other files took its place: its last user closes it. */
  replaced: boolean;
}

/** Image files that are read again and again. The {@link MOST_OPEN} files used last stay open. */
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

  /** Reads from a file, which stays open meanwhile. `read` may not use further files. */
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

/** Closes a file that other files replaced, unless somebody still reads from it. */
async function closeUnused({ source, users, replaced }: OpenFile): Promise<void> {
  if (!replaced || users > 0) return;
  // A file that could not be opened has told its reader so.
  const opened = await source.catch(() => undefined);
  await opened?.close();
}
