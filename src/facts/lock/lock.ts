/** A run's lock: a file that exactly one process makes, and that another takes over where its owner is gone. */

import { createHash } from "node:crypto";
import { readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import * as v from "valibot";
import { errorCode } from "../errors.ts";
import { parseJson, readText } from "../files/regular-file.ts";
import { writeFileAtomically } from "../files/write-file.ts";
import { addressSchema, connectTo, mayBeStarting, removeAddress } from "./address.ts";

const lockOwner = v.pipe(
  v.object({
    /** Where the owner listens, now or soon. */
    address: addressSchema,
    /** The owner's process. */
    pid: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
    /** The computer that it runs on: a result folder may be shared. */
    host: v.string(),
    /** Whether the owner has begun to listen: from then on, it lives exactly as long as its address answers. */
    listening: v.optional(v.boolean()),
    /** A trainer whose supervisor was killed: it ends after its step. */
    orphan: v.optional(v.boolean()),
  }),
  v.readonly(),
);
export type LockOwner = v.InferOutput<typeof lockOwner>;

/** An owner touches its lock this often. */
export const TOUCH_MS = 60_000;
/** The lock of another computer, whose processes cannot be looked for, is believed this long after it was touched. */
const FOREIGN_MS = 5 * TOUCH_MS;
const LARGEST = 4096;

/** This process as the owner of a lock. */
export function owner(address: string): LockOwner {
  return { address, pid: process.pid, host: hostname() };
}

/** Makes a lock, or takes it over. Returns false where a living process holds it. */
export async function takeLock(lock: string, own: LockOwner): Promise<boolean> {
  const text = JSON.stringify(own);
  if (await created(lock, text)) return true;
  const before = await readText(lock, LARGEST);
  // It was removed meanwhile.
  if (before === undefined) return created(lock, text);
  if (await isHeld(lock, before)) return false;
  return tookOver(lock, before, text);
}

/** Reads who holds a lock, or held it last. Returns nothing where there is no lock, or none that can be read. */
export async function lockHolder(lock: string): Promise<LockOwner | undefined> {
  const text = await readText(lock, LARGEST).catch(() => undefined);
  return text === undefined ? undefined : parsed(text);
}

/** Writes another owner into a lock that one holds. */
export async function passLock(lock: string, to: LockOwner): Promise<void> {
  await writeFileAtomically(lock, JSON.stringify(to));
}

/** Says that a lock's owner is still alive, to other computers too. */
export async function touchLock(lock: string): Promise<void> {
  const now = new Date();
  await utimes(lock, now, now).catch(() => {});
}

function parsed(text: string): LockOwner | undefined {
  try {
    return parseJson(text, lockOwner);
  } catch {
    return undefined;
  }
}

/** Whether a lock's owner lives, or may be starting. */
async function isHeld(lock: string, text: string): Promise<boolean> {
  const touched = (await stat(lock).catch(() => undefined))?.mtimeMs;
  if (touched === undefined) return false;
  const holder = parsed(text);
  if (holder === undefined) return mayBeStarting(touched);
  if (holder.host !== hostname()) return Math.abs(Date.now() - touched) < FOREIGN_MS;
  const socket = await connectTo(holder.address);
  socket?.destroy();
  if (socket !== undefined) return true;
  // The number of a killed process stays in use until its parent looks: it counts only before there is an address to ask.
  return holder.listening !== true && mayBeStarting(touched) && isProcess(holder.pid);
}

/** Whether there is a process of that number: maybe another one, if its own has ended. */
function isProcess(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return errorCode(error) === "EPERM";
  }
}

/** Makes a file that is not there yet. Returns false where it is. */
async function created(file: string, text: string): Promise<boolean> {
  try {
    await writeFile(file, text, { flag: "wx" });
    return true;
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    throw error;
  }
}

/**
 * Several processes may find the same lock abandoned. Whichever makes the claim to it replaces it, unless another one has done so
 * by then: who wants to replace what that one wrote makes another claim.
 */
async function tookOver(lock: string, before: string, text: string): Promise<boolean> {
  const claim = `${lock}-${createHash("sha256").update(before).digest("hex").slice(0, 24)}`;
  const claimed = await stat(claim).catch(() => undefined);
  if (claimed !== undefined && !mayBeStarting(claimed.mtimeMs)) await rm(claim, { force: true });
  if (!(await created(claim, text))) return false;
  try {
    if ((await readFile(lock, "utf8").catch(() => undefined)) !== before) return false;
    await writeFileAtomically(lock, text);
    const gone = parsed(before);
    if (gone !== undefined) await removeAddress(gone.address);
    return true;
  } finally {
    await rm(claim, { force: true });
  }
}
