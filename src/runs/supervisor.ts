/**
 * A process between the editor and a trainer. It outlives the window that started it: it waits for the device, runs the
 * trainer, writes its events to a file, tells every connected window how far the file goes, and stops the trainer when a window
 * asks for it. Its entry point is `src/engines/supervisor.ts`; the run's record comes on standard input.
 */

import { type ChildProcess, spawn } from "node:child_process";
import {
  appendFileSync,
  createWriteStream,
  existsSync,
  rmSync,
  truncateSync,
  type WriteStream,
  writeFileSync,
} from "node:fs";
import { chmod, rm, stat } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { basename } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as setTimeoutPromise } from "node:timers/promises";
import { errorMessage } from "../facts/errors.ts";
import { type Exit, explainExit, explainStart, keepLine } from "../facts/explain-exit.ts";
import { eachLine } from "../facts/files/lines.ts";
import { parseJson } from "../facts/files/regular-file.ts";
import { explainedWriteError } from "../facts/files/write-file.ts";
import { firstError } from "../facts/first-error.ts";
import { owner, passLock, TOUCH_MS, touchLock } from "../facts/lock/lock.ts";
import { SUPERVISOR_VARIABLE } from "../facts/lock/run-lock.ts";
import { memoryKills } from "../facts/memory-kills.ts";
import { resultTree } from "../facts/result-tree.ts";
import type { NewEndEvent, NewRunEvent, Problem, RunEvent } from "../facts/run-events.ts";
import { type RunState, readRunState } from "../facts/run-state.ts";
import { askToStop, endTree, runAside } from "./end-process.ts";
import { wholeLines } from "./event-file.ts";
import type { OpenReader, OutputReader } from "./output-reader.ts";
import { awaitTurn, giveTicketBack, type Ticket } from "./queue.ts";
import {
  type RecordFiles,
  type RunRecord,
  recordFiles,
  recordSchema,
  runIdentity,
  writeRecord,
} from "./record.ts";
import type { Notice } from "./supervisor-messages.ts";

/** Debounce of notices about events. */
const NOTICE_MS = 40;
/** Time for windows to read the last notices. */
const FAREWELL_MS = 1000;
/** Longest request of a window, in characters. */
const LONGEST_REQUEST = 100;

/** Space for the last events and the record. */
const RESERVE_BYTES = 1 << 18;

class Supervisor {
  private readonly windows = new Set<Socket>();
  private readonly waiting = new AbortController();
  private readonly log: WriteStream;
  private readonly lastLines: string[] = [];
  private server: Server | undefined;
  private child: ChildProcess | undefined;
  private written = 0;
  private noticeTimer: NodeJS.Timeout | undefined;
  private stopAsked = false;
  /** The trainer's own end event. */
  private end: NewEndEvent | undefined;
  private problems: readonly Problem[] = [];
  /** Changes of the record are written one after another. */
  private saved: Promise<void> = Promise.resolve();

  constructor(
    private readonly files: RecordFiles,
    private record: RunRecord,
    private readonly openReader: OpenReader,
  ) {
    this.log = createWriteStream(files.log, { flags: "a" });
    // On a full disk, events matter more than the log.
    this.log.on("error", () => {});
  }

  async run(): Promise<void> {
    // Until now, the lock named the process that started this one.
    await passLock(this.files.lock, owner(this.record.address));
    this.written = await stat(this.files.events).then(
      ({ size }) => size,
      () => 0,
    );
    const full = this.reserve() ?? (await this.endCutLine());
    await this.listen();
    await passLock(this.files.lock, { ...owner(this.record.address), listening: true });
    setInterval(() => void this.stayAlive(), TOUCH_MS).unref();
    await this.change({ supervisor: process.pid });
    process.on("SIGTERM", (signal) => this.stopBy(signal));
    process.on("SIGINT", (signal) => this.stopBy(signal));
    process.on("SIGHUP", () => {});
    const ticket = this.ticket();
    try {
      if (ticket !== undefined)
        await awaitTurn(this.record.queue, ticket, (run) => this.tellWaiting(run), this.waiting.signal);
      if (full !== undefined) throw full;
      await this.train();
    } catch (error) {
      const message = errorMessage(error);
      this.tell({ ...this.endEvent(), status: "failed", message });
    }
    await this.close(ticket);
  }

  private ticket(): Ticket | undefined {
    const { device, created, address, order } = this.record;
    return device === undefined ? undefined : { device, created, address, run: runIdentity(order) };
  }

