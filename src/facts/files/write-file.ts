import { randomBytes } from "node:crypto";
import { mkdir, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
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

/** Why a write failed, in words; nothing where it is no error of the file system that people know. */
export function writeErrorReason(error: unknown): string | undefined {
  return REASONS[(error as NodeJS.ErrnoException)?.code ?? ""];
}

/** What a failed write means, in words; errors that the file system did not raise are returned as they are. */
export function explainedWriteError(path: string, error: unknown): unknown {
  if (!(error instanceof Error) || !("syscall" in error)) return error;
  const reason = writeErrorReason(error) ?? error.message;
  return new ResultError(`${path} could not be written: ${reason}.`);
}

/**
 * Writes a file under a temporary name, brings it to the disk and renames it: it is there whole or not at all, also when the machine
 * loses power. Makes its folder. Throws {@link ResultError} where the system refuses for a reason that people know.
 */
export async function writeFileAtomically(path: string, data: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${randomBytes(4).toString("hex")}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true });
    const handle = await open(temporary, "wx");
    try {
      await handle.writeFile(data);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await moveIntoPlace(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw explainedWriteError(path, error);
  }
}
