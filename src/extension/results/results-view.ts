/** The results view: runs with their status, and the files of each run. */

import { basename, extname } from "node:path";
import * as vscode from "vscode";
import { keysOf } from "../../facts/checked-lists.ts";
import { shortNumber } from "../../facts/format.ts";
import { asObject } from "../../facts/json.ts";
import { isActive, type RunStatus } from "../../facts/run-status.ts";
import { runName } from "../../facts/run-titles.ts";
import type { FileGroup, RunFolder } from "../../results/run-folders.ts";
import type { KnownRun } from "../runs/known-run.ts";
import type { RunManager } from "../runs/run-manager.ts";
import { commandLink } from "../workspace/command-link.ts";

/** The view's id, contributed by package.json. */
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
  const { kind, run, group, file } = asObject(value);
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

/** The runs of which the results view shows something. */
export type ShownRuns = Pick<RunManager, "known" | "find" | "onDidChangeRuns">;

/** The tree of the results view: runs, groups of their files, files. */
export class ResultsTree implements vscode.TreeDataProvider<ResultItem> {
  private readonly changes = new vscode.EventEmitter<ResultItem[] | undefined>();
  readonly onDidChangeTreeData = this.changes.event;

  private timer: NodeJS.Timeout | undefined;
  /** The item of each run: VS Code knows items by their objects. */
  private readonly items = new Map<string, RunItem>();
  /** What the view shows of each run and its files, in order. */
  private shown: ReadonlyMap<string, string> = new Map();
  /** The files of a folder as text, which takes long to make for thousands of runs. */
  private readonly files = new WeakMap<RunFolder, string>();

  constructor(private readonly runs: ShownRuns) {
    // Debounced: runs change several times a second.
    runs.onDidChangeRuns(() => {
      this.timer ??= setTimeout(() => {
        this.timer = undefined;
        this.refresh();
      }, REFRESH_MS);
    });
  }

  /** Has the runs that have changed drawn again, and no others: a tooltip, and a click on a button, end when their row is drawn again. */
  private refresh(): void {
    const before = this.shown;
    this.shown = new Map(
      this.runs.known.map(({ summary: { id }, folder }) => [id, this.contentOf(id, folder)]),
    );
    const ids = [...this.shown.keys()];
    if (ids.join("\n") !== [...before.keys()].join("\n")) {
      for (const id of this.items.keys()) if (!this.shown.has(id)) this.items.delete(id);
      this.changes.fire(undefined);
      return;
    }
    const changed = ids.filter((id) => this.shown.get(id) !== before.get(id));
    if (changed.length > 0) this.changes.fire(changed.map((id) => this.itemOf(id)));
  }

  /** Returns all that the view shows of a run, as text. */
  private contentOf(id: string, folder: RunFolder | undefined): string {
    const { label, description, iconPath, contextValue, tooltip } = this.runItem(id);
    const text = tooltip instanceof vscode.MarkdownString ? tooltip.value : tooltip;
    return JSON.stringify([label, description, iconPath, contextValue, text, folder && this.filesOf(folder)]);
  }

  private filesOf(folder: RunFolder): string {
    const known = this.files.get(folder) ?? JSON.stringify(folder.files);
    this.files.set(folder, known);
    return known;
  }

  private itemOf(run: string): RunItem {
    const item = this.items.get(run) ?? { kind: "run", run };
    this.items.set(run, item);
    return item;
  }

  getChildren(item?: ResultItem): ResultItem[] {
    if (item === undefined) return this.runs.known.map(({ summary }) => this.itemOf(summary.id));
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
    if (item.kind === "group") return this.itemOf(item.run);
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
    const { status, resumable, engine } = run.summary;
    item.label = runName(run.summary);
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
  const active = isActive(summary.status);
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
  const { status, engine, started, id } = summary;
  const explained = damage ?? live?.record.ended?.message ?? EXPLAINED[status];
  const tooltip = new vscode.MarkdownString(`**${runName(summary)}**: ${status}`);
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
