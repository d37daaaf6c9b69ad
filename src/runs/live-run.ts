/** A run as one window sees it: its record, and a connection to its supervisor while that lives. */
import { open } from "node:fs/promises";
import type { Socket } from "node:net";
import { dirname } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { RunEvent } from "../facts/run-events.ts";
import type { RunStatus } from "../facts/run-status.ts";
import { connectTo, eachLine, type Notice, type Request, removeAddress } from "./address.ts";
import { STARTING_MS } from "./queue.ts";
import { type RecordFiles, type RunOrder, type RunRecord, readRecord, runIdentity } from "./record.ts";

export interface RunListener {
  /** The run stands otherwise than before. */
  changed(run: LiveRun): void;
  received(run: LiveRun, events: readonly RunEvent[]): void;
}

/** Time between attempts to reach a supervisor that is starting. */
const RETRY_MS = 50;

export class LiveRun {
  private socket: Socket | undefined;
  private connecting = false;
  private requested: Request | undefined;
  private closed = false;
  /** Bytes of the events' file that were told to the listener. */
  private told = 0;
  private reading: Promise<void> = Promise.resolve();

  private constructor(
    readonly files: RecordFiles,
    private current: RunRecord,
    private readonly listener: RunListener,
  ) {}

  /** Opens a record and follows its run while it lives; nothing where there is no record. */
  static async open(files: RecordFiles, listener: RunListener): Promise<LiveRun | undefined> {
    const record = await readRecord(files);
    if (record === undefined) return undefined;
    const run = new LiveRun(files, record, listener);
    run.told = await wholeLines(files.events);
    if (record.ended === undefined) await run.follow();
    return run;
  }

  get record(): RunRecord {
    return this.current;
  }

  /** What was ordered, with the place where the record lies now: results may have been moved. */
  get order(): RunOrder {
    return { ...this.current.order, resultDirectory: dirname(this.jobDirectory) };
  }

  get jobDirectory(): string {
    return dirname(dirname(this.files.folder));
  }

  get id(): string {
    return runIdentity(this.order);
  }

  get status(): RunStatus {
    if (this.current.ended !== undefined) return this.current.ended.status;
    if (this.socket !== undefined || this.isStarting)
      return this.current.started === undefined ? "queued" : "running";
    return "interrupted";
  }

  /** Whether it waits or trains. */
  get isActive(): boolean {
    return this.status === "queued" || this.status === "running";
  }

  /** Its supervisor has not said yet that it listens, or is being reached. */
  private get isStarting(): boolean {
    const { supervisor, created } = this.current;
    return this.connecting || (supervisor === undefined && Date.now() - created < STARTING_MS);
  }

  /** All events that the listener was told, and those before: what comes next follows without a gap. */
  async events(): Promise<readonly RunEvent[]> {
    const events: RunEvent[] = [];
    for (let from = 0; from < this.told; ) {
      const to = this.told;
      for (const event of await readEvents(this.files.events, from, to)) events.push(event);
      from = to;
    }
    return events;
  }

  /** Stops it after its step, or (`kill`) at once. */
  request(request: Request): void {
    this.requested = request;
    this.socket?.write(`${request}\n`);
  }

  /** Stops following; the run goes on. */
  close(): void {
    this.closed = true;
    this.socket?.destroy();
    this.socket = undefined;
  }

  /** Reaches the supervisor, now or when it listens; looks at the record again where there is none any more. */
  private async follow(): Promise<void> {
    this.connecting = true;
    const socket = await connectTo(this.current.address);
    this.connecting = false;
    if (this.closed) socket?.destroy();
    else if (socket !== undefined) this.hear(socket);
    else if (this.isStarting) void this.followSoon();
    else {
      await removeAddress(this.current.address);
      await this.reread();
    }
  }

  private async followSoon(): Promise<void> {
    await setTimeout(RETRY_MS);
    if (this.closed) return;
    this.connecting = true;
    await this.reread();
    if (this.current.ended === undefined) await this.follow();
    this.connecting = false;
  }

  private hear(socket: Socket): void {
    this.socket = socket;
    // It was asked for before there was somebody to ask.
    if (this.requested !== undefined) socket.write(`${this.requested}\n`);
    eachLine(socket, (line) => {
      const notice = JSON.parse(line) as Notice;
      this.inTurn(() => ("events" in notice ? this.tellUntil(notice.events) : this.reread()));
    });
    socket.once("close", () =>
      this.inTurn(() => {
        this.socket = undefined;
        return this.follow();
      }),
    );
    this.listener.changed(this);
  }

  /** Reads one after another. A file that cannot be read, deleted maybe, is tried again with the next notice. */
  private inTurn(read: () => Promise<void>): void {
    this.reading = this.reading.then(() => (this.closed ? undefined : read())).catch(() => {});
  }

  /** Takes in what the record says now; the events before the end are told first. */
  private async reread(): Promise<void> {
    const record = (await readRecord(this.files)) ?? this.current;
    if (record.ended !== undefined) await this.tellUntil(await wholeLines(this.files.events));
    this.current = record;
    if (!this.closed) this.listener.changed(this);
  }

  private async tellUntil(end: number): Promise<void> {
    if (end <= this.told || this.closed) return;
    const events = await readEvents(this.files.events, this.told, end);
    this.told = end;
    this.listener.received(this, events);
  }
}

/** Bytes of events that are taken in at a time: a long run's history must not hold up the editor. */
const PIECE = 1 << 20;

async function readEvents(file: string, from: number, to: number): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  const handle = await open(file);
  try {
    /** The beginning of a line that goes on in the next piece. */
    let begun = Buffer.alloc(0);
    for (let at = from; at < to; at += PIECE) {
      const length = Math.min(PIECE, to - at);
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, at);
      const read = Buffer.concat([begun, buffer.subarray(0, bytesRead)]);
      const whole = at + length < to ? read.lastIndexOf("\n") + 1 : read.length;
      for (const line of read.toString("utf8", 0, whole).split("\n")) {
        try {
          if (line !== "") events.push(JSON.parse(line) as RunEvent);
        } catch {
          // Cut off when the machine went down.
        }
      }
      begun = read.subarray(whole);
    }
  } finally {
    await handle.close();
  }
  return events;
}

/** Bytes of a file up to the end of its last whole line. */
async function wholeLines(file: string): Promise<number> {
  const handle = await open(file).catch(() => undefined);
  if (handle === undefined) return 0;
  try {
    const { size } = await handle.stat();
    const tail = Buffer.alloc(Math.min(size, 1 << 16));
    await handle.read(tail, 0, tail.length, size - tail.length);
    return size - tail.length + tail.lastIndexOf("\n") + 1;
  } finally {
    await handle.close();
  }
}
