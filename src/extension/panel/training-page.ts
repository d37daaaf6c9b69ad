import { existsSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import * as vscode from "vscode";
import { wholeNumber } from "../../engines/arguments.ts";
import { errorMessage } from "../../facts/errors.ts";
import type { RunEvent } from "../../facts/run-events.ts";
import type {
  FromPanel,
  ImageReply,
  ImageRequest,
  PanelCommand,
  PanelState,
  TitledPath,
  ToPanel,
  ViewStart,
} from "../../protocol/panel-messages.ts";
import { listEpochPictures } from "../../results/epoch-pictures.ts";
import type { RunSource } from "../runs/run-source.ts";
import type { ImageReader } from "../viewer/image-reader.ts";
import { openImages } from "../viewer/index.ts";
import { saveFile } from "../viewer/save-file.ts";
import { showPage } from "../viewer/webview-page.ts";
import { changeSetting } from "../workspace/change-setting.ts";
import type { CommandId } from "../workspace/command-ids.ts";
import { runCommand } from "../workspace/commands.ts";
import { mayTouch } from "../workspace/network-access.ts";
import { showFailure } from "../workspace/show-failure.ts";
import { mayRun } from "../workspace/trust.ts";
import { EventOutbox } from "./event-outbox.ts";
import { OfferedFiles } from "./offered-files.ts";
import { condense, eventsAfter } from "./run-history.ts";

const COMMANDS: Readonly<Record<PanelCommand, CommandId>> = {
  "run-training": "biapy.runTraining",
  "new-configuration": "biapy.newConfiguration",
};

/** The extension's side of the training panel: the runs that its page shows, and the page's requests. */
export class TrainingPage {
  /** The requested run. After a window reload it may not be known yet: runs are found gradually. */
  private wanted: string | undefined;
  private compared: readonly string[] = [];
  /** Whether the page is ready to receive; it says so after each load. */
  private loaded = false;
  /** Events received while a run's history is being read. */
  private readonly reading = new Map<string, RunEvent[]>();
  /** Runs whose history could not be read. It is read again when the user asks for the run, or when its files change. */
  private readonly unreadable = new Set<string>();
  /** Runs whose history the page has. */
  private readonly sent = new Set<string>();
  private readonly offered = new OfferedFiles();
  private readonly outbox = new EventOutbox((run, events) => this.post({ type: "events", run, events }));
  /** The runs as last sent to the page. */
  private lastRuns = "";
  /** Whether the panel was closed. Its webview then throws. */
  private closed = false;

  constructor(
    private readonly panel: vscode.WebviewPanel,
    private readonly context: vscode.ExtensionContext,
    private readonly runs: RunSource,
    private readonly images: ImageReader,
    { run, compared }: PanelState,
  ) {
    this.wanted = run;
    this.compared = compared ?? [];
    const disposables = [
      runs.onDidChangeRuns(() => this.sendRuns()),
      runs.onDidReceiveEvents(({ run, events }) => this.receiveEvents(run, events)),
      runs.onDidChangeFiles((run) => this.retry(run)),
      runs.onDidAnnotateRun((run) => this.sendDetails(run)),
      panel.webview.onDidReceiveMessage((message: FromPanel) => this.receive(message).catch(showFailure)),
    ];
    panel.onDidDispose(() => {
      this.closed = true;
      vscode.Disposable.from(...disposables).dispose();
    });
    showPage(panel.webview, context, "panel", "Training");
    // Histories are read, and go to VS Code, while the page loads.
    this.sendRuns();
  }

  /** Shows a run, compared with others. Without a run, brings the panel to the front unchanged. */
  show({ run, compared }: PanelState, takesFocus: boolean): void {
    this.panel.reveal(undefined, !takesFocus);
    if (run !== undefined) this.want(run);
    if (run !== undefined || compared !== undefined) this.compared = compared ?? [];
    this.sendRuns();
  }

  /** Whether this run is visible now. */
  isShowing(run: string): boolean {
    return this.panel.visible && this.shown === run;
  }

  private want(run: string): void {
    this.wanted = run;
    this.unreadable.delete(run);
  }

  private async receive(message: FromPanel): Promise<unknown> {
    switch (message.type) {
      case "ready":
        return this.start(message.state);
      case "show-run":
        this.want(message.run);
        return this.sendRuns();
      case "events-drawn":
        return this.outbox.drawn();
      case "ask-history":
        return this.sendHistoryAgain(message.run);
      case "compare-runs":
        this.compared = message.runs;
        return this.sendRuns();
      case "stop":
        return this.runs.stop(message.run);
      case "resume":
        return this.runs.resume(message.run);
      case "show-log":
        return runCommand("biapy.showRunLog", message.run);
      case "set-part-size":
        return setPartSize(message.size);
      case "command":
        return runCommand(COMMANDS[message.command]);
      case "open-file":
        return this.openFile(message.path, message.line);
      case "ask-epochs":
        return this.sendEpochs(message.run);
      case "ask-details":
        return this.sendDetails(message.run);
      case "annotate":
        return this.runs.annotate(message.run, message.notes);
      case "open-images":
        return this.openImages(message.images, message.start);
      case "save-file":
        return saveFile(message);
      case "failed":
        return showFailure(message.message);
      default:
        return this.post(await this.imageReply(message));
    }
  }

  /** Sends everything to the page, which has been loaded. */
  private start({ run }: PanelState): void {
    // VS Code buffers messages posted before the page first loads.
    if (this.loaded) {
      this.sent.clear();
      this.outbox.clear();
    }
    this.loaded = true;
    this.unreadable.clear();
    this.lastRuns = "";
    this.wanted ??= run;
    this.sendRuns();
  }

  private async sendHistoryAgain(run: string): Promise<void> {
    this.sent.delete(run);
    if (!this.reading.has(run)) await this.sendHistory(run);
  }

  /**
   * Returns the run that named a file, if the page may open the file: it was sent to the page and lies on a computer that may be
   * accessed. Otherwise undefined.
   */
  private async allowedFor(path: string): Promise<string | undefined> {
    const run = this.offered.runOf(path);
    return run !== undefined && (await mayTouch(path, [run])) ? run : undefined;
  }

  private async imageReply(request: ImageRequest): Promise<ImageReply> {
    const { request: number, path } = request;
    const run = await this.allowedFor(path);
    if (run === undefined)
      return {
        type: "image-failed",
        request: number,
        message: `${path} is not shown: it is not on this computer.`,
      };
    const reply = await this.images.answer(request);
    if (reply.type === "similar") {
      const paths = reply.similarity.places.map((place) => place.path);
      this.offered.add(run, paths);
    }
    return reply;
  }

  private async openImages(images: readonly TitledPath[], start: ViewStart): Promise<void> {
    for (const { path } of images) if ((await this.allowedFor(path)) === undefined) return;
    const titles = images.map(({ title }) => title);
    openImages(
      this.context,
      images.map(({ path }) => vscode.Uri.file(path)),
      { titles, labels: images.map(({ labels = false }) => labels), start },
    );
  }

  private async sendDetails(run: string): Promise<void> {
    const details = await this.runs.details(run);
    if (details?.configuration !== undefined) this.offered.add(run, [details.configuration.file]);
    if (details !== undefined) this.post({ type: "details", details });
  }

  private async sendEpochs(run: string): Promise<void> {
    if (!this.sent.has(run)) return;
    const epochs = await listEpochPictures(run);
    const files = epochs.flatMap(({ images }) =>
      Object.values(images).flatMap((each) => Object.values(each)),
    );
    this.offered.add(run, files);
    this.post({ type: "epochs", run, epochs });
  }

  private async openFile(path: string, line?: number): Promise<void> {
    if ((await this.allowedFor(path)) === undefined) return;
    if (!existsSync(path)) {
      void vscode.window.showWarningMessage(`BiaPy: ${path} no longer exists.`);
      return;
    }
    const selection = line === undefined ? undefined : new vscode.Range(line - 1, 0, line - 1, 0);
    const beside = { viewColumn: vscode.ViewColumn.One, selection };
    await vscode.commands.executeCommand("vscode.open", vscode.Uri.file(path), beside);
  }

  /** Sends the list of runs, and the missing histories of the runs that the page shows. */
  private sendRuns(): void {
    const { runs } = this.runs;
    const known = new Set(runs.map(({ id }) => id));
    const { shown } = this;
    const compared = this.compared.filter((run) => known.has(run) && run !== shown);
    // Steps of a run do not change this.
    const state = JSON.stringify([runs, shown, compared]);
    if (state !== this.lastRuns) {
      this.lastRuns = state;
      this.post({ type: "runs", runs, shown, sent: [...this.sent] });
      this.post({ type: "compare", runs: compared });
    }
    if (shown === undefined) return;
    for (const run of [shown, ...compared]) {
      const missing = !this.sent.has(run) && !this.reading.has(run) && !this.unreadable.has(run);
      if (missing) void this.sendHistory(run);
    }
  }

  /** The requested run if it is known, else the newest. */
  private get shown(): string | undefined {
    const { runs } = this.runs;
    return runs.find(({ id }) => id === this.wanted)?.id ?? runs[0]?.id;
  }

  private async sendHistory(run: string): Promise<void> {
    const meanwhile: RunEvent[] = [];
    this.reading.set(run, meanwhile);
    try {
      const past = await this.runs.events(run);
      this.offered.offer(run, past);
      // A long history is sent in a separate turn, so that other work of the extension host comes first.
      await setImmediate();
      this.post({ type: "history", history: condense(run, [...past, ...eventsAfter(past, meanwhile)]) });
      this.outbox.drop(run);
      this.sent.add(run);
      this.unreadable.delete(run);
    } catch (error) {
      const isKnown = this.unreadable.has(run);
      this.unreadable.add(run);
      if (this.closed || isKnown) return;
      const reason = errorMessage(error);
      void vscode.window.showErrorMessage(`BiaPy: the history of this run cannot be read (${reason}).`);
    } finally {
      this.reading.delete(run);
    }
  }

  /** Reads a history again that could not be read. Another failure is not reported. */
  private retry(run: string): void {
    if (this.unreadable.has(run) && !this.reading.has(run)) void this.sendHistory(run);
  }

  private receiveEvents(run: string, events: readonly RunEvent[]): void {
    this.retry(run);
    this.offered.offer(run, events);
    for (const event of events) this.reading.get(run)?.push(event);
    // A hidden page is destroyed; a new one is loaded when it is shown again.
    if (this.sent.has(run) && this.panel.visible) this.outbox.add(run, events);
  }

  private post(message: ToPanel): void {
    if (this.closed) return;
    void this.panel.webview.postMessage(message);
  }
}

/** Makes the embedded engine compute batches in parts from the next start of a run. */
async function setPartSize(size: number): Promise<void> {
  if (!(await mayRun())) return;
  await changeSetting("run.partSize", wholeNumber(size, "The size of parts"));
  const message = `Batches are computed in parts of ${size} from now on (setting biapy.run.partSize). Start the training again.`;
  void vscode.window.showInformationMessage(message);
}
