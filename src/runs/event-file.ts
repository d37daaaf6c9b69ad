/** Reads a run's events from `events.jsonl`, which may be long, cut off, or anything at all. */
import type { FileHandle } from "node:fs/promises";
import { openRegularFile } from "../facts/files/regular-file.ts";
import { parseRunEvent, type RunEvent } from "../facts/run-events.ts";

/** Bytes that are read and parsed at a time: a long history must not block the extension host. */
const PIECE = 1 << 20;
/** Longest line, in bytes. The longest that a run writes lists all problems of a configuration. */
const LONGEST_LINE = 4 << 20;
/** Bytes that are searched for the end of the last whole line at a time: most lines are far shorter. */
const LAST_LINE = 1 << 16;
/** Most bytes of history that are read: about a million steps. */
const MOST_BYTES = 256 << 20;

/** The events of a part of the file. */
export interface EventPart {
  readonly events: readonly RunEvent[];
  /** Number of lines that hold no valid event, and of bytes beyond the limit: they are left out. */
  readonly damagedLines: number;
  readonly skippedBytes: number;
}

/** Reads the events between two byte offsets that lie between lines. Throws `DamagedFileError` if it is no regular file. */
export async function readEvents(path: string, from: number, to: number): Promise<EventPart> {
  const events: RunEvent[] = [];
  const file = await openRegularFile(path);
  if (file === undefined) return { events, damagedLines: 0, skippedBytes: 0 };
  try {
    const { size } = await file.stat();
    const end = Math.min(to, size, from + MOST_BYTES);
    let damagedLines = 0;
    for await (const line of lines(file, from, end)) {
      if (line === "") continue;
      const event = line === undefined ? undefined : parseRunEvent(line);
      if (event === undefined) damagedLines++;
      else events.push(event);
    }
    return { events, damagedLines, skippedBytes: Math.max(0, Math.min(to, size) - end) };
  } finally {
    await file.close();
  }
}

/** Yields the lines of a part of a file; undefined in place of one that is too long. */
async function* lines(file: FileHandle, from: number, to: number): AsyncGenerator<string | undefined> {
  /** The beginning of a line that continues in the next piece, in pieces. */
  let begun: Buffer[] = [];
  let length = 0;
  const finish = (rest: Buffer): string | undefined => {
    const text =
      length + rest.length > LONGEST_LINE ? undefined : Buffer.concat([...begun, rest]).toString("utf8");
    begun = [];
    length = 0;
    return text;
  };
  for (let at = from; at < to; ) {
    const piece = Buffer.alloc(Math.min(PIECE, to - at));
    const { buffer, bytesRead } = await file.read(piece, 0, piece.length, at);
    if (bytesRead === 0) break;
    at += bytesRead;
    let start = 0;
    for (let end = buffer.indexOf(10); end >= 0 && end < bytesRead; end = buffer.indexOf(10, start)) {
      yield finish(buffer.subarray(start, end));
      start = end + 1;
    }
    const rest = buffer.subarray(start, bytesRead);
    length += rest.length;
    if (length <= LONGEST_LINE) begun.push(rest);
    else begun = [];
  }
  if (length > 0) yield finish(Buffer.alloc(0));
}

/** Returns the number of bytes up to the end of the last whole line; 0 where there is no file. */
export async function wholeLines(path: string): Promise<number> {
  const file = await openRegularFile(path);
  if (file === undefined) return 0;
  try {
    const piece = Buffer.alloc(LAST_LINE);
    for (let end = (await file.stat()).size; end > 0; ) {
      const start = Math.max(0, end - piece.length);
      const { bytesRead } = await file.read(piece, 0, end - start, start);
      const last = piece.subarray(0, bytesRead).lastIndexOf("\n");
      if (last >= 0) return start + last + 1;
      end = start;
    }
    return 0;
  } finally {
    await file.close();
  }
}
