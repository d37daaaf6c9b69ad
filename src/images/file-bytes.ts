/** Bytes of a file, read where they lie; never past its end, and never more at once than Node can read. */
import { readSync } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { ImageError } from "./image.ts";

/** Node aborts where a single read asks for 2 GiB or more. */
const MOST_AT_ONCE = 2 ** 30;

/** An open file of known size. */
export class FileBytes {
  private constructor(
    readonly path: string,
    private readonly handle: FileHandle,
    readonly size: number,
  ) {}

  /** Opens a regular file: a pipe or a device would never end. Throws {@link ImageError}. */
  static async open(path: string): Promise<FileBytes> {
    const kind = await stat(path);
    if (kind.isDirectory()) throw new ImageError(path, `${path}: is a folder, not an image file.`);
    if (!kind.isFile()) throw new ImageError(path, `${path}: is not a regular file.`);
    if (kind.size === 0) throw new ImageError(path, `${path}: is empty (0 bytes).`);
    const handle = await open(path, "r");
    return new FileBytes(path, handle, kind.size);
  }

  /** Reads exactly `length` bytes from `offset` on. Throws {@link ImageError} if the file ends before. */
  async read(offset: number, length: number): Promise<Buffer<ArrayBuffer>> {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.size)) throw this.cutShort();
    const bytes = Buffer.alloc(length);
    await this.readInto(bytes, offset);
    return bytes;
  }

  /**
   * Reads a few kilobytes at once, without waiting for a thread: that wait takes longer than such a read, and a stack has
   * hundreds of them. Throws {@link ImageError} if the file ends before.
   */
  readNow(offset: number, length: number): Buffer<ArrayBuffer> {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.size)) throw this.cutShort();
    const bytes = Buffer.alloc(length);
    for (let at = 0; at < length; ) {
      const count = readSync(this.handle.fd, bytes, at, length - at, offset + at);
      if (count === 0) throw this.cutShort();
      at += count;
    }
    return bytes;
  }

  /** Fills `bytes` from `offset` on. Throws {@link ImageError} if the file ends before. */
  async readInto(bytes: Uint8Array, offset: number): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const length = Math.min(bytes.length - at, MOST_AT_ONCE);
      const { bytesRead } = await this.handle.read(bytes, at, length, offset + at);
      if (bytesRead === 0) throw this.cutShort();
      at += bytesRead;
    }
  }

  async close(): Promise<void> {
    await this.handle.close();
  }

  private cutShort(): ImageError {
    return new ImageError(this.path, `${this.path}: is cut short (${this.size} bytes). Copy it again.`);
  }
}

/** Text of a small file. Throws {@link ImageError} if it is larger than `most` bytes. */
export async function readSmallFile(path: string, most: number): Promise<Buffer<ArrayBuffer>> {
  const file = await FileBytes.open(path);
  try {
    if (file.size > most)
      throw new ImageError(path, `${path}: is ${file.size} bytes, more than such a file has (${most}).`);
    return await file.read(0, file.size);
  } finally {
    await file.close();
  }
}
