/** The runs table: all runs of the workspace, one row each, in an editor tab. */

import * as vscode from "vscode";
import { isActive } from "../../facts/run-status.ts";
import type { FromTable, RunRow, ToTable } from "../../protocol/table-messages.ts";
import type { TrainingPanel } from "../panel/index.ts";
import { configurationOf, type KnownRun } from "../runs/known-run.ts";
import type { RunManager } from "../runs/run-manager.ts";
import { saveFile } from "../viewer/save-file.ts";
import { showPage } from "../viewer/webview-page.ts";
import { runCommand } from "../workspace/commands.ts";
import { showFailure } from "../workspace/show-failure.ts";
import { addFolder, compareConfigurations, compareImages, editNotes } from "./actions.ts";
import { type ReadDetails, readRowDetails } from "./row-details.ts";

const RUNS_TABLE = "biapy.runsTable";

/** Number of runs whose details are read at once, so that the window stays responsive. */
const BATCH = 25;
/** Details are collected for so long before they are sent, because the page draws the whole table with each message. */
const SEND_MS = 250;
/** Debounced: runs change several times a second. */
const REFRESH_MS = 500;

let open: vscode.WebviewPanel | undefined;

/** BiaPy: Show Runs Table. Opens the table, or brings it to the front. */
export function showRunsTable(
  context: vscode.ExtensionContext,
  runs: RunManager,
  training: TrainingPanel,
): void {
  if (open !== undefined) {
    open.reveal();
    return;
  }
  const panel = vscode.window.createWebviewPanel(RUNS_TABLE, "Runs", vscode.ViewColumn.Active);
  panel.iconPath = vscode.Uri.joinPath(context.extensionUri, "media", "icon.png");
  panel.onDidDispose(() => {
    open = undefined;
  });
  open = panel;
  new TablePage(panel, context, runs, training);
}

class TablePage {
  /** The state of each run whose details the page has. */
  private readonly sent = new Map<string, string>();
  /** The rows as last sent to the page. */
  private sentRows = "";
  private timer: NodeJS.Timeout | undefined;
  private sending = false;
  private closed = false;

  constructor(
    private readonly panel: vscode.WebviewPanel,
    private readonly context: vscode.ExtensionContext,
    private readonly runs: RunManager,
    private readonly training: TrainingPanel,
  ) {
    const disposables = [
      runs.onDidChangeRuns(() => {
        this.timer ??= setTimeout(() => this.refresh(), REFRESH_MS);
      }),
      runs.onDidAnnotateRun((run) => this.again(run)),
      panel.webview.onDidReceiveMessage((message: FromTable) => this.receive(message).catch(showFailure)),
      { dispose: () => clearTimeout(this.timer) },
    ];
    panel.onDidDispose(() => {
      this.closed = true;
      vscode.Disposable.from(...disposables).dispose();
    });
    showPage(panel.webview, context, "table", "Runs");
  }

  private refresh(): void {
    clearTimeout(this.timer);
    this.timer = this.sending ? setTimeout(() => this.refresh(), REFRESH_MS) : undefined;
    if (!this.sending) void this.send();
  }

  /** Sends rows that changed with the details of the newest runs, then the details of the others. */
  private async send(): Promise<void> {
    this.sending = true;
    const early = setTimeout(() => this.post([]), SEND_MS);
    try {
      await this.runs.ready();
      const due = this.runs.known.filter((run) => this.sent.get(run.summary.id) !== stateOf(run));
      const newest = await this.readSome(due);
      clearTimeout(early);
      this.post(newest);
      while (due.length > 0 && !this.closed) {
        const until = performance.now() + SEND_MS;
        const read: ReadDetails[] = [];
        while (due.length > 0 && performance.now() < until) read.push(...(await this.readSome(due)));
        this.post(read);
      }
    } finally {
      clearTimeout(early);
      this.sending = false;
    }
  }

  /** Reads the details of the first of these runs, and removes them from the list. */
  private async readSome(due: KnownRun[]): Promise<ReadDetails[]> {
    return Promise.all(
      due.splice(0, BATCH).map(async (run) => {
        // First, so that what changes during the read is read again.
        this.sent.set(run.summary.id, stateOf(run));
        const { details, defaults } = await readRowDetails(run.order, configurationOf(run));
        return { details: { ...details, run: run.summary.id }, defaults };
      }),
    );
  }

  private async receive(message: FromTable): Promise<unknown> {
    switch (message.type) {
      case "ready":
        return this.start();
      case "show-run":
        return this.training.show(message.run);
      case "star":
        return this.star(message.run, message.starred);
      case "edit":
        return editNotes(this.runs, message.run, message.field);
      case "delete":
        return deleteRuns(message.runs);
      case "compare-curves":
        return this.training.compare(message.runs);
      case "compare-images":
        return compareImages(this.context, this.runs, message.runs);
      case "compare-configurations":
        return compareConfigurations(this.runs, message.runs);
      case "add-folder":
        return addFolder();
      case "save-file":
        return saveFile(message);
      case "failed":
        return showFailure(message.message);
    }
  }

  /** Sends everything to the page, which has been loaded. */
  private start(): void {
    this.sent.clear();
    this.sentRows = "";
    this.refresh();
  }

  private async star(run: string, starred: boolean): Promise<void> {
    const details = await this.runs.details(run);
    if (details !== undefined) await this.runs.annotate(run, { ...details.notes, starred });
  }

  /** Reads a run's details again. */
  private again(run: string): void {
    this.sent.delete(run);
    this.refresh();
  }

  /** Sends details, and all rows if they changed. */
  private post(read: readonly ReadDetails[]): void {
    const rows = this.runs.known.map(rowOf);
    const current = JSON.stringify(rows);
    const changed = current !== this.sentRows;
    this.sentRows = current;
    if (this.closed || (!changed && read.length === 0)) return;
    const message: ToTable = {
      type: "runs",
      ...(changed ? { rows } : {}),
      details: read.map(({ details }) => details),
      defaults: Object.assign({}, ...read.map(({ defaults }) => defaults)),
    };
    void this.panel.webview.postMessage(message);
  }
}

async function deleteRuns(runs: readonly string[]): Promise<void> {
  const items = runs.map((run) => ({ kind: "run", run }));
  // As the results view sends them: the clicked item, and all selected ones.
  if (items.length > 0) await runCommand("biapy.results.delete", items[0], items);
}

/** Changes whenever a run's files may have changed. */
const stateOf = ({ summary, folder }: KnownRun): string => `${summary.status} ${folder?.changed ?? 0}`;

function rowOf({ summary, folder, live, progress }: KnownRun): RunRow {
  const ended = isActive(summary.status) ? undefined : (live?.record.ended?.time ?? folder?.changed);
  return {
    // The table does not show the time left, which changes often.
    summary: { ...summary, timeLeft: undefined },
    bestLoss: progress?.bestLoss ?? folder?.best?.loss,
    ended,
  };
}