  private async listen(): Promise<void> {
    const { address } = this.record;
    this.server = createServer((socket) => {
      this.windows.add(socket);
      socket.on("close", () => this.windows.delete(socket));
      socket.on("error", () => {});
      eachLine(socket, (request) => this.answer(request), LONGEST_REQUEST);
      // The record may have changed since the window read it.
      send(socket, { record: true });
      send(socket, { events: this.written });
    });
    const { server } = this;
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(address, resolve));
    if (process.platform === "win32") return;
    // Only its owner may stop a run.
    await chmod(address, 0o600);
  }

  /** Systems clean up their folder of temporary files, in which the socket lies; other computers look at the lock's age. */
  private async stayAlive(): Promise<void> {
    await touchLock(this.files.lock);
    const { address } = this.record;
    if (process.platform !== "win32" && !existsSync(address)) await this.listen().catch(() => {});
  }

  private answer(request: string): void {
    if (request === "stop") this.stop();
    else if (request === "kill") this.kill();
  }

  private tellWaiting(run: string): void {
    // A run's directory is named after it: `cells_1`.
    const name = basename(run).replace(/_(\d+)$/, ", run $1,");
    this.tell({ event: "log", level: "info", message: `Waiting until ${name} has ended.` });
  }

  private async train(): Promise<void> {
    const { order, command } = this.record;
    const reader = await this.openReader(command.output, order);
    const before = await this.state();
    if (order.resume) for (const event of (await reader.missed?.()) ?? []) this.tell(event);
    // Nothing is waited for between this and the start, so that no stop is missed.
    if (this.stopAsked) return this.tell({ ...this.endEvent(), status: "stopped" });
    const exit = await this.spawn(reader);
    for (const event of reader.end?.(exit.code) ?? []) this.tell(event);
    if (this.end === undefined) this.tell((await this.endByState(before)) ?? this.endOf(exit));
  }

  /** Returns the state that the embedded engine wrote; undefined for other trainers. */
  private async state(): Promise<RunState | undefined> {
    const { order, command } = this.record;
    if (command.output !== "events") return undefined;
    return readRunState(resultTree(order.resultDirectory, order.name, order.runId)).catch(() => undefined);
  }

  /** Returns the end that the embedded engine wrote into its state but could not report. A state from before the start is another run's. */
  private async endByState(before: RunState | undefined): Promise<NewEndEvent | undefined> {
    const state = await this.state();
    if (state === undefined || state.time === before?.time) return undefined;
    const { status, message } = state;
    return status === "training" || status === "testing"
      ? undefined
      : { ...this.endEvent(), status, message };
  }

  /** Runs the trainer until it ends. */
  private spawn(reader: OutputReader): Promise<Exit> {
    const { command, args, cwd, env, output } = this.record.command;
    return new Promise((resolve) => {
      const child = spawn(command, args, {
        cwd,
        env: { ...process.env, ...env, [SUPERVISOR_VARIABLE]: this.record.address },
        // Windows has no signal that asks to stop, so our own command line takes a message.
        stdio: output === "events" ? ["ignore", "pipe", "pipe", "ipc"] : ["ignore", "pipe", "pipe"],
        detached: process.platform !== "win32",
        windowsHide: true,
      });
      this.child = child;
      for (const stream of ["stdout", "stderr"] as const)
        if (child[stream]) eachLine(child[stream], (line) => this.read(reader, line, stream));
      // If this cannot be written, the run goes on: its end is written later.
      child.once("spawn", () => this.change({ started: Date.now(), pid: child.pid }).catch(() => {}));
      child.once("error", (error) => {
        if (child.pid !== undefined) return;
        this.tell({ ...this.endEvent(), status: "failed", message: explainStart(command, error) });
        resolve({ code: null, signal: null, lastLines: [] });
      });
      const killedBefore = memoryKills();
      child.once("close", (code, signal) =>
        resolve({ code, signal, lastLines: this.lastLines, outOfMemory: memoryKills() > killedBefore }),
      );
      // Processes that the trainer left behind would keep its output open.
      child.once("exit", () => child.pid !== undefined && endTree(child.pid));
    });
  }

  private read(reader: OutputReader, line: string, stream: "stdout" | "stderr"): void {
    const events = reader.line(line, stream);
    for (const event of events) this.tell(event);
    const isOwnEvent = this.record.command.output === "events" && events.length > 0;
    if (isOwnEvent) return;
    this.log.write(`${line}\n`);
    keepLine(this.lastLines, line);
  }

  /** Writes an event and notifies the windows. */
  private tell(event: RunEvent | NewRunEvent): void {
    if (event.event === "end") {
      event = this.explained(event);
      this.end = event;
    }
    if (event.event === "problems") this.problems = event.problems;
    const line = `${JSON.stringify("time" in event ? event : { ...event, time: Date.now() })}\n`;
    try {
      this.append(line);
    } catch {
      this.appendToReserve(line);
    }
    this.noticeTimer ??= setTimeout(() => this.noticeEvents(), NOTICE_MS);
  }

  /** Ends a line that a killed supervisor began: the next event would be lost with it. Returns the error if that fails. */
  private async endCutLine(): Promise<Error | undefined> {
    try {
      if ((await wholeLines(this.files.events)) < this.written) this.append("\n");
      return undefined;
    } catch (error) {
      return explainedWriteError(this.files.events, error);
    }
  }

  private append(line: string): void {
    appendFileSync(this.files.events, line);
    this.written += Buffer.byteLength(line);
  }

  /**
   * Appends a line for which the disk had no space. If it cannot be written even so, such as when the run's folder was deleted, it is
   * lost: the trainer is still supervised.
   */
  private appendToReserve(line: string): void {
    try {
      this.cutLine();
      this.giveReserve();
      this.append(line);
    } catch {
      this.cutLine();
    }
  }

  /** Removes the beginning of a line that was not written whole, if there is one. */
  private cutLine(): void {
    try {
      truncateSync(this.files.events, this.written);
    } catch {}
  }

  /** Reserves disk space, so that the end of a run that fills the disk can be recorded. Returns the error if that fails. */
  private reserve(): Error | undefined {
    try {
      writeFileSync(this.files.reserve, Buffer.alloc(RESERVE_BYTES));
      return undefined;
    } catch (error) {
      this.giveReserve();
      return explainedWriteError(this.files.folder, error);
    }
  }

  private giveReserve(): void {
    rmSync(this.files.reserve, { force: true });
  }

  private noticeEvents(): void {
    this.noticeTimer = undefined;
    for (const window of this.windows) send(window, { events: this.written });
  }

  private change(changed: Partial<RunRecord>): Promise<void> {
    const record = { ...this.record, ...changed };
    this.record = record;
    const save = async () => {
      // The run was deleted.
      if (!existsSync(this.files.folder)) return;
      await writeRecord(this.files, record).catch(() => {
        this.giveReserve();
        return writeRecord(this.files, record);
      });
      for (const window of this.windows) send(window, { record: true });
    };
    // Also after a change that could not be written.
    this.saved = this.saved.then(save, save);
    return this.saved;
  }

  private endEvent() {
    return { event: "end", runDirectory: runIdentity(this.record.order) } as const;
  }

  /** Returns the end event of a trainer that sent none. */
  private endOf(exit: Exit): NewEndEvent {
    const end = this.endEvent();
    const byDebugger = this.record.debugged && (exit.signal === "SIGKILL" || exit.signal === "SIGTERM");
    if (this.stopAsked || byDebugger) return { ...end, status: "stopped" };
    // The embedded engine reports a good end itself.
    if (exit.code === 0 && this.record.command.output !== "events") return { ...end, status: "finished" };
    return { ...end, status: "failed", message: firstError(this.problems) ?? explainExit(exit) };
  }

  /** Returns the end event of a failed trainer with its first problem as the message, if it has none. */
  private explained<End extends NewEndEvent>(end: End): End {
    return end.status === "failed" ? { ...end, message: end.message ?? firstError(this.problems) } : end;
  }

  /** Stops the run because of a signal, which the system or another program sent: the user sees that no window asked for it. */
  private stopBy(signal: NodeJS.Signals): void {
    const message = `${signal} was sent to this run from outside the editor, such as by a shutdown: it stops.`;
    if (!this.stopAsked) this.tell({ event: "log", level: "warning", message });
    this.stop();
  }

  /** Lets the trainer finish its step and write a checkpoint; ends it when it takes too long. */
  private stop(): void {
    if (this.stopAsked) return;
    this.stopAsked = true;
    this.waiting.abort();
    const { child } = this;
    if (child === undefined) return;
    const { stop } = this.record.command;
    if (stop !== undefined) runAside(stop);
    const heard = askToStop(child) || stop !== undefined;
    setTimeout(() => this.kill(), heard ? this.record.stopSeconds * 1000 : 0).unref();
  }

  private kill(): void {
    this.stopAsked = true;
    this.waiting.abort();
    if (this.record.command.kill !== undefined) runAside(this.record.command.kill);
    if (this.child?.pid !== undefined) endTree(this.child.pid);
  }

  private async close(ticket: Ticket | undefined): Promise<void> {
    clearTimeout(this.noticeTimer);
    const { status, message } = this.end ?? { status: "failed" };
    this.noticeEvents();
    await new Promise<void>((resolve) => this.log.end(resolve));
    if (ticket !== undefined) await giveTicketBack(this.record.queue, ticket);
    // The lock is removed first: whoever reads of the end may resume the run at once.
    await rm(this.files.lock, { force: true });
    this.giveReserve();
    await this.change({ ended: { time: Date.now(), status, message } });
    const closed = new Promise<void>((resolve) => this.server?.close(() => resolve()));
    for (const window of this.windows) window.end();
    await Promise.race([closed, setTimeoutPromise(FAREWELL_MS)]);
  }
}

function send(window: Socket, notice: Notice): void {
  window.write(`${JSON.stringify(notice)}\n`);
}

/**
 * Supervises the run whose record comes on standard input, until it has ended. Throws where it is no record.
 *
 * @param folder the folder of the record
 * @param openReader opens the reader of what the trainer prints
 */
export async function supervise(folder: string, openReader: OpenReader): Promise<void> {
  const record = parseJson(await text(process.stdin), recordSchema);
  await new Supervisor(recordFiles(folder), record, openReader).run();
}
