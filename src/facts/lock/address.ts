/**
 * Addresses at which supervisors listen. The system closes the address with the process: if a connection succeeds, the process is alive.
 */
import { randomBytes } from "node:crypto";
import { lstat, rm } from "node:fs/promises";
import { connect, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import * as v from "valibot";

/** Longest path of a socket that all systems accept, in bytes (`sun_path` of macOS). */
const LONGEST = 103;
/** Folder for sockets whose path in the system's temporary folder would be too long. */
const SHORT_FOLDER = "/tmp";
const NAME = /biapy-([0-9a-f]{24})/;
const SOCKET = new RegExp(`^${NAME.source}\\.sock$`);
const PIPE = new RegExp(`^\\\\\\\\\\.\\\\pipe\\\\${NAME.source}$`);

/**
 * The form of addresses that {@link newAddress} returns on any computer. Addresses come from files, so the form is not enough:
 * {@link connectTo} and {@link removeAddress} also check that it is a socket of this user.
 */
export const addressSchema = v.pipe(
  v.string(),
  v.check(
    (address) => SOCKET.test(basename(address)) || PIPE.test(address),
    "it is not the address of a supervisor",
  ),
);

/** Returns a new, random address. */
export function newAddress(): string {
  const name = `biapy-${randomBytes(12).toString("hex")}`;
  if (process.platform === "win32") return `\\\\.\\pipe\\${name}`;
  const path = join(tmpdir(), `${name}.sock`);
  return Buffer.byteLength(path) <= LONGEST ? path : join(SHORT_FOLDER, `${name}.sock`);
}

/**
 * Whether this program can have created the address for this user: by its name, its folder, and the owner of the socket. A record in a
 * shared folder may name any other file or socket.
 */
async function isOurs(address: string): Promise<boolean> {
  if (process.platform === "win32") return PIPE.test(address);
  const name = basename(address);
  const inOurFolder = [tmpdir(), SHORT_FOLDER].some((folder) => join(folder, name) === address);
  if (!inOurFolder || !SOCKET.test(name)) return false;
  const found = await lstat(address).catch(() => undefined);
  return found?.isSocket() === true && found.uid === process.getuid?.();
}

/** Connects to a supervisor's address; undefined if nobody listens there, or the address is not of this program. */
export async function connectTo(address: string): Promise<Socket | undefined> {
  return (await isOurs(address)) ? connected(connect(address)) : undefined;
}

/** Connects to a port of this machine; undefined if nobody listens there. */
export function connectToPort(port: number): Promise<Socket | undefined> {
  return connected(connect(port, "127.0.0.1"));
}

function connected(socket: Socket): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    socket.once("connect", () => resolve(socket));
    socket.on("error", () => resolve(undefined));
  });
}

/** Makes a server listen on a free port of this machine. Returns the port. */
export async function listenOnFreePort(server: Server): Promise<number> {
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (typeof address !== "object" || address === null)
    throw new Error("No port of this machine could be opened.");
  return address.port;
}

/** Returns the random part of an address, for file names. */
export function addressName(address: string): string {
  return NAME.exec(address)?.[1] ?? "unknown";
}

/** Removes the socket of a killed supervisor. Pipes end with their process. */
export async function removeAddress(address: string): Promise<void> {
  if (process.platform !== "win32" && (await isOurs(address))) await rm(address, { force: true });
}

/** Maximum time between the start of a supervisor and the moment that it listens. */
export const STARTING_MS = 15_000;

/**
 * Whether a supervisor started at a time (milliseconds since the epoch) may not listen yet. A time in the future, from another clock or
 * a forged file, counts only within the same span.
 */
export function mayBeStarting(time: number): boolean {
  return Math.abs(Date.now() - time) < STARTING_MS;
}
