/** All runs known to this window: those started from an editor, and those known only from their files. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import * as vscode from "vscode";
import { DamagedFileError } from "../../facts/files/regular-file.ts";
import { resultTree } from "../../facts/result-tree.ts";
import type { RunEvent } from "../../facts/run-events.ts";
import type { RunNotes } from "../../facts/run-notes.ts";
import type { RunDetails, RunSummary } from "../../protocol/panel-messages.ts";
import { pastEvents } from "../../results/past-events.ts";
import type { RunFolder } from "../../results/run-folders.ts";
import { LiveRun } from "../../runs/live-run.ts";
import { livingTickets, type Ticket } from "../../runs/queue.ts";
import { type RecordFiles, type RunCommand, type RunOrder, recordFilesOf } from "../../runs/record.ts";
import { readNotes, writeNotes } from "../../runs/run-notes.ts";
import { bundleProgram, startRun } from "../../runs/start-run.ts";
import { ask } from "../../runs/supervisor-messages.ts";
import type { Engine } from "../engines/engine.ts";
import { runCommand } from "../workspace/commands.ts";
import { mayRun } from "../workspace/trust.ts";
import { configurationOf, type KnownRun, knownRun } from "./known-run.ts";
import type { ResultFolders } from "./result-folders.ts";
import { RunProgress } from "./run-progress.ts";
import type { RunSource } from "./run-source.ts";

/** Debounce of changes. */
const ANNOUNCE_MS = 100;
/** Debounce of progress: nobody reads a hundred steps per second. */
const PROGRESS_MS = 500;
/** Events that announce new files. */
const WRITING: readonly RunEvent["event"][] = ["epoch", "checkpoint", "image", "end"];

/** How a run is started. */
export interface StartOptions {
  /** Whether it waits for other runs that need its device. */
  readonly queued: boolean;
  readonly debugged?: boolean;
}

/** Finds, starts and follows runs, and announces their changes. */
export class RunManager implements RunSource, vscode.Disposable {
  private readonly live = new Map<string, LiveRun>();
  /** What is wrong with the records of damaged runs, by identity. */
  private readonly damage = new Map<string, string>();
  private readonly progress = new Map<string, RunProgress>();
  /** Runs that were active when this window last checked. */
  private readonly active = new Set<string>();
  private readonly stateChanges = new vscode.EventEmitter<void>();
  private readonly received = new vscode.EventEmitter<{
    readonly run: string;
    readonly events: readonly RunEvent[];
  }>();
  private readonly fileChanges = new vscode.EventEmitter<string>();
  private readonly ends = new vscode.EventEmitter<KnownRun>();
  private readonly annotations = new vscode.EventEmitter<string>();
  private readonly subscriptions: vscode.Disposable;
  /** When changes are announced next. */
  private announcement: { readonly due: number; readonly timer: NodeJS.Timeout } | undefined;
  /** The runs found in folders of results, by identity; set when their records have been read. */
  private folders: ReadonlyMap<string, RunFolder> = new Map();
  /** Modification time of each record that has been read, by identity. */
  private readonly written = new Map<string, number>();
  private reading: Promise<void> = Promise.resolve();

