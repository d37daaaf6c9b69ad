import { LRUCache } from "lru-cache";
import pLimit from "p-limit";
import { openImage } from "../images/files.ts";
import { type Image, ImageError, type ImageInfo, type ImageSource, storedBytes } from "../images/image.ts";

/** Maximum number of open files, in use or cached: systems allow a process a few hundred. */
export const MOST_OPEN = 16;

/** Larger pieces, in bytes, are decoded one after the other, because a batch's patches are read concurrently. */
const LARGE_PIECE = 2 ** 24;

interface OpenFile {
  readonly source: Promise<ImageSource>;
  users: number;
  /** Whether it was evicted from the cache: its last user closes it. */
  replaced: boolean;
}

/** Throws {@link ImageError} where an image has another shape or type than when it was inspected. */
export function requireSame({ path, ...before }: ImageInfo, now: Pick<Image, "shape" | "sampleType">): void {
  const [was, is] = [before, now].map(({ shape, sampleType }) => `${shape.join(" x ")} ${sampleType}`);
  if (was === is) return;
  throw new ImageError(
    path,
    `${path}: was replaced while it was used: it was ${was} and is now ${is}. Start again.`,
  );
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

  /**
   * Reads from a file, which stays open meanwhile. `read` must not use further files. Throws {@link ImageError} where the file was
   * replaced by another image.
   *
   * @param info the image as stored
   */
  use<T>(info: ImageInfo, read: (source: ImageSource) => T | Promise<T>): Promise<T> {
    return this.few(() => this.opened(info, read));
  }

  private async opened<T>(info: ImageInfo, read: (source: ImageSource) => T | Promise<T>): Promise<T> {
    const { path, options } = info;
    const file = this.files.get(path) ?? { source: openImage(path, options), users: 0, replaced: false };
    file.users++;
    this.files.set(path, file);
    try {
      const source = await file.source;
      requireSame(info, source.info);
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
