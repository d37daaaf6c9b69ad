/** A run's lock: a file that exactly one process creates, and that another process takes over if its owner has ended. */

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
    /** The computer that the owner runs on: a result folder may be shared. */
    host: v.string(),
    /** Whether the owner has begun to listen. From then on, it is alive as long as its address answers. */
    listening: v.optional(v.boolean()),
    /** Whether the owner is a trainer whose supervisor was killed: it ends after its step. */
    orphan: v.optional(v.boolean()),
  }),
  v.readonly(),
);
export type LockOwner = v.InferOutput<typeof lockOwner>;

/** Interval at which an owner touches its lock. */
export const TOUCH_MS = 60_000;
/** Age up to which the lock of another computer counts as held: its processes cannot be checked. */
const FOREIGN_MS = 5 * TOUCH_MS;
const LARGEST = 4096;

/** Returns this process as the owner of a lock. */
export function owner(address: string): LockOwner {
  return { address, pid: process.pid, host: hostname() };
}

/** Creates a lock, or takes it over. Returns false if a living process holds it. Throws `DamagedFileError` if it is not a readable file. */
export async function takeLock(lock: string, own: LockOwner): Promise<boolean> {
  const text = JSON.stringify(own);
  if (await created(lock, text)) return true;
  const before = await readText(lock, LARGEST);
  // The lock was removed meanwhile.
  if (before === undefined) return created(lock, text);
  if (await isHeld(lock, before)) return false;
  return tookOver(lock, before, text);
}

/** Returns the current or last owner of a lock; undefined if there is no readable lock. */
export async function lockHolder(lock: string): Promise<LockOwner | undefined> {
  const text = await readText(lock, LARGEST).catch(() => undefined);
  return text === undefined ? undefined : parsed(text);
}

/** Passes a lock that this process holds to another owner. */
export async function passLock(lock: string, to: LockOwner): Promise<void> {
  await writeFileAtomically(lock, JSON.stringify(to));
}

/** Marks the owner of a lock as alive, also for other computers. */
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

/** Whether the owner of a lock is alive, or may be starting. */
async function isHeld(lock: string, text: string): Promise<boolean> {
  const touched = (await stat(lock).catch(() => undefined))?.mtimeMs;
  if (touched === undefined) return false;
  const holder = parsed(text);
  if (holder === undefined) return mayBeStarting(touched);
  if (holder.host !== hostname()) return Math.abs(Date.now() - touched) < FOREIGN_MS;
  const socket = await connectTo(holder.address);
  socket?.destroy();
  if (socket !== undefined) return true;
  // A killed process keeps its number until its parent collects it, so the number counts only before there is an address to ask.
  return holder.listening !== true && mayBeStarting(touched) && isProcess(holder.pid);
}

/** Whether a process has this number. It may be another one if the original has ended. */
function isProcess(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return errorCode(error) === "EPERM";
  }
}

/** Creates a file. Returns false if it exists. */
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
 * Replaces an abandoned lock. Several processes may find it abandoned: the one that creates the claim file replaces it, unless another
 * one already has. The name of the claim depends on the content of the lock, so the next lock has another claim.
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
