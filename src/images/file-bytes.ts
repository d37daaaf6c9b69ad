/** Bytes of a file, read where they lie; never past its end, and never more at once than Node can read. */
import { readSync } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { ImageError } from "./image.ts";

/** Node aborts where a single read asks for 2 GiB or more. After each read of this size, the slowest network shows that it is alive. */
const MOST_AT_ONCE = 2 ** 22;

/** Bytes that are read when a file is opened: a small file, or the directories of a larger one, in one request to a network drive. */
const HEAD_BYTES = 2 ** 16;

let arrived = () => {};

/** Calls a function of this thread whenever bytes of a file arrive. */
export function whenBytesArrive(call: () => void): void {
  arrived = call;
}

/** An open file of known size. */
export class FileBytes {
  private constructor(
    readonly path: string,
    private readonly handle: FileHandle,
    readonly size: number,
    private head: Buffer<ArrayBuffer>,
  ) {}

  /**
   * Opens a regular file: a pipe or a device would never end. Throws {@link ImageError}.
   *
   * @param headBytes bytes of the beginning to read and keep; 0 for a file that is read once
   */
  static async open(path: string, headBytes = HEAD_BYTES): Promise<FileBytes> {
    const kind = await stat(path);
    if (kind.isDirectory()) throw new ImageError(path, `${path}: is a folder, not an image file.`);
    if (!kind.isFile()) throw new ImageError(path, `${path}: is not a regular file.`);
    if (kind.size === 0) throw new ImageError(path, `${path}: is empty (0 bytes).`);
    const handle = await open(path, "r");
    try {
      const head = Buffer.alloc(Math.min(kind.size, headBytes));
      const { bytesRead } = await handle.read(head, 0, head.length, 0);
      if (bytesRead > 0) arrived();
      return new FileBytes(path, handle, kind.size, head.subarray(0, bytesRead));
    } catch (error) {
      await handle.close();
      throw error;
    }
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
    for (let at = this.fromHead(bytes, offset); at < length; ) {
      const count = readSync(this.handle.fd, bytes, at, length - at, offset + at);
      if (count === 0) throw this.cutShort();
      at += count;
    }
    return bytes;
  }

  /** Fills `bytes` from `offset` on. Throws {@link ImageError} if the file ends before. */
  async readInto(bytes: Uint8Array, offset: number): Promise<void> {
    for (let at = this.fromHead(bytes, offset); at < bytes.length; ) {
      const length = Math.min(bytes.length - at, MOST_AT_ONCE);
      const { bytesRead } = await this.handle.read(bytes, at, length, offset + at);
      if (bytesRead === 0) throw this.cutShort();
      at += bytesRead;
      arrived();
    }
  }

  /** Copies what the head holds of the file from `offset` on. Returns the number of bytes. */
  private fromHead(bytes: Uint8Array, offset: number): number {
    const held = this.head.subarray(offset, offset + bytes.length);
    bytes.set(held);
    return held.length;
  }

  async close(): Promise<void> {
    this.head = Buffer.alloc(0);
    await this.handle.close();
  }

  private cutShort(): ImageError {
    return new ImageError(this.path, `${this.path}: is cut short (${this.size} bytes). Copy it again.`);
  }
}

/** Reads a small file. Throws {@link ImageError} if it is larger than `most` bytes. */
export async function readSmallFile(path: string, most: number): Promise<Buffer<ArrayBuffer>> {
  const file = await FileBytes.open(path, 0);
  try {
    if (file.size > most)
      throw new ImageError(path, `${path}: is ${file.size} bytes, more than such a file has (${most}).`);
    return await file.read(0, file.size);
  } finally {
    await file.close();
  }
}
