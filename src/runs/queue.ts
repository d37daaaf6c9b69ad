/**
 * One run at a time on each device: a run waits for those that were ordered earlier, share a device with it and still live. As
 * the order is the same for all and each waits only for earlier ones, nobody holds a lock that a crash could leave behind.
 */

import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { createFolder } from "../facts/files/create-folder.ts";
import { readJson } from "../facts/files/regular-file.ts";
import { writeFileAtomically } from "../facts/files/write-file.ts";
import {
  addressName,
  addressSchema,
  connectTo,
  mayBeStarting,
  removeAddress,
} from "../facts/lock/address.ts";

/** A run that waits or runs. */
const ticketSchema = v.pipe(
  v.object({
    /** The devices that the run holds: `cpu`, `gpu:0`, `gpu:0,1`, or {@link ANY_DEVICE}. */
    device: v.string(),
    /** Milliseconds since the epoch. */
    created: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
    /** Where its supervisor listens. */
    address: addressSchema,
    /** The run's directory. */
    run: v.string(),
  }),
  v.readonly(),
);
export type Ticket = v.InferOutput<typeof ticketSchema>;

/** The device of a run that chooses one itself when it starts: it may be any. */
export const ANY_DEVICE = "any";

/** Whether two runs may need the same device: `gpu:0,1` meets `gpu:0`, and {@link ANY_DEVICE} meets all. */
export function meets(one: string, other: string): boolean {
  if (one === ANY_DEVICE || other === ANY_DEVICE) return true;
  const devices = devicesOf(one);
  return devicesOf(other).some((device) => devices.includes(device));
}

/** `gpu:0,1` -> `gpu:0`, `gpu:1`. */
function devicesOf(device: string): string[] {
  const [kind = "", numbers] = device.split(":", 2);
  return numbers === undefined ? [kind] : numbers.split(",").map((number) => `${kind}:${number.trim()}`);
}

const ticketFile = (queue: string, { created, address }: Ticket) =>
  join(queue, `${created}-${addressName(address)}.json`);

/** Puts a run's ticket into the queue. */
export async function takeTicket(queue: string, ticket: Ticket): Promise<void> {
  await createFolder(queue);
  await writeFileAtomically(ticketFile(queue, ticket), JSON.stringify(ticket));
}

/** Removes a run's ticket from the queue. */
export async function giveTicketBack(queue: string, ticket: Ticket): Promise<void> {
  await rm(ticketFile(queue, ticket), { force: true });
}

const isEarlier = (one: Ticket, other: Ticket) =>
  one.created < other.created || (one.created === other.created && one.address < other.address);

/** Returns the tickets of runs that may need a device, earliest first. */
async function tickets(queue: string, device: string): Promise<Ticket[]> {
  const names = await readdir(queue).catch(() => []);
  const found = await Promise.all(
    names
      .filter((name) => name.endsWith(".json"))
      // One that cannot be read was given back meanwhile, or is no ticket.
      .map((name) => readJson(join(queue, name), ticketSchema).catch(() => undefined)),
  );
  return found
    .filter((ticket) => ticket !== undefined)
    .filter((ticket) => meets(ticket.device, device))
    .sort((one, other) => (isEarlier(one, other) ? -1 : 1));
}

/** Returns the runs that a new run on a device would wait for, earliest first. */
export async function livingTickets(queue: string, device: string): Promise<Ticket[]> {
  const living: Ticket[] = [];
  for (const ticket of await tickets(queue, device)) {
    const socket = await connectTo(ticket.address);
    socket?.destroy();
    if (socket !== undefined || mayBeStarting(ticket.created)) living.push(ticket);
  }
  return living;
}

/**
 * Waits until no earlier run that may need one of its devices lives.
 *
 * @param waiting called with each run that is waited for
 */
export async function awaitTurn(
  queue: string,
  own: Ticket,
  waiting: (run: string) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const earlier = (await tickets(queue, own.device)).filter((ticket) => isEarlier(ticket, own));
    const before = await firstAlive(queue, earlier);
    if (before === undefined) return;
    waiting(before.run);
    await before.over(signal);
  }
}

interface Living {
  readonly run: string;
  /** Resolves when the run has ended or should be looked at again. */
  over(signal: AbortSignal): Promise<void>;
}

/** Returns the first run that lives, and removes the tickets of runs before it whose supervisor was killed. */
async function firstAlive(queue: string, earlier: readonly Ticket[]): Promise<Living | undefined> {
  for (const ticket of earlier) {
    const socket = await connectTo(ticket.address);
    if (socket !== undefined) {
      const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()).resume());
      return {
        run: ticket.run,
        over: async (signal) => {
          const leave = () => socket.destroy();
          signal.addEventListener("abort", leave, { once: true });
          await closed;
          signal.removeEventListener("abort", leave);
        },
      };
    }
    if (mayBeStarting(ticket.created))
      return { run: ticket.run, over: () => new Promise((resolve) => setTimeout(resolve, 200)) };
    // Its supervisor was killed and could not give the ticket back.
    await Promise.all([giveTicketBack(queue, ticket), removeAddress(ticket.address)]);
  }
  return undefined;
}
