import { openImage } from "../images/files.ts";
import { type ImageInfo, type ImageSource, storedBytes } from "../images/image.ts";

/** Files kept open at once: systems allow a process a few hundred. */
const MOST_OPEN = 16;

/** Pieces of more bytes than this are decoded one after the other: a batch's patches are read all at once. */
const LARGE_PIECE = 2 ** 24;

interface OpenFile {
  readonly source: Promise<ImageSource>;
  users: number;
}

/** Image files that are read from again and again, kept open as long as there are not too many. */
export class OpenFiles {
  private readonly files = new Map<string, OpenFile>();
  private turn: Promise<unknown> = Promise.resolve();

  /** Opens a file where it is not open, and uses it; it is not closed meanwhile. */
  async use<T>({ path, options }: ImageInfo, read: (source: ImageSource) => T | Promise<T>): Promise<T> {
    const file = this.files.get(path) ?? { source: openImage(path, options), users: 0 };
    // Last in the map: used last.
    this.files.delete(path);
    this.files.set(path, file);
    file.users++;
    try {
      const source = await file.source;
      const { shape, sampleType } = source.info;
      if (storedBytes([...source.piece, shape[3]], sampleType) <= LARGE_PIECE) return await read(source);
      return await this.inTurn(() => read(source));
    } finally {
      file.users--;
      await this.closeSome();
    }
  }

  private inTurn<T>(read: () => T | Promise<T>): Promise<T> {
    const result = this.turn.then(read);
    this.turn = result.catch(() => {});
    return result;
  }

  private async closeSome(): Promise<void> {
    for (const [path, { source, users }] of this.files) {
      if (this.files.size <= MOST_OPEN) return;
      if (users > 0) continue;
      this.files.delete(path);
      await (await source).close();
    }
  }

  async close(): Promise<void> {
    const sources = [...this.files.values()].map(({ source }) => source);
    this.files.clear();
    // One that could not be opened has nothing to close.
    for (const source of sources) await source.then((opened) => opened.close()).catch(() => {});
  }
}
