/** The results view: runs with their status, and the files of each run. */

import { basename, extname } from "node:path";
import * as vscode from "vscode";
import { keysOf } from "../../facts/checked-lists.ts";
import { shortNumber } from "../../facts/format.ts";
import type { RunStatus } from "../../facts/run-status.ts";
import type { FileGroup } from "../../results/run-folders.ts";
import type { KnownRun } from "../runs/known-run.ts";
import type { RunManager } from "../runs/run-manager.ts";
import { commandLink } from "../workspace/command-link.ts";

export const RESULTS_VIEW = "biapy.results";

/** A run, a group of its files, or a file. Commands get these items. */
export type ResultItem = RunItem | GroupItem | FileItem;

export interface RunItem {
  readonly kind: "run";
  /** The run's identity. */
  readonly run: string;
}

interface GroupItem {
  readonly kind: "group";
  readonly run: string;
  readonly group: FileGroup;
}

export interface FileItem {
  readonly kind: "file";
  readonly run: string;
  readonly group: FileGroup;
  readonly file: string;
}

/** Whether an argument of a command is an item of this view: keyboard shortcuts and other extensions may send anything. */
export function isResultItem(value: unknown): value is ResultItem {
  if (typeof value !== "object" || value === null) return false;
  const { kind, run, group, file }: Readonly<Record<string, unknown>> = { ...value };
  if (typeof run !== "string") return false;
  if (kind === "run") return true;
  if (typeof group !== "string" || !(group in GROUPS)) return false;
  return kind === "group" || (kind === "file" && typeof file === "string");
}

const GROUPS: Readonly<Record<FileGroup, { readonly label: string; readonly icon: string }>> = {
  configuration: { label: "Configuration", icon: "settings-gear" },
  checkpoints: { label: "Checkpoints", icon: "save" },
  charts: { label: "Charts", icon: "graph-line" },
  "mae-checks": { label: "MAE_checks", icon: "eye" },
  images: { label: "Images", icon: "file-media" },
  segmentations: { label: "Segmentations", icon: "symbol-class" },
  previews: { label: "Previews during training", icon: "history" },
  features: { label: "Features", icon: "symbol-color" },
  augmentations: { label: "Augmentation samples", icon: "symbol-color" },
  logs: { label: "Logs", icon: "output" },
};

const STATUS_ICONS: Readonly<Record<RunStatus, vscode.ThemeIcon>> = {
  queued: new vscode.ThemeIcon("watch"),
  running: new vscode.ThemeIcon("loading~spin"),
  finished: new vscode.ThemeIcon("pass", new vscode.ThemeColor("testing.iconPassed")),
  stopped: new vscode.ThemeIcon("debug-pause"),
  failed: new vscode.ThemeIcon("error", new vscode.ThemeColor("testing.iconFailed")),
  interrupted: new vscode.ThemeIcon("warning", new vscode.ThemeColor("list.warningForeground")),
  unknown: new vscode.ThemeIcon("question"),
  damaged: new vscode.ThemeIcon("error", new vscode.ThemeColor("list.warningForeground")),
};

/** Statuses that need an explanation. */
const EXPLAINED: Partial<Readonly<Record<RunStatus, string>>> = {
  unknown: "Its end is not recorded. Trust this folder to see whether the run is still active.",
};

const REFRESH_MS = 500;

