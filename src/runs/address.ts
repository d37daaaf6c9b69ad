/** Where a supervisor listens. The system closes the address with the process: who can connect knows that it lives. */
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
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

/** A connection, or nothing where nobody listens. */
export function connectTo(address: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(address);
    socket.once("connect", () => resolve(socket));
    socket.on("error", () => resolve(undefined));
  });
}

/** Calls `line` with each line that comes, without its end. */
export function eachLine(stream: NodeJS.ReadableStream, line: (text: string) => void): void {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const text of lines) line(text.replace(/\r$/, ""));
  });
  stream.on("end", () => {
    if (rest !== "") line(rest);
    rest = "";
  });
}

/** What a window asks of a supervisor, a word a line: to stop after the step, or to end at once. */
export type Request = "stop" | "kill";

/** What a supervisor tells every window: so many bytes of events are written; the record has changed. */
export type Notice = { readonly events: number } | { readonly record: true };
