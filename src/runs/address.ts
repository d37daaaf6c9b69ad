/** Where a supervisor listens. The system closes the address with the process: who can connect knows that it lives. */
import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { connect, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Longest path that a socket can have on all systems, in bytes (`sun_path` of macOS). */
const LONGEST = 103;

/** A new address that nobody can guess. */
export function newAddress(): string {
  const name = `biapy-${randomBytes(12).toString("hex")}`;
  if (process.platform === "win32") return `\\\\.\\pipe\\${name}`;
  const path = join(tmpdir(), `${name}.sock`);
  return Buffer.byteLength(path) <= LONGEST ? path : join("/tmp", `${name}.sock`);
}

/**
 * A connection, or nothing where nobody listens.
 *
 * @param address a socket's path, a pipe's name, or a port of this machine
 */
export function connectTo(address: string | number): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = typeof address === "number" ? connect(address, "127.0.0.1") : connect(address);
    socket.once("connect", () => resolve(socket));
    socket.on("error", () => resolve(undefined));
  });
}

/** Makes a server listen on a port of this machine that is free, and gives which. */
export async function listenOnFreePort(server: Server): Promise<number> {
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (typeof address !== "object" || address === null)
    throw new Error("No port of this machine could be opened.");
  return address.port;
}

/** The random part of an address, which file names can have. */
export function addressName(address: string): string {
  return address.replace(/^.*biapy-/, "").replace(/\.sock$/, "");
}

/** Takes away what a supervisor that was killed has left at its address: a socket's file; pipes go with their process. */
export async function removeAddress(address: string): Promise<void> {
  if (process.platform !== "win32") await rm(address, { force: true });
}

/** Longer lines are cut off here: no event and no sentence is as long, and a program may print without an end. */
const LONGEST_LINE = 1 << 20;

/** Calls `line` with each line of a stream, without its end, in time linear in what comes. */
export function eachLine(stream: NodeJS.ReadableStream, line: (text: string) => void): void {
  /** The pieces of the line that has begun, and how long they are. */
  let pieces: string[] = [];
  let length = 0;
  const take = (piece: string) => {
    const kept = piece.slice(0, LONGEST_LINE - length);
    if (kept === "") return;
    pieces.push(kept);
    length += kept.length;
  };
  const end = () => {
    const text = pieces.join("");
    [pieces, length] = [[], 0];
    line(text.replace(/\r$/, ""));
  };
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    let start = 0;
    for (let at = chunk.indexOf("\n"); at >= 0; at = chunk.indexOf("\n", start)) {
      take(chunk.slice(start, at));
      end();
      start = at + 1;
    }
    take(chunk.slice(start));
  });
  stream.on("end", () => {
    if (length > 0) end();
  });
}

/** What a window asks of a supervisor, a word a line: to stop after the step, or to end at once. */
export type Request = "stop" | "kill";

/** Asks the supervisor at an address, where there is one. */
export async function ask(address: string, request: Request): Promise<void> {
  const socket = await connectTo(address);
  socket?.end(`${request}\n`);
}

/** What a supervisor tells every window: so many bytes of events are written; the record has changed. */
export type Notice = { readonly events: number } | { readonly record: true };