export class ResultsTree implements vscode.TreeDataProvider<ResultItem> {
  private readonly changes = new vscode.EventEmitter<void>();
  readonly onDidChangeTreeData = this.changes.event;

  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly runs: RunManager) {
    // Debounced: runs change several times a second.
    runs.onDidChangeRuns(() => {
      this.timer ??= setTimeout(() => {
        this.timer = undefined;
        this.changes.fire();
      }, REFRESH_MS);
    });
  }

  getChildren(item?: ResultItem): ResultItem[] {
    if (item === undefined)
      return this.runs.known.map(({ summary }) => ({ kind: "run", run: summary.id }) as const);
    const files = this.runs.find(item.run)?.folder?.files;
    if (files === undefined || item.kind === "file") return [];
    if (item.kind === "group")
      return files[item.group].map((file) => ({ kind: "file", run: item.run, group: item.group, file }));
    return keysOf(GROUPS)
      .filter((group) => files[group].length > 0)
      .map((group) => ({ kind: "group", run: item.run, group }));
  }

  getParent(item: ResultItem): ResultItem | undefined {
    if (item.kind === "run") return undefined;
    if (item.kind === "group") return { kind: "run", run: item.run };
    return { kind: "group", run: item.run, group: item.group };
  }

  getTreeItem(item: ResultItem): vscode.TreeItem {
    if (item.kind === "run") return this.runItem(item.run);
    if (item.kind === "group") return this.groupItem(item);
    return fileItem(item);
  }

  private groupItem({ run, group }: GroupItem): vscode.TreeItem {
    const { label, icon } = GROUPS[group];
    const item = new vscode.TreeItem(label, vscode.TreeItemCollapsibleState.Collapsed);
    item.id = `${run}/${group}`;
    item.iconPath = new vscode.ThemeIcon(icon);
    item.description = String(this.runs.find(run)?.folder?.files[group].length ?? "");
    item.contextValue = "group";
    return item;
  }

  private runItem(id: string): vscode.TreeItem {
    const run = this.runs.find(id);
    const item = new vscode.TreeItem(basename(id), vscode.TreeItemCollapsibleState.Collapsed);
    item.id = id;
    if (run === undefined) return item;
    const { name, runId, status, resumable, engine } = run.summary;
    item.label = `${name}, run ${runId}`;
    item.description = descriptionOf(run);
    item.iconPath = STATUS_ICONS[status];
    const marks = [run.live?.isActive && "active", resumable && "resumable"].filter(Boolean);
    item.contextValue = ["run", ...marks].join(" ");
    item.tooltip = tooltipOf(run);
    item.accessibilityInformation = { label: `${item.label}, ${status}, ${engine}, ${item.description}` };
    return item;
  }
}

/** Returns a formatter for dates. It is created on first use: creating one takes longer than formatting a hundred dates. */
function dateWriter(form: Intl.DateTimeFormatOptions): (date: Date | number) => string {
  let format: Intl.DateTimeFormat | undefined;
  return (date) => {
    format ??= new Intl.DateTimeFormat([], form);
    return format.format(date);
  };
}

const time = dateWriter({ hour: "numeric", minute: "2-digit" });
const day = dateWriter({ month: "short", day: "numeric" });
const fullDay = dateWriter({ dateStyle: "short" });
const moment = dateWriter({ dateStyle: "short", timeStyle: "medium" });

/** Short, because a sidebar is narrow: the icon shows the status, and the tooltip everything else. */
function descriptionOf({ summary, folder, progress, damage }: KnownRun): string {
  if (damage !== undefined) return `damaged: ${damage}`;
  const loss = progress?.bestLoss ?? folder?.best?.loss;
  const active = summary.status === "running" || summary.status === "queued";
  const best = loss === undefined ? "" : `loss ${shortNumber(loss)}`;
  const waiting = summary.status === "queued" ? "waiting" : "starting";
  const when = active ? progress?.text || waiting : shortDate(new Date(summary.started));
  const parts = active ? [when, best] : [best, when];
  return parts.filter((part) => part !== "").join(" · ");
}

/** Returns the time of a run of today, the day of one of this year, and the date of older ones. */
function shortDate(date: Date): string {
  const today = new Date();
  if (date.toDateString() === today.toDateString()) return time(date);
  if (date.getFullYear() === today.getFullYear()) return day(date);
  return fullDay(date);
}

function tooltipOf({ summary, folder, live, damage }: KnownRun): vscode.MarkdownString {
  const { name, runId, status, engine, started, id } = summary;
  const explained = damage ?? live?.record.ended?.message ?? EXPLAINED[status];
  const tooltip = new vscode.MarkdownString(`**${name}, run ${runId}**: ${status}`);
  // A record's text may hold Markdown, such as a remote image: it is escaped.
  const add = (text: string) => tooltip.appendMarkdown("\n\n").appendText(text);
  if (explained !== undefined) add(explained);
  add(`Engine: ${engine}`);
  add(`Started: ${moment(started)}`);
  if (folder?.best !== undefined)
    add(`Best loss: ${shortNumber(folder.best.loss)} in epoch ${folder.best.epoch}`);
  add(id);
  return tooltip;
}

function fileItem({ run, group, file }: FileItem): vscode.TreeItem {
  const item = new vscode.TreeItem(vscode.Uri.file(file), vscode.TreeItemCollapsibleState.None);
  item.id = `${run}/${group}/${file}`;
  item.tooltip = file;
  const checkpoint = group === "checkpoints" && [".pth", ".safetensors"].includes(extname(file));
  item.contextValue = checkpoint ? "file checkpoint" : "file";
  // No editor shows a checkpoint.
  if (!checkpoint)
    item.command = commandLink("biapy.results.open", "Open", {
      kind: "file",
      run,
      group,
      file,
    } satisfies FileItem);
  return item;
}
