/** A file that is made by one process only, and taken over where its owner is gone. */
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { writeFileAtomically } from "../facts/files/write-file.ts";
import { addressName } from "./address.ts";
import { STARTING_MS } from "./queue.ts";

/**
 * Makes a lock, or takes it over; false where somebody else has it.
 *
 * @param owner who takes it: the address of its supervisor
 * @param lives whether the owner that is there lives
 */
export async function takeLock(lock: string, owner: string, lives: () => Promise<boolean>): Promise<boolean> {
  if (await created(lock, owner)) return true;
  const before = await readFile(lock, "utf8").catch(() => undefined);
  // It was given back meanwhile.
  if (before === undefined) return created(lock, owner);
  if (!(await isLeftBehind(lock)) || (await lives())) return false;
  return tookOver(lock, before, owner);
}

/** Makes a file that was not there; false where it was. */
async function created(file: string, text: string): Promise<boolean> {
  try {
    await writeFile(file, text, { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Whether a file is there and so old that who wrote it is not starting any more. */
async function isLeftBehind(file: string): Promise<boolean> {
  const found = await stat(file).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs >= STARTING_MS;
}

/**
 * Several may find the same lock left behind. The one that makes the claim to it replaces it, unless it is another's by now:
 * whoever wants to replace what that one wrote makes another claim.
 */
async function tookOver(lock: string, before: string, owner: string): Promise<boolean> {
  const claim = `${lock}-${addressName(before)}`;
  if (await isLeftBehind(claim)) await rm(claim, { force: true });
  if (!(await created(claim, owner))) return false;
  try {
    if ((await readFile(lock, "utf8").catch(() => undefined)) !== before) return false;
    await writeFileAtomically(lock, owner);
    return true;
  } finally {
    await rm(claim, { force: true });
  }
}
