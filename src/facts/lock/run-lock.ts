/** The lock of a run, held by a supervisor or the command line while the run trains. */
import { lstat, readdir } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { createFolder } from "../files/create-folder.ts";
import { DamagedFileError } from "../files/regular-file.ts";
import { STARTING_MS } from "./address.ts";
import { type LockOwner, lockHolder, takeLock } from "./lock.ts";

/** The run cannot be started. The message is for the user. */
export class RunLockError extends Error {
  override readonly name = "RunLockError";
}

/** Returns the path of the lock in the folder of a run's record. */
export function runLock(recordFolder: string): string {
  return join(recordFolder, "lock");
}

/** The environment variable in which a supervisor gives its address to the trainer that it starts. */
export const SUPERVISOR_VARIABLE = "BIAPY_SUPERVISOR";

/** Interval between attempts to take the lock of a trainer that is ending. */
const RETRY_MS = 100;

/**
 * Takes the lock of a run, and creates the folder of its record.
 *
 * Throws `RunLockError` if the run is active, its lock is not a readable file or its folder contains links, and errors of the file system
 * unchanged.
 */
export async function takeRunLock(
  recordFolder: string,
  { name, runId }: { readonly name: string; readonly runId: number },
  own: LockOwner,
): Promise<void> {
  await createFolder(recordFolder);
  await refuseLinks(recordFolder);
  const lock = runLock(recordFolder);
  const taken = await takeLockOfOrphan(lock, own).catch((error) => {
    if (!(error instanceof DamagedFileError)) throw error;
    throw new RunLockError(`${lock} ${error.message}. If the run is not active, delete it and try again.`);
  });
  if (taken) return;
  const host = (await lockHolder(lock))?.host ?? hostname();
  const where = host === hostname() ? "" : ` on ${host}`;
  throw new RunLockError(
    `${name}, run ${runId}, is already running${where}. Stop it first, or train as another run.`,
  );
}

/** Takes a lock. Waits for a trainer whose supervisor was killed, which ends soon. */
async function takeLockOfOrphan(lock: string, own: LockOwner): Promise<boolean> {
  for (const end = performance.now() + STARTING_MS; ; await setTimeout(RETRY_MS)) {
    if (await takeLock(lock, own)) return true;
    if (performance.now() > end || !(await lockHolder(lock))?.orphan) return false;
  }
}

/**
 * Throws `RunLockError` if the folder is or contains a link: writing through it would change files outside the result folder. Its
 * parents may be links, for example to another disk.
 */
async function refuseLinks(recordFolder: string): Promise<void> {
  const inside = (await readdir(recordFolder)).map((name) => join(recordFolder, name));
  for (const path of [dirname(recordFolder), recordFolder, ...inside]) {
    const found = await lstat(path).catch(() => undefined);
    if (found?.isSymbolicLink())
      throw new RunLockError(
        `${path} is a link; a run is recorded in real files only. Delete the link and try again.`,
      );
  }
}
