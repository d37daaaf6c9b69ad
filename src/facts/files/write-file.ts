import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { errorCode } from "../errors.ts";
import { moveIntoPlace } from "./move-into-place.ts";

/** A result could not be written: the message says where and why. */
export class ResultError extends Error {
  override readonly name = "ResultError";
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full",
  EDQUOT: "your share of the disk is full",
  EFBIG: "the system allows no larger files",
  EIO: "the disk reports an error",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open",
  EACCES: "the folder may not be written to",
  EPERM: "the folder may not be written to, or another program has the file open",
  EROFS: "the disk is read-only",
  ENOTDIR: "a file stands where a folder is to be made",
  EEXIST: "a file stands where a folder is to be made",
  ENOENT: "the folder is not there and cannot be made",
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

/** Returns a name beside `path` that nothing else uses: what is unfinished ends in `.tmp`, and lists of results leave it out. */
export function temporaryName(path: string): string {
  return `${path}.${randomBytes(4).toString("hex")}.tmp`;
}

/**
 * Brings the names in a folder to the disk: a rename is durable only then. Windows has no such call, and some network file systems
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

/** Makes a folder and those above it, and brings their names to the disk. */
export async function makeFolder(folder: string): Promise<void> {
  const topmost = await mkdir(folder, { recursive: true });
  if (topmost === undefined) return;
  for (let made = folder; made.length >= topmost.length; made = dirname(made))
    await syncFolder(dirname(made));
}

/**
 * Writes a file under a temporary name in the same folder, syncs it to the disk, renames it and syncs the folder. At every moment
 * `path` is the old file or the whole new one, and afterwards the new one, even when the machine loses power. Where `write` fails,
 * nothing of the new file stays.
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

/** Writes a whole file through a temporary one and makes its folder. Throws {@link ResultError} where the file system refuses it. */
export async function writeFileAtomically(path: string, data: string | Uint8Array): Promise<void> {
  try {
    await makeFolder(dirname(path));
    await writeThroughTemporary(path, (handle) => handle.writeFile(data));
  } catch (error) {
    throw explainedWriteError(path, error);
  }
}
