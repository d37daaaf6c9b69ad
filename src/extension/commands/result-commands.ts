/** Commands of the results view's menus. */

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import * as vscode from "vscode";
import { liesInside, pathInside } from "../../facts/files/lies-inside.ts";
import { runName } from "../../facts/run-titles.ts";
import { askWhereToSave, writeAndShow } from "../language/documents.ts";
import { shortestPath } from "../language/new-configuration.ts";
import { startingFrom } from "../results/checkpoint-configuration.ts";
import type { FileItem, ResultItem } from "../results/results-view.ts";
import { configurationOf, type KnownRun } from "../runs/known-run.ts";
import { runCommand } from "../workspace/commands.ts";
import { workingDirectory } from "../workspace/configuration-file.ts";
import { mayRun } from "../workspace/trust.ts";
import type { Services } from "./services.ts";

/** Images that are folders: our viewer opens them, but cannot be registered as their editor. */
const IMAGE_FOLDER = ".zarr";

/** Opens a file of the results view in its editor. */
export async function openResult(item: FileItem): Promise<void> {
  const uri = vscode.Uri.file(item.file);
  if (extname(item.file) === IMAGE_FOLDER) await runCommand("biapy.viewImages", uri);
  else await vscode.commands.executeCommand("vscode.open", uri);
}

/** Shows a file, or a run's folder, in the system's file manager. */
export async function revealResult({ runs }: Services, item: ResultItem): Promise<void> {
  const path = item.kind === "file" ? item.file : placeOf(runs, item);
  await vscode.commands.executeCommand("revealFileInOS", vscode.Uri.file(path));
}

function placeOf(runs: Services["runs"], item: ResultItem): string {
  const folder = runs.find(item.run)?.folder;
  const first = item.kind === "group" ? folder?.files[item.group][0] : undefined;
  return (
    [first, item.run, folder?.tree.jobDirectory].find((path) => path !== undefined && existsSync(path)) ??
    item.run
  );
}

/** Writes a configuration that starts from a checkpoint, and opens it. Returns its file; undefined if the user canceled. */
export async function useCheckpoint(
  { runs }: Services,
  item: FileItem,
  known?: vscode.Uri,
): Promise<vscode.Uri | undefined> {
  const run = runs.find(item.run);
  if (run === undefined) return undefined;
  const { name, runId } = run.summary;
  const source = configurationOf(run);
  if (source === undefined) {
    void vscode.window.showErrorMessage(`The configuration of ${runName(run.summary)}, is gone.`);
    return undefined;
  }
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? run.order.workingDirectory;
  const title = `A configuration that starts from ${runName(run.summary)}`;
  const proposed = vscode.Uri.file(join(folder, `${name}_from_run_${runId}.biapy.yaml`));
  const target = known ?? (await askWhereToSave(title, proposed));
  if (target === undefined) return undefined;
  const checkpoint = shortestPath(item.file, workingDirectory(target));
  const text = startingFrom(await readFile(source, "utf8"), checkpoint);
  await writeAndShow(target, text);
  return target;
}

/** Paths named in a question before they are deleted. */
const MOST_LISTED = 15;

/** Moves files, groups of files or whole runs to the trash, after listing them. */
export async function deleteResults(
  { runs }: Services,
  items: readonly ResultItem[],
  confirmed = false,
): Promise<void> {
  // Without connections it is unknown whether a run is still active.
  if (!(await mayRun())) return;
  const found = items.flatMap((item) => {
    const run = runs.find(item.run);
    return run === undefined ? [] : [{ item, run, paths: pathsOf(run, item).filter(existsSync) }];
  });
  if (found.some(isRefused)) return;
  const paths = [...new Set(found.flatMap((each) => each.paths))];
  if (paths.length === 0) return;
  const whole = found.filter(({ item }) => item.kind === "run").map(({ run }) => runName(run.summary));
  if (!confirmed && !(await confirmDeletion(whole, paths))) return;
  await trash(paths);
  await runCommand("biapy.results.refresh");
}

/** Files of a run to delete. */
interface Deletion {
  readonly run: KnownRun;
  readonly paths: readonly string[];
}

/** Whether files must not be deleted. If so, tells the user why. */
function isRefused({ run, paths }: Deletion): boolean {
  if (run.live?.isActive) {
    void vscode.window.showWarningMessage(`${runName(run.summary)}, is running: stop it first.`);
    return true;
  }
  const job = run.folder?.tree.jobDirectory ?? run.live?.jobDirectory ?? "";
  const outside = paths.find((path) => !liesInside(path, job));
  if (outside === undefined) return false;
  void vscode.window.showErrorMessage(
    `${outside} lies behind a link that leads out of ${job}. Nothing was deleted: remove the link first.`,
  );
  return true;
}

/** @param whole names of the runs of which everything is deleted */
async function confirmDeletion(whole: readonly string[], paths: readonly string[]): Promise<boolean> {
  const files = paths.length === 1 ? paths[0] : `${paths.length} files`;
  const what = whole.length > 0 ? `all of ${whole.join("; ")}` : files;
  const more = paths.length > MOST_LISTED ? [`and ${paths.length - MOST_LISTED} more`] : [];
  const detail = [...paths.slice(0, MOST_LISTED), ...more].join("\n");
  const move = "Move to Trash";
  const answer = await vscode.window.showWarningMessage(`Delete ${what}?`, { modal: true, detail }, move);
  return answer === move;
}

/** Asks before deleting permanently on a machine without a trash, such as a remote one. */
async function trash(paths: readonly string[]): Promise<void> {
  let useTrash = true;
  for (const path of paths) {
    const uri = vscode.Uri.file(path);
    const remove = () => vscode.workspace.fs.delete(uri, { recursive: true, useTrash });
    try {
      await remove();
    } catch (error) {
      if (!useTrash) throw error;
      const forGood = "Delete Permanently";
      const message = `${path} could not be moved to the trash.`;
      const detail = paths.length > 1 ? "This applies to all selected files." : undefined;
      const answer = await vscode.window.showWarningMessage(message, { modal: true, detail }, forGood);
      if (answer !== forGood) return;
      useTrash = false;
      await remove();
    }
  }
}

/** Returns the paths of a file, of a group's files, or of all that a run has written. */
function pathsOf({ folder, live }: KnownRun, item: ResultItem): readonly string[] {
  if (item.kind === "file") return [item.file];
  if (folder === undefined) return live === undefined ? [] : [live.files.folder];
  if (item.kind === "group") return folder.files[item.group];
  const { tree, files } = folder;
  // The configuration of the job belongs to its other runs too.
  const copies = files.configuration.filter((file) => file !== tree.configFile);
  // Files in these folders are deleted with them.
  const folders = [tree.runDirectory, tree.recordFolder];
  const beside = [...files.checkpoints, ...files.logs, ...copies].filter((file) =>
    folders.every((folder) => pathInside(file, folder) === undefined),
  );
  return [tree.runDirectory, ...beside, tree.recordFolder];
}
