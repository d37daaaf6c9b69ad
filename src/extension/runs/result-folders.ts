/** The jobs whose results are shown: found in the open folders, in folders from the settings, and where runs were started. */
import { join, resolve } from "node:path";
import * as vscode from "vscode";
import { jobOf, jobsIn, jobTimes, type RunFolder, runsOf } from "../../results/run-folders.ts";

/** Files that identify a job in an open folder. (VS Code does not support nested alternatives.) */
const TRACES = "**/{config_files/*.yaml,config_files/*.yml,.biapy-studio/*/run.json}";
const NO_RESULTS = "**/{node_modules,.git}/**";
/** The files of a job that are watched. */
const WATCHED = "**/{config_files,results,checkpoints,logs,.biapy-studio}/**";
/** Debounce of changes. */
const GATHER_MS = 1000;
/** Key in the workspace state: result folders in which runs were started. */
const STARTED_IN = "biapy.startedIn";

/** Finds the runs in the folders of results, and watches their files. */
export class ResultFolders implements vscode.Disposable {
  private readonly found = new Map<string, readonly RunFolder[]>();
  private readonly changes = new vscode.EventEmitter<readonly string[]>();
  private readonly eventChanges = new vscode.EventEmitter<string>();
  private readonly changed = new Set<string>();
  /** Times of each job's folders when it was last read. */
  private readonly times = new Map<string, string>();
  private reading: Promise<void> = Promise.resolve();
  private readonly subscriptions: vscode.Disposable[] = [];
  /** Watchers by folder. */
  private readonly watchers = new Map<string, vscode.Disposable>();
  private timer: NodeJS.Timeout | undefined;
  /** Fires with the job directories whose runs appeared, disappeared or have new files. */
  readonly onDidChange = this.changes.event;
  /** Fires with the path of a run's events that change. Those of a run that trains change several times a second. */
  readonly onDidChangeEvents = this.eventChanges.event;

  constructor(private readonly context: vscode.ExtensionContext) {
    this.subscriptions.push(
      this.changes,
      this.eventChanges,
      vscode.workspace.onDidChangeWorkspaceFolders(() => void this.refresh()),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (
          event.affectsConfiguration("biapy.results") ||
          event.affectsConfiguration("biapy.run.resultFolder")
        )
          void this.refresh();
      }),
    );
  }

  dispose(): void {
    clearTimeout(this.timer);
    vscode.Disposable.from(...this.subscriptions, ...this.watchers.values()).dispose();
  }

  /** Runs by job directory. */
  get jobs(): ReadonlyMap<string, readonly RunFolder[]> {
    return this.found;
  }

  /** Searches for jobs again and watches those that it finds. */
  async refresh(): Promise<void> {
    const folders = this.folders();
    this.watch(folders);
    // The usual places come first: searching all open folders can take long.
    const usual = (await Promise.all(folders.map(jobsIn))).flat();
    await this.read(usual);
    const traces = await vscode.workspace.findFiles(TRACES, NO_RESULTS);
    const jobs = new Set([...usual, ...traces.flatMap(({ fsPath }) => jobOf(fsPath) ?? [])]);
    const gone = [...this.found.keys()].filter((job) => !jobs.has(job));
    for (const job of gone) {
      this.found.delete(job);
      this.times.delete(job);
    }
    await this.read(
      [...jobs].filter((job) => !usual.includes(job)),
      gone,
    );
  }

  /** Remembers a folder in which a run was started, and reads its job. */
  async add(resultDirectory: string, jobDirectory: string): Promise<void> {
    const known = this.context.workspaceState.get<string[]>(STARTED_IN, []);
    if (!known.includes(resultDirectory)) {
      await this.context.workspaceState.update(STARTED_IN, [...known, resultDirectory]);
      this.watch(this.folders());
    }
    await this.read([jobDirectory]);
  }

  /**
   * Reads the jobs whose folders have changed since they were read. File events get lost: VS Code reports no files that a new folder
   * received before it was watched.
   */
  async lookAgain(): Promise<void> {
    const usual = (await Promise.all(this.folders().map(jobsIn))).flat();
    const changed: string[] = [];
    for (const job of new Set([...this.found.keys(), ...usual]))
      if ((await jobTimes(job)) !== this.times.get(job)) changed.push(job);
    if (changed.length > 0) await this.read(changed);
  }

  /** Reads jobs after those that are being read: an earlier read must not replace a later one. */
  private read(jobs: readonly string[], gone: readonly string[] = []): Promise<void> {
    const reading = this.reading.then(() => this.readNow(jobs, gone));
    this.reading = reading.catch(() => {});
    return reading;
  }

  private async readNow(jobs: readonly string[], gone: readonly string[]): Promise<void> {
    // One after another: reading many at once would block the editor.
    for (const job of jobs) {
      // Before the read, so that changes during it are seen later.
      this.times.set(job, await jobTimes(job));
      const runs = await runsOf(job);
      if (runs.length > 0) this.found.set(job, runs);
      else this.found.delete(job);
    }
    this.changes.fire([...jobs, ...gone]);
  }

  /** Folders to search in addition to the open ones. */
  private folders(): string[] {
    const settings = (vscode.workspace.workspaceFolders ?? []).flatMap(({ uri }) => {
      const { get } = vscode.workspace.getConfiguration("biapy", uri);
      const named = [get<string>("run.resultFolder", "results"), ...get<string[]>("results.folders", [])];
      return named.filter((path) => path !== "").map((path) => resolve(uri.fsPath, path));
    });
    return [...new Set([...settings, ...this.context.workspaceState.get<string[]>(STARTED_IN, [])])];
  }

  private watch(folders: readonly string[]): void {
    const open = (vscode.workspace.workspaceFolders ?? []).map(({ uri }) => uri.fsPath);
    const outside = folders.filter((path) => !open.some((folder) => path.startsWith(join(folder, "/"))));
    const wanted = new Set([...open, ...outside]);
    for (const [folder, watcher] of this.watchers) {
      if (wanted.has(folder)) continue;
      watcher.dispose();
      this.watchers.delete(folder);
    }
    for (const folder of wanted)
      if (!this.watchers.has(folder)) this.watchers.set(folder, this.watcherOf(folder));
  }

  private watcherOf(folder: string): vscode.Disposable {
    const pattern = new vscode.RelativePattern(vscode.Uri.file(folder), WATCHED);
    const watcher = vscode.workspace.createFileSystemWatcher(pattern);
    const gather = ({ fsPath }: vscode.Uri) => this.gather(fsPath);
    return vscode.Disposable.from(
      watcher,
      watcher.onDidCreate(gather),
      watcher.onDidChange(gather),
      watcher.onDidDelete(gather),
    );
  }

  private gather(path: string): void {
    const job = jobOf(path);
    if (job === undefined || path.endsWith(".tmp")) return;
    // Events are followed through the supervisor.
    if (path.endsWith("events.jsonl")) this.eventChanges.fire(path);
    else this.lookSoon(job);
  }

  /** Reads a job again soon because its run reported new files: not every disk reports changes. */
  lookSoon(job: string): void {
    this.changed.add(job);
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      const jobs = [...this.changed];
      this.changed.clear();
      void this.read(jobs);
    }, GATHER_MS);
  }
}