  readonly onDidChangeRuns = this.stateChanges.event;
  readonly onDidReceiveEvents = this.received.event;
  readonly onDidChangeFiles = this.fileChanges.event;
  /** Fires when a run ends while this window is open. */
  readonly onDidEndRun = this.ends.event;
  readonly onDidAnnotateRun = this.annotations.event;

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly results: ResultFolders,
    private readonly engines: readonly Engine[],
    /** Resolves when the runs that existed at the start are known. */
    private readonly found: Promise<void>,
    private readonly log: vscode.LogOutputChannel,
  ) {
    this.subscriptions = vscode.Disposable.from(
      this.stateChanges,
      this.received,
      this.fileChanges,
      this.ends,
      this.annotations,
      results.onDidChange((jobs) => this.inTurn(() => this.reopen(jobs))),
      results.onDidChangeEvents((path) => {
        for (const { id, files } of this.live.values()) if (files.events === path) this.fileChanges.fire(id);
      }),
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.inTurn(() => this.followAll())),
    );
  }

  /** Reads records, one read after another. */
  private inTurn(read: () => Promise<void>): void {
    this.reading = this.reading.then(read).catch((error) => this.log.error(error));
  }

  /** Stops following; the runs continue. */
  dispose(): void {
    for (const run of this.live.values()) run.close();
    this.subscriptions.dispose();
  }

  get runs(): readonly RunSummary[] {
    return this.known.map(({ summary }) => summary);
  }

  /** Newest first. */
  get known(): readonly KnownRun[] {
    const ids = new Set([...this.folders.keys(), ...this.live.keys()]);
    const found = [...ids].map((id) => this.describe(id, this.folders.get(id), this.live.get(id)));
    return found.sort((one, other) => other.summary.started - one.summary.started);
  }

  /** Returns the run of this identity; undefined if there is none. */
  find(id: string): KnownRun | undefined {
    const [folder, live] = [this.folders.get(id), this.live.get(id)];
    return folder === undefined && live === undefined ? undefined : this.describe(id, folder, live);
  }

  /** Resolves when everything found on disk is known here. */
  async ready(): Promise<void> {
    await this.found;
    await this.reading;
  }

  async events(runId: string): Promise<readonly RunEvent[]> {
    await this.ready();
    const run = this.find(runId);
    if (run?.live !== undefined) return run.live.events();
    return run?.folder === undefined ? [] : pastEvents(run.folder);
  }

  async stop(runId: string): Promise<void> {
    this.live.get(runId)?.request("stop");
  }

  /** Ends a run at once, with all its processes. */
  kill(runId: string): void {
    this.live.get(runId)?.request("kill");
  }

  async resume(runId: string): Promise<void> {
    await runCommand("biapy.resumeTraining", runId);
  }

  async details(runId: string): Promise<RunDetails | undefined> {
    const known = this.find(runId);
    if (known === undefined) return undefined;
    const file = configurationOf(known);
    const changed = file && (await import("../../config/changed-keys.ts")).changedKeys(file);
    const configuration = file && changed && { file, changed };
    return { run: runId, notes: await readNotes(known.order), ...(configuration ? { configuration } : {}) };
  }

  async annotate(runId: string, notes: RunNotes): Promise<void> {
    const known = this.find(runId);
    if (known === undefined || !(await mayRun())) return;
    await writeNotes(known.order, notes);
    this.annotations.fire(runId);
  }

  /** Returns the identities of the runs of any window that a new run on a device would wait for, earliest first. */
  async before(device: string): Promise<readonly string[]> {
    return (await this.ticketsBefore(device)).map(({ run }) => run);
  }

  /** Stops the runs that a new run on a device would wait for. */
  async stopBefore(device: string): Promise<void> {
    await Promise.all((await this.ticketsBefore(device)).map(({ address }) => ask(address, "stop")));
  }

  private async ticketsBefore(device: string): Promise<readonly Ticket[]> {
    return onePerDevice() ? livingTickets(this.queue, device) : [];
  }

  private get queue(): string {
    return join(this.context.globalStorageUri.fsPath, "queue");
  }

  /** Starts a run in a process that outlives this window. Throws `StartError`. */
  async start(
    order: RunOrder,
    engine: Engine,
    command: RunCommand,
    { queued, debugged }: StartOptions,
  ): Promise<KnownRun> {
    const settings = vscode.workspace.getConfiguration("biapy.run");
    const files = await startRun(
      {
        order,
        engine: engine.id,
        device: queued && onePerDevice() ? engine.device(order) : undefined,
        queue: this.queue,
        command,
        debugged,
        stopSeconds: settings.get("stopSeconds", 60),
      },
      bundleProgram(this.context.asAbsolutePath("dist/supervisor.mjs")),
    );
    const { jobDirectory, runDirectory } = resultTree(order.resultDirectory, order.name, order.runId);
    this.progress.delete(runDirectory);
    const live = await this.open(files);
    await this.results.add(order.resultDirectory, jobDirectory);
    return this.describe(runDirectory, undefined, live);
  }

  /** Reads the records of jobs whose files changed: another window may have started or resumed a run. */
  private async reopen(jobs: readonly string[]): Promise<void> {
    const all = [...this.results.jobs.values()].flat();
    const found = new Map(all.map((folder) => [folder.tree.runDirectory, folder]));
    for (const [id, live] of this.live)
      if (jobs.includes(live.jobDirectory) && !found.has(id) && !live.isActive) this.forget(id);
    for (const [id, { tree }] of found) {
      const { name, runId, jobDirectory } = tree;
      if (!jobs.includes(jobDirectory) || this.live.get(id)?.isActive) continue;
      const files = recordFilesOf({ resultDirectory: join(jobDirectory, ".."), name, runId });
      const written = await stat(files.record).then(
        ({ mtimeMs }) => mtimeMs,
        () => undefined,
      );
      if (written === undefined || written === this.written.get(id)) continue;
      this.written.set(id, written);
      await this.openFound(id, files);
    }
    this.folders = found;
    for (const [id, { tree }] of found) if (jobs.includes(tree.jobDirectory)) this.fileChanges.fire(id);
    this.announce();
  }

  /** Opens a record that was found. A damaged one does not affect the others. */
  private async openFound(id: string, files: RecordFiles): Promise<void> {
    this.damage.delete(id);
    try {
      await this.open(files);
    } catch (error) {
      if (!(error instanceof DamagedFileError)) throw error;
      this.live.get(id)?.close();
      this.live.delete(id);
      this.damage.set(id, error.message);
    }
  }

  /** Follows the runs without an end once the folder is trusted. */
  private async followAll(): Promise<void> {
    for (const [id, run] of [...this.live]) if (run.status === "unknown") await this.openFound(id, run.files);
    this.announce();
  }

  private async open(files: RecordFiles): Promise<LiveRun | undefined> {
    const listener = {
      changed: (run: LiveRun) => void this.changed(run).catch((error) => this.log.error(error)),
      received: (run: LiveRun, events: readonly RunEvent[]) => {
        this.progress.get(run.id)?.add(events);
        this.received.fire({ run: run.id, events });
        if (events.some(({ event }) => WRITING.includes(event))) this.results.lookSoon(run.jobDirectory);
        this.announce(PROGRESS_MS);
      },
    };
    const opened = await LiveRun.open(files, listener, vscode.workspace.isTrusted);
    if (opened === undefined) return undefined;
    const { id } = opened;
    const before = this.live.get(id);
    if (before?.isActive && before.record.created === opened.record.created) {
      // It was opened twice at the same time.
      opened.close();
      return before;
    }
    before?.close();
    this.live.set(id, opened);
    await this.changed(opened);
    return opened;
  }

  private forget(id: string): void {
    this.live.get(id)?.close();
    this.live.delete(id);
    this.damage.delete(id);
    this.progress.delete(id);
    this.written.delete(id);
  }

  private async changed(run: LiveRun): Promise<void> {
    const { id } = run;
    if (this.live.get(id) !== run) return;
    if (run.isActive) {
      this.active.add(id);
      if (!this.progress.has(id)) {
        const progress = new RunProgress();
        this.progress.set(id, progress);
        progress.add(await run.events());
      }
    } else if (this.active.delete(id)) {
      const known = this.find(id);
      if (known !== undefined) this.ends.fire(known);
      this.progress.delete(id);
    }
    this.announce();
  }

  /** Announces changes, debounced: after `wait` milliseconds at most. */
  private announce(wait = ANNOUNCE_MS): void {
    const due = Date.now() + wait;
    if (this.announcement !== undefined && this.announcement.due <= due) return;
    clearTimeout(this.announcement?.timer);
    const timer = setTimeout(() => {
      this.announcement = undefined;
      this.stateChanges.fire();
    }, wait);
    this.announcement = { due, timer };
  }

  private describe(id: string, folder: RunFolder | undefined, live: LiveRun | undefined): KnownRun {
    const [damage, progress] = [this.damage.get(id), this.progress.get(id)];
    return knownRun({ id, folder, live, damage, progress }, this.engines);
  }
}

const onePerDevice = () => vscode.workspace.getConfiguration("biapy.run").get("onePerDevice", true);
