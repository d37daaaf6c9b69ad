import { existsSync } from "node:fs";
import * as vscode from "vscode";
import type { FromPanel, PanelCommand, PanelState, ToPanel } from "../../protocol/panel-messages.ts";
import type { RunEvent } from "../../protocol/run-events.ts";
import type { RunSource } from "../runs/run-source.ts";
import type { ImageReader } from "../viewer/image-reader.ts";
import { showPage } from "../viewer/webview-page.ts";
import { condense, eventsAfter } from "./run-history.ts";

const COMMANDS: Readonly<Record<PanelCommand, string>> = {
  "run-training": "biapy.runTraining",
  "new-configuration": "biapy.newConfiguration",
};

/** The extension's side of the training panel: which runs its page shows, and what the page asks for. */
export class TrainingPage {
  /** The run that was asked for. After a reload of the window it is not known yet: runs are found bit by bit. */
  private wanted: string | undefined;
  private compared: readonly string[] = [];
  /** Resolves when the page can receive for the first time; it tells so each time it was loaded. */
  private readonly loaded: Promise<void>;
  private tellLoaded = () => {};
  /** Events received while a run's history is being read. */
  private readonly reading = new Map<string, RunEvent[]>();
  /** Runs whose history the page has. */
  private readonly sent = new Set<string>();

  constructor(
    private readonly panel: vscode.WebviewPanel,
    extension: vscode.Uri,
    private readonly runs: RunSource,
    private readonly images: ImageReader,
    { run, compared }: PanelState,
  ) {
    this.wanted = run;
    this.compared = compared ?? [];
    this.loaded = new Promise((resolve) => {
      this.tellLoaded = resolve;
    });
    const disposables = [
      runs.onDidChangeRuns(() => this.sendRuns()),
      runs.onDidReceiveEvents(({ run, events }) => this.receiveEvents(run, events)),
      panel.webview.onDidReceiveMessage((message: FromPanel) => this.receive(message)),
    ];
    panel.onDidDispose(() => vscode.Disposable.from(...disposables).dispose());
    showPage(panel.webview, extension, "panel", "Training");
    // Histories are read while the page loads.
    this.sendRuns();
  }

  /** Shows a run, with others laid over it; without one, the panel comes to the front as it is. */
  show({ run, compared }: PanelState): void {
    this.panel.reveal(undefined, true);
    if (run !== undefined) this.wanted = run;
    if (run !== undefined || compared !== undefined) this.compared = compared ?? [];
    this.sendRuns();
  }

  private async receive(message: FromPanel): Promise<void> {
    switch (message.type) {
      case "ready":
        this.tellLoaded();
        this.sent.clear();
        this.wanted ??= message.state.run;
        this.sendRuns();
        break;
      case "show-run":
        this.wanted = message.run;
        this.sendRuns();
        break;
      case "compare-runs":
        this.compared = message.runs;
        this.sendRuns();
        break;
      case "stop":
        await this.runs.stop(message.run);
        break;
      case "resume":
        await this.runs.resume(message.run);
        break;
      case "command":
        await vscode.commands.executeCommand(COMMANDS[message.command]);
        break;
      case "open-file":
        await this.openFile(message.path, message.line);
        break;
      case "reveal-file":
        await vscode.commands.executeCommand("revealFileInOS", vscode.Uri.file(message.path));
        break;
      default:
        this.post(await this.images.answer(message));
    }
  }

  private async openFile(path: string, line?: number): Promise<void> {
    if (!existsSync(path)) {
      void vscode.window.showWarningMessage(`BiaPy: ${path} is not there any more.`);
      return;
    }
    const selection = line === undefined ? undefined : new vscode.Range(line - 1, 0, line - 1, 0);
    const beside = { viewColumn: vscode.ViewColumn.One, selection };
    await vscode.commands.executeCommand("vscode.open", vscode.Uri.file(path), beside);
  }

  /** Sends which runs there are and, of those that the page shows, the histories that it does not have yet. */
  private sendRuns(): void {
    const { runs } = this.runs;
    const known = new Set(runs.map(({ id }) => id));
    const shown = this.wanted !== undefined && known.has(this.wanted) ? this.wanted : runs[0]?.id;
    const compared = this.compared.filter((run) => known.has(run) && run !== shown);
    this.post({ type: "runs", runs, shown });
    this.post({ type: "compare", runs: compared });
    if (shown === undefined) return;
    for (const run of [shown, ...compared]) {
      if (!this.sent.has(run) && !this.reading.has(run)) void this.sendHistory(run);
    }
  }

  private async sendHistory(run: string): Promise<void> {
    const meanwhile: RunEvent[] = [];
    this.reading.set(run, meanwhile);
    try {
      const past = await this.runs.events(run);
      await this.loaded;
      this.post({ type: "history", history: condense(run, [...past, ...eventsAfter(past, meanwhile)]) });
      this.sent.add(run);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      void vscode.window.showErrorMessage(`BiaPy: the history of this run cannot be read (${reason}).`);
    } finally {
      this.reading.delete(run);
    }
  }

  private receiveEvents(run: string, events: readonly RunEvent[]): void {
    this.reading.get(run)?.push(...events);
    if (this.sent.has(run)) this.post({ type: "events", run, events });
  }

  private post(message: ToPanel): void {
    void this.panel.webview.postMessage(message);
  }
}
