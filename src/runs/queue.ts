/**
 * One run at a time on each device: a run is preceded by those of its device that were ordered earlier and still live. As the
 * order is the same for all and each waits only for earlier ones, nobody holds a lock that a crash could leave behind.
 */
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomically } from "../facts/files/write-file.ts";
import { addressName, connectTo, removeAddress } from "./address.ts";

/** A run that waits or runs. */
export interface Ticket {
  readonly device: string;
  /** Milliseconds since the epoch. */
  readonly created: number;
  /** Where its supervisor listens. */
  readonly address: string;
  /** The run's directory. */
  readonly run: string;
}

/** A supervisor listens so long after its ticket was written, at the latest. */
export const STARTING_MS = 15_000;

const ticketFile = (queue: string, { created, address }: Ticket) =>
  join(queue, `${created}-${addressName(address)}.json`);

export async function takeTicket(queue: string, ticket: Ticket): Promise<void> {
  await mkdir(queue, { recursive: true });
  await writeFileAtomically(ticketFile(queue, ticket), JSON.stringify(ticket));
}

export async function giveTicketBack(queue: string, ticket: Ticket): Promise<void> {
  await rm(ticketFile(queue, ticket), { force: true });
}

const isEarlier = (one: Ticket, other: Ticket) =>
  one.created < other.created || (one.created === other.created && one.address < other.address);

/** The tickets of a queue, earliest first. */
async function tickets(queue: string): Promise<Ticket[]> {
  const names = await readdir(queue).catch(() => []);
  const found = await Promise.all(
    names
      .filter((name) => name.endsWith(".json"))
      .map(async (name) => {
        try {
          return JSON.parse(await readFile(join(queue, name), "utf8")) as Ticket;
        } catch {
          return undefined; // Given back meanwhile.
        }
      }),
  );
  return found
    .filter((ticket) => ticket !== undefined)
    .sort((one, other) => (isEarlier(one, other) ? -1 : 1));
}

/** The runs of a device that wait or train, earliest first. */
export async function livingTickets(queue: string, device: string): Promise<Ticket[]> {
  const living: Ticket[] = [];
  for (const ticket of await tickets(queue)) {
    if (ticket.device !== device) continue;
    const socket = await connectTo(ticket.address);
    socket?.destroy();
    if (socket !== undefined || isStarting(ticket)) living.push(ticket);
  }
  return living;
}

/** Its supervisor may not listen yet. */
const isStarting = ({ created }: Ticket) => Date.now() - created < STARTING_MS;

/**
 * Waits until no earlier run of the device lives.
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
    const earlier = (await tickets(queue)).filter(
      (ticket) => ticket.device === own.device && isEarlier(ticket, own),
    );
    const before = await firstAlive(queue, earlier);
    if (before === undefined) return;
    waiting(before.run);
    await before.over(signal);
  }
}

interface Living {
  readonly run: string;
  /** Resolves when it has ended or is worth another look. */
  over(signal: AbortSignal): Promise<void>;
}

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
    if (isStarting(ticket))
      return { run: ticket.run, over: () => new Promise((resolve) => setTimeout(resolve, 200)) };
    // Its supervisor is gone and could not say so.
    await Promise.all([giveTicketBack(queue, ticket), removeAddress(ticket.address)]);
  }
  return undefined;
}
