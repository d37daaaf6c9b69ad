/** The runs table's commands. */
import * as vscode from "vscode";
import { pathInside } from "../../facts/files/lies-inside.ts";
import { IMAGE_TITLES } from "../../facts/image-titles.ts";
import type { ImageFiles } from "../../facts/run-events.ts";
import { runName, runTitles } from "../../facts/run-titles.ts";
import { readNotes } from "../../runs/run-notes.ts";
import { configurationOf, type KnownRun } from "../runs/known-run.ts";
import type { RunManager } from "../runs/run-manager.ts";
import { openImages } from "../viewer/index.ts";
import { mayTouch } from "../workspace/network-access.ts";
import { mayRun } from "../workspace/trust.ts";

/** Asks for a run's name or notes, and saves them. */
export async function editNotes(runs: RunManager, run: string, field: "title" | "notes"): Promise<void> {
  const details = await runs.details(run);
  const summary = runs.find(run)?.summary;
  if (details === undefined || summary === undefined) return;
  const usual = runName(summary);
  const answer = await vscode.window.showInputBox({
    title: field === "title" ? `Name of ${usual}` : `Notes on ${usual}`,
    prompt: field === "title" ? "Files keep their names. Leave empty for the usual name." : undefined,
    value: details.notes[field],
    // The table may take the focus back.
    ignoreFocusOut: true,
  });
  if (answer !== undefined) await runs.annotate(run, { ...details.notes, [field]: answer.trim() });
}

/** Compares the configurations of two runs in a diff editor, the earlier run on the left, whatever the order of the table. */
export async function compareConfigurations(
  runs: RunManager,
  compared: readonly [string, string],
): Promise<void> {
  const [left, right] = compared
    .flatMap((id) => runs.find(id) ?? [])
    .sort((one, other) => one.summary.started - other.summary.started);
  const [fileA, fileB] = [left && configurationOf(left), right && configurationOf(right)];
  if (left === undefined || right === undefined || fileA === undefined || fileB === undefined) {
    void vscode.window.showWarningMessage("The configuration of one of these runs is gone.");
    return;
  }
  const title = (await titlesOf([left, right])).join(" ↔ ");
  await vscode.commands.executeCommand("vscode.diff", vscode.Uri.file(fileA), vscode.Uri.file(fileB), title);
}

/** Returns the titles of compared runs. */
async function titlesOf(runs: readonly KnownRun[]): Promise<string[]> {
  const notes = await Promise.all(runs.map(({ order }) => readNotes(order)));
  return runTitles(runs.map(({ summary }, index) => ({ ...summary, title: notes[index]?.title })));
}

/** A run's result for an image. */
const madeOf = ({ prediction, reconstructionAndVisible, reconstruction }: ImageFiles): string | undefined =>
  prediction ?? reconstructionAndVisible ?? reconstruction;

/** Opens a test image and the results of several runs for it, side by side. */
export async function compareImages(
  context: vscode.ExtensionContext,
  runs: RunManager,
  ids: readonly string[],
): Promise<void> {
  const perRun = await Promise.all(ids.map((id) => imagesOf(runs, id)));
  const common = [...(perRun[0]?.keys() ?? [])].filter((image) => perRun.every((each) => each.has(image)));
  if (common.length === 0) {
    void vscode.window.showInformationMessage("These runs have no test image in common.");
    return;
  }
  const image =
    common.length === 1
      ? common[0]
      : await vscode.window.showQuickPick(common, { title: "Compare which image?", ignoreFocusOut: true });
  if (image === undefined) return;
  const made = ids.flatMap((id, at) => {
    const path = madeOf(perRun[at]?.get(image) ?? {});
    const run = runs.find(id);
    return path === undefined || run === undefined ? [] : [{ path, run }];
  });
  const original = perRun[0]?.get(image)?.original;
  // The paths come from the runs' events, which may come from elsewhere.
  for (const path of [original ?? "", ...made.map((each) => each.path)]) {
    if (await mayTouch(path, ids)) continue;
    void vscode.window.showWarningMessage(`${path} is not shown: it is not on this computer.`);
    return;
  }
  const names = await titlesOf(made.map(({ run }) => run));
  const shown = made.map(({ path }, index) => ({ path, title: names[index] ?? path }));
  const all = [
    ...(original === undefined ? [] : [{ path: original, title: IMAGE_TITLES.original }]),
    ...shown,
  ];
  openImages(
    context,
    all.map(({ path }) => vscode.Uri.file(path)),
    { titles: all.map(({ title }) => title) },
  );
}

/** The newest result files of each image; predictions of test images before previews. */
async function imagesOf(runs: RunManager, id: string): Promise<Map<string, ImageFiles>> {
  const found = new Map<string, ImageFiles>();
  const events = (await runs.events(id)).filter((event) => event.event === "image");
  for (const kind of ["mae-check", "segmentation", "prediction"] as const)
    for (const event of events)
      if (event.kind === kind && madeOf(event.files) !== undefined) found.set(event.image, event.files);
  return found;
}

/** Adds a folder of results to the setting `biapy.results.folders`. */
export async function addFolder(): Promise<void> {
  if (!(await mayRun())) return;
  const [folder] = vscode.workspace.workspaceFolders ?? [];
  if (folder === undefined) {
    void vscode.window.showInformationMessage(
      "Open a folder first: the added folder is kept in its settings.",
    );
    return;
  }
  const picked = await vscode.window.showOpenDialog({
    canSelectFolders: true,
    canSelectFiles: false,
    title: "A folder with results of runs",
    openLabel: "Add Folder",
  });
  const path = picked?.[0]?.fsPath;
  if (path === undefined) return;
  const settings = vscode.workspace.getConfiguration("biapy", folder.uri);
  const known = settings.get<string[]>("results.folders", []);
  const added = pathInside(path, folder.uri.fsPath) ?? path;
  await settings.update("results.folders", [...known, added], vscode.ConfigurationTarget.WorkspaceFolder);
}
