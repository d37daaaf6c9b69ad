/** A run as one window sees it: its record, and a connection to its supervisor while that lives. */
import type { Socket } from "node:net";
import { basename, dirname } from "node:path";
import { setTimeout } from "node:timers/promises";
import type * as v from "valibot";
import { eachLine } from "../facts/files/lines.ts";
import { DamagedFileError, parseJson } from "../facts/files/regular-file.ts";
import { connectTo, mayBeStarting, removeAddress } from "../facts/lock/address.ts";
import type { RunEvent } from "../facts/run-events.ts";
import { isActive, type RunStatus } from "../facts/run-status.ts";
import { type EventPart, readEvents, wholeLines } from "./event-file.ts";
import { type RecordFiles, type RunOrder, type RunRecord, readRecord, runIdentity } from "./record.ts";
import { noticeSchema, type Request } from "./supervisor-messages.ts";

export interface RunListener {
  /** The run's state has changed. */
  changed(run: LiveRun): void;
  received(run: LiveRun, events: readonly RunEvent[]): void;
}

/** Time between attempts to reach a supervisor that is starting. */
const RETRY_MS = 50;
/** Longest notice of a supervisor, in characters. */
const LONGEST_NOTICE = 1000;

export class LiveRun {
  private socket: Socket | undefined;
  private connecting = false;
  private requested: Request | undefined;
  private closed = false;
  /** Number of bytes of the events file that the listener has received. */
  private told = 0;
  private reading: Promise<void> = Promise.resolve();

  private constructor(
    readonly files: RecordFiles,
    private current: RunRecord,
    private readonly listener: RunListener,
    /** Whether the run may be connected to: not in a folder that is not trusted, nor where something else answered. */
    private mayFollow: boolean,
  ) {}

  /**
   * Opens a record and, where `follow` allows it, follows its run while it lives. Returns undefined if there is no record.
   *
   * Throws `DamagedFileError` if the record or the events cannot be what they should be.
   */
  static async open(
    files: RecordFiles,
    listener: RunListener,
    follow: boolean,
  ): Promise<LiveRun | undefined> {
    const record = await named(files.record, readRecord(files));
    if (record === undefined) return undefined;
    const run = new LiveRun(files, record, listener, follow);
    run.told = await named(files.events, wholeLines(files.events));
    if (record.ended === undefined) await run.follow();
    return run;
  }

  get record(): RunRecord {
    return this.current;
  }

  /** The order, with the place where the record lies now: results may have been moved. */
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
    if (!this.mayFollow) return "unknown";
    if (this.socket !== undefined || this.isStarting)
      return this.current.started === undefined ? "queued" : "running";
    return "interrupted";
  }

  /** Whether it waits or trains. */
  get isActive(): boolean {
    return isActive(this.status);
  }

  /** Whether its supervisor may not listen yet, or is being connected to. */
  private get isStarting(): boolean {
    const { supervisor, created } = this.current;
    return this.connecting || (supervisor === undefined && mayBeStarting(created));
  }

  /** Returns all events up to the last one that the listener received: the next one follows without a gap. */
  async events(): Promise<readonly RunEvent[]> {
    const events: RunEvent[] = [];
    let damagedLines = 0;
    let skippedBytes = 0;
    for (let from = 0; from < this.told; ) {
      const to = this.told;
      const part = await readEvents(this.files.events, from, to);
      for (const event of part.events) events.push(event);
      damagedLines += part.damagedLines;
      skippedBytes += part.skippedBytes;
      from = to;
    }
    return [...events, ...damageNotes(this.files.events, events, { damagedLines, skippedBytes })];
  }

  /** Stops it after its step, or (`kill`) at once. */
  request(request: Request): void {
    this.requested = request;
    this.socket?.write(`${request}\n`);
  }

  /** Stops following; the run continues. */
  close(): void {
    this.closed = true;
    this.socket?.destroy();
    this.socket = undefined;
  }

  /** Connects to the supervisor, now or when it listens. If it has ended, reads the record again. */
  private async follow(): Promise<void> {
    if (!this.mayFollow) return;
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
    // It was requested before the supervisor listened.
    if (this.requested !== undefined) socket.write(`${this.requested}\n`);
    eachLine(socket, (line) => this.take(socket, line), LONGEST_NOTICE);
    socket.once("close", () =>
      this.inTurn(async () => {
        this.socket = undefined;
        if (this.mayFollow) await this.follow();
        else this.listener.changed(this);
      }),
    );
    this.listener.changed(this);
  }

  /** Takes in a notice. A sender of anything else is not our supervisor: it is never connected to again. */
  private take(socket: Socket, line: string): void {
    let notice: v.InferOutput<typeof noticeSchema>;
    try {
      notice = parseJson(line, noticeSchema);
    } catch {
      this.mayFollow = false;
      socket.destroy();
      return;
    }
    this.inTurn(() => ("events" in notice ? this.tellUntil(notice.events) : this.reread()));
  }

  /** Runs reads one after another. A file that cannot be read (it may be deleted) is read again at the next notice. */
  private inTurn(read: () => Promise<void>): void {
    this.reading = this.reading.then(() => (this.closed ? undefined : read())).catch(() => {});
  }

  /** Reads the record again. The listener first receives all events of a run that has ended. */
  private async reread(): Promise<void> {
    // A record that is damaged meanwhile is reported when the run is opened again.
    const record = (await readRecord(this.files).catch(() => undefined)) ?? this.current;
    if (record.ended !== undefined) await this.tellUntil(await wholeLines(this.files.events).catch(() => 0));
    this.current = record;
    if (!this.closed) this.listener.changed(this);
  }

  private async tellUntil(end: number): Promise<void> {
    if (end <= this.told || this.closed) return;
    const { events } = await readEvents(this.files.events, this.told, end);
    this.told = end;
    this.listener.received(this, events);
  }
}

/** Adds the file's name to the error of a damaged file. */
async function named<T>(path: string, read: Promise<T>): Promise<T> {
  try {
    return await read;
  } catch (error) {
    if (!(error instanceof DamagedFileError)) throw error;
    throw new DamagedFileError(`${basename(path)} ${error.message}`);
  }
}

/** Returns warnings about the parts of a history that were left out. */
function damageNotes(
  path: string,
  events: readonly RunEvent[],
  { damagedLines, skippedBytes }: Omit<EventPart, "events">,
): RunEvent[] {
  const time = events.at(-1)?.time ?? 0;
  const warning = (message: string): RunEvent => ({ event: "log", time, level: "warning", message });
  const lines =
    damagedLines === 1
      ? "1 line that is no run event was"
      : `${damagedLines} lines that are no run events were`;
  return [
    ...(damagedLines === 0 ? [] : [warning(`${path} is damaged: ${lines} left out.`)]),
    ...(skippedBytes === 0
      ? []
      : [warning(`${path} is too long to be shown whole: its last ${skippedBytes} bytes were left out.`)]),
  ];
}
