import { randomBytes } from "node:crypto";
import { type FileHandle, open, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { errorCode } from "../errors.ts";
import { createFolder } from "./create-folder.ts";
import { moveIntoPlace } from "./move-into-place.ts";

/** A result could not be written. The message says where and why. */
export class ResultError extends Error {
  override readonly name = "ResultError";
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full",
  EDQUOT: "your quota on the disk is used up",
  EFBIG: "the system allows no larger files",
  EIO: "the disk reports an error",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open",
  EACCES: "the folder may not be written to",
  EPERM: "the folder may not be written to, or another program has the file open",
  EROFS: "the disk is read-only",
  ENOTDIR: "a file has the name of a folder that must be created",
  EEXIST: "a file has the name of a folder that must be created",
  ENOENT: "the folder does not exist and cannot be created",
};

/** Returns the reason of a failed write in words; undefined for unknown errors. */
export function writeErrorReason(error: unknown): string | undefined {
  return REASONS[errorCode(error) ?? ""];
}

/** Returns an error of the file system as a {@link ResultError}. Other errors are returned unchanged. */
export function explainedWriteError(path: string, error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  if (!("syscall" in error)) return error;
  const reason = writeErrorReason(error) ?? error.message;
  return new ResultError(`${path} could not be written: ${reason}.`);
}

/** Does what writes `path`, with errors of the file system as {@link ResultError}s. */
export async function explainingErrors<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw explainedWriteError(path, error);
  }
}

/** Writes all bytes at a position: the system may write fewer at a time, for example where the disk is almost full. */
export async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.byteLength - done, position + done);
    done += bytesWritten;
  }
}

/** Returns an unused name beside `path`. Unfinished files end in `.tmp`, which lists of results leave out. */
export function temporaryName(path: string): string {
  return `${path}.${randomBytes(4).toString("hex")}.tmp`;
}

/**
 * Writes the names in a folder to the disk: only then is a rename durable. Windows has no such call, and some network file systems
 * refuse it; they write names in order.
 */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(folder, "r").catch(() => undefined);
  try {
    await handle?.sync().catch(() => {});
  } finally {
    await handle?.close();
  }
}

/** Creates a folder with its parents, and writes their names to the disk. */
export async function createDurableFolder(folder: string): Promise<void> {
  // The parents of a relative path end at ".", not at the topmost folder.
  const whole = resolve(folder);
  const topmost = await createFolder(whole);
  if (topmost === undefined) return;
  for (let made = whole; made.length >= topmost.length; made = dirname(made)) await syncFolder(dirname(made));
}

/**
 * Writes a file under a temporary name in the same folder, syncs it to the disk, renames it and syncs the folder. `path` is always the
 * old file or the complete new one, and the new one afterwards, even if the machine loses power. If `write` fails, the temporary file is
 * removed.
 */
export async function writeThroughTemporary(
  path: string,
  write: (handle: FileHandle) => Promise<void>,
): Promise<void> {
  const temporary = temporaryName(path);
  try {
    const handle = await open(temporary, "wx");
    try {
      await write(handle);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await moveIntoPlace(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
}

/** Writes a file through a temporary one. Its folder must exist. Throws {@link ResultError}. */
export async function replaceFile(path: string, data: string | Uint8Array): Promise<void> {
  await explainingErrors(path, () => writeThroughTemporary(path, (handle) => handle.writeFile(data)));
}

/** Writes a file through a temporary one, and creates its folder. Throws {@link ResultError}. */
export async function writeFileAtomically(path: string, data: string | Uint8Array): Promise<void> {
  await explainingErrors(path, () => createDurableFolder(dirname(path)));
  await replaceFile(path, data);
}
