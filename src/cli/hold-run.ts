/** Holds a run's lock for the command line: only one process trains a run at a time, from a terminal or from an editor. */
import { rmdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { EXIT } from "../facts/exit-codes.ts";
import { createFolder } from "../facts/files/create-folder.ts";
import { newAddress } from "../facts/lock/address.ts";
import { lockHolder, owner, passLock, TOUCH_MS, touchLock } from "../facts/lock/lock.ts";
import { runLock, SUPERVISOR_VARIABLE, takeRunLock } from "../facts/lock/run-lock.ts";
import type { ResultTree } from "../facts/result-tree.ts";

/**
 * Holds a run's lock until this process ends. A supervisor already holds it for its trainer, which takes it over if the supervisor is
 * killed.
 *
 * Throws `RunLockError` if the run is already active.
 */
export async function holdRun(tree: ResultTree): Promise<void> {
  const lock = runLock(tree.recordFolder);
  const supervisor = process.env[SUPERVISOR_VARIABLE];
  if (supervisor !== undefined && (await lockHolder(lock))?.address === supervisor) {
    process.once("disconnect", () => void outlive(supervisor, tree));
    return;
  }
  const address = newAddress();
  const made = await createFolder(tree.recordFolder);
  await takeRunLock(tree.recordFolder, tree, owner(address));
  await hold(address, tree);
  await passLock(runLock(tree.recordFolder), { ...owner(address), listening: true });
  // Runs from a terminal have no record: its folder is removed again unless it holds a state.
  process.once("exit", () => removeEmpty(tree.recordFolder, made));
}

/** Takes over the lock of a killed supervisor, so that no other process trains the run until this one has finished its step. */
async function outlive(supervisor: string, tree: ResultTree): Promise<void> {
  const lock = runLock(tree.recordFolder);
  const address = newAddress();
  // Another process may have started the run again already: its files must not be overwritten.
  if ((await lockHolder(lock))?.address !== supervisor) process.exit(EXIT.stopped);
  await hold(address, tree);
  await passLock(lock, { ...owner(address), listening: true, orphan: true });
}

/** Listens at an address, so that other processes see that this one is alive, and removes the lock when it ends. */
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
        // The disk became read-only. The lock blocks no one: its address no longer answers.
      }
  });
}

/** Removes a folder and its parents up to `topmost`, as long as they are empty. */
function removeEmpty(folder: string, topmost: string | undefined): void {
  if (topmost === undefined) return;
  try {
    rmdirSync(folder);
  } catch {
    // It is not empty.
    return;
  }
  if (folder !== topmost) removeEmpty(dirname(folder), topmost);
}
