import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/** A result could not be written: the message says where and why. */
export class ResultError extends Error {
  override readonly name = "ResultError";
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full",
  EACCES: "the folder may not be written to",
  EPERM: "the folder may not be written to",
  EROFS: "the disk is read-only",
};

/** What a failed write means, in words. */
export function explainedWriteError(path: string, error: unknown): unknown {
  const reason = REASONS[(error as NodeJS.ErrnoException)?.code ?? ""];
  return reason === undefined ? error : new ResultError(`${path} could not be written: ${reason}.`);
}

/** Writes a file under a temporary name and renames it: it is there whole or not at all. Makes its folder. */
export async function writeFileAtomically(path: string, data: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(temporary, data);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw explainedWriteError(path, error);
  }
}
