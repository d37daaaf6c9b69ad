/** The lock of a run, which a supervisor or the command line holds while it trains. */
import { lstat, mkdir, readdir } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { STARTING_MS } from "./address.ts";
import { type LockOwner, lockHolder, takeLock } from "./lock.ts";

/** The run may not be started; the message tells people why. */
export class RunLockError extends Error {
  override readonly name = "RunLockError";
}

/** The lock in the folder of a run's record. */
export function runLock(recordFolder: string): string {
  return join(recordFolder, "lock");
}

/** The environment variable in which a supervisor gives its address to the trainer that it starts. */
export const SUPERVISOR_VARIABLE = "BIAPY_SUPERVISOR";

/** Time between attempts to take the lock of a trainer that is ending. */
const RETRY_MS = 100;

/**
 * Takes the lock of a run, and makes the folder of its record.
 *
 * Throws `RunLockError` where the run is active or the folder leads elsewhere, and errors of the file system as they are.
 */
export async function takeRunLock(
  recordFolder: string,
  { name, runId }: { readonly name: string; readonly runId: number },
  own: LockOwner,
): Promise<void> {
  await mkdir(recordFolder, { recursive: true });
  await refuseLinks(recordFolder);
  const lock = runLock(recordFolder);
  if (await takeLockOfOrphan(lock, own)) return;
  const host = (await lockHolder(lock))?.host ?? hostname();
  const where = host === hostname() ? "" : ` on ${host}`;
  throw new RunLockError(
    `${name}, run ${runId}, is already running${where}. Stop it first, or train as another run.`,
  );
}

/** A trainer whose supervisor was killed ends soon: that is waited for. */
async function takeLockOfOrphan(lock: string, own: LockOwner): Promise<boolean> {
  for (const end = performance.now() + STARTING_MS; ; await setTimeout(RETRY_MS)) {
    if (await takeLock(lock, own)) return true;
    if (performance.now() > end || !(await lockHolder(lock))?.orphan) return false;
  }
}

/**
 * Writing through a link would change files outside the result folder. (The folders above may be links: a person may have put
 * them on another disk.)
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
