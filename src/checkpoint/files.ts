/** Reading and writing of large files in pieces. */
import { type FileHandle, open } from "node:fs/promises";
import { writeThroughTemporary } from "../facts/files/write-file.ts";
import { CheckpointError } from "./checkpoint-error.ts";

/** Reads and writes are cut into pieces: one system call moves at most 2 GiB, and checksums run beside smaller ones. */
const pieceBytes = 8 * 2 ** 20;

/** A file that is open for reading at any place. */
export class RandomAccessFile {
  private constructor(
    readonly path: string,
    readonly handle: FileHandle,
    readonly size: number,
  ) {}

  static async open(path: string): Promise<RandomAccessFile> {
    try {
      const handle = await open(path, "r");
      const status = await handle.stat();
      if (status.isFile()) return new RandomAccessFile(path, handle, status.size);
      await handle.close();
    } catch (error) {
      throw new CheckpointError(path, `cannot be opened: ${describe(error)}`);
    }
    throw new CheckpointError(path, "is a folder, not a checkpoint file.");
  }

  /** Fills `into` with the bytes from `position` on. */
  async read(position: number, into: Uint8Array): Promise<void> {
    if (position + into.byteLength > this.size)
      throw new CheckpointError(this.path, "was cut short or is damaged: its data reach past its end.");
    let done = 0;
    while (done < into.byteLength) {
      const length = Math.min(pieceBytes, into.byteLength - done);
      const { bytesRead } = await this.handle.read(into, done, length, position + done);
      if (bytesRead === 0)
        throw new CheckpointError(
          this.path,
          `was changed while it was read: it ends at byte ${position + done}.`,
        );
      done += bytesRead;
    }
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

/** Writes `bytes` at `position`; `onPiece` sees every piece while it is on its way to the disk. */
export async function writeAt(
  handle: FileHandle,
  bytes: Uint8Array,
  position: number,
  onPiece: (piece: Uint8Array) => void = () => {},
): Promise<void> {
  for (let start = 0; start < bytes.byteLength; start += pieceBytes) {
    const piece = bytes.subarray(start, start + pieceBytes);
    const writing = writePiece(handle, piece, position + start);
    onPiece(piece);
    await writing;
  }
}

async function writePiece(handle: FileHandle, piece: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < piece.byteLength) {
    const { bytesWritten } = await handle.write(piece, done, piece.byteLength - done, position + done);
    done += bytesWritten;
  }
}

/** Writes a checkpoint file through a temporary one: `path` is the old file or the whole new one. Throws {@link CheckpointError}. */
export async function writeCheckpointFile(
  path: string,
  write: (handle: FileHandle) => Promise<void>,
): Promise<void> {
  try {
    await writeThroughTemporary(path, write);
  } catch (error) {
    if (error instanceof CheckpointError) throw error;
    throw new CheckpointError(path, `cannot be written: ${describe(error)}`);
  }
}

/** A system error in words. */
export function describe(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return "there is no such file or folder.";
  if (code === "EACCES" || code === "EPERM") return "you have no permission.";
  if (code === "ENOSPC") return "the disk is full.";
  return error instanceof Error ? error.message : String(error);
}
