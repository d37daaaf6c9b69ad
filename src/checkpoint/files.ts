/** Reads and writes large files in pieces. */
import type { FileHandle } from "node:fs/promises";
import { DamagedFileError, openRegularFile } from "../facts/files/regular-file.ts";
import { explainingErrors, writeAll, writeThroughTemporary } from "../facts/files/write-file.ts";
import { CheckpointError } from "./checkpoint-error.ts";

/** Size of a piece. One system call transfers at most 2 GiB, and smaller pieces let checksums run in parallel. */
const pieceBytes = 8 * 2 ** 20;

/** A file that is open for reading at any position. */
export class RandomAccessFile {
  private constructor(
    readonly path: string,
    readonly handle: FileHandle,
    readonly size: number,
  ) {}

  static async open(path: string): Promise<RandomAccessFile> {
    try {
      const handle = await openRegularFile(path);
      if (handle === undefined) throw new DamagedFileError("is no such file");
      return new RandomAccessFile(path, handle, (await handle.stat()).size);
    } catch (error) {
      if (!(error instanceof DamagedFileError)) throw error;
      throw new CheckpointError(path, `${error.message}.`);
    }
  }

  /** Fills `into` with the bytes from `position` on. Throws `CheckpointError` if the file is too short. */
  async read(position: number, into: Uint8Array): Promise<void> {
    if (position + into.byteLength > this.size)
      throw new CheckpointError(this.path, "was cut short or is damaged: its data extends past its end.");
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

/**
 * Writes `bytes` at `position`.
 *
 * @param onPiece called with each piece while it is being written
 */
export async function writeAt(
  handle: FileHandle,
  bytes: Uint8Array,
  position: number,
  onPiece: (piece: Uint8Array) => void = () => {},
): Promise<void> {
  for (let start = 0; start < bytes.byteLength; start += pieceBytes) {
    const piece = bytes.subarray(start, start + pieceBytes);
    const writing = writeAll(handle, piece, position + start);
    onPiece(piece);
    await writing;
  }
}

/**
 * Writes a checkpoint file through a temporary file, so that `path` is always the old file or the complete new one. Throws
 * `ResultError` where the file system refuses, and the errors of `write`.
 */
export async function writeCheckpointFile(
  path: string,
  write: (handle: FileHandle) => Promise<void>,
): Promise<void> {
  await explainingErrors(path, () => writeThroughTemporary(path, write));
}
