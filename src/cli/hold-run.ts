/** The command line's part in a run's lock: a run trains once at a time, from a terminal or from an editor. */
import { rmdirSync, rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { newAddress } from "../facts/lock/address.ts";
import { lockHolder, owner, passLock, TOUCH_MS, touchLock } from "../facts/lock/lock.ts";
import { runLock, SUPERVISOR_VARIABLE, takeRunLock } from "../facts/lock/run-lock.ts";
import type { ResultTree } from "../facts/result-tree.ts";
import { EXIT } from "./exit-codes.ts";

/**
 * Holds a run's lock until this process ends. Under a supervisor, which has the lock, it is taken over only when that is killed.
 *
 * Throws `RunLockError` where the run is already active.
 */
export async function holdRun(tree: ResultTree): Promise<void> {
  const lock = runLock(tree.recordFolder);
  const supervisor = process.env[SUPERVISOR_VARIABLE];
  if (supervisor !== undefined && (await lockHolder(lock))?.address === supervisor) {
    process.once("disconnect", () => void outlive(supervisor, tree));
    return;
  }
  const address = newAddress();
  const made = await mkdir(tree.recordFolder, { recursive: true });
  await takeRunLock(tree.recordFolder, tree, owner(address));
  await hold(address, tree);
  await passLock(runLock(tree.recordFolder), { ...owner(address), listening: true });
  // A run from a terminal leaves no record, and one that did not begin leaves no folder.
  process.once("exit", () => removeEmpty(tree.recordFolder, made));
}

/** Holds the run after its supervisor was killed: no other process may train it until this one finishes its step. */
async function outlive(supervisor: string, tree: ResultTree): Promise<void> {
  const lock = runLock(tree.recordFolder);
  const address = newAddress();
  // It may have been started again already: what that one does must not be overwritten.
  if ((await lockHolder(lock))?.address !== supervisor) process.exit(EXIT.stopped);
  await hold(address, tree);
  await passLock(lock, { ...owner(address), listening: true, orphan: true });
}

/** Listens, so that others see that this process lives, and removes the lock at its end. */
async function hold(address: string, { recordFolder }: ResultTree): Promise<void> {
  const lock = runLock(recordFolder);
  const server = createServer((socket) => socket.on("error", () => {}).resume());
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(address, resolve));
  server.unref();
  setInterval(() => void touchLock(lock), TOUCH_MS).unref();
  process.once("exit", () => {
    for (const path of [lock, ...(process.platform === "win32" ? [] : [address])])
      try {
        rmSync(path, { force: true });
      } catch {
        // The disk became read-only. Nobody answers at the address, so the lock holds nobody up.
      }
  });
}

/** Removes a folder and those above it, up to the topmost one that was made, as far as they are empty. */
function removeEmpty(folder: string, topmost: string | undefined): void {
  if (topmost === undefined) return;
  try {
    rmdirSync(folder);
  } catch {
    return; // Something is in it.
  }
  if (folder !== topmost) removeEmpty(dirname(folder), topmost);
}
