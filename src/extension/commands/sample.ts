/** The sample: its own folder, or a folder in the open one, trained in one click. */
import { homedir } from "node:os";
import { basename, join } from "node:path";
import * as vscode from "vscode";
import { mayRun } from "../workspace/trust.ts";
import { SAMPLE_FOLDER, type SampleTask, writeSample } from "./sample-workspace.ts";
import type { Services } from "./services.ts";
import { runTraining } from "./train.ts";

/** Key in the global state: a configuration to train once its folder is open. */
const TRAIN_NEXT = "biapy.trainNext";

/**
 * BiaPy: Open Sample Workspace.
 *
 * @param train what to train as soon as the folder is open. Defaults to nothing
 */
export async function openSampleWorkspace(
  { context }: Pick<Services, "context">,
  known?: vscode.Uri,
  train?: SampleTask,
): Promise<void> {
  const parent = known ?? (await askParent());
  if (parent === undefined) return;
  const folder = join(parent.fsPath, SAMPLE_FOLDER);
  const file = await writeSample(context.extensionPath, folder, folder, train);
  if (train !== undefined) await context.globalState.update(TRAIN_NEXT, file);
  await vscode.commands.executeCommand("vscode.openFolder", vscode.Uri.file(folder), {
    forceNewWindow: vscode.workspace.workspaceFolders !== undefined,
  });
}

async function askParent(): Promise<vscode.Uri | undefined> {
  const found = await vscode.window.showOpenDialog({
    canSelectFolders: true,
    canSelectFiles: false,
    title: `Where to create the folder ${SAMPLE_FOLDER}`,
    openLabel: "Create Here",
    defaultUri: vscode.Uri.file(homedir()),
  });
  return found?.[0];
}

/**
 * BiaPy: Train on Sample Images, and BiaPy: Segment Sample Images: in the open folder, or else in one in the home folder. Nothing is
 * asked.
 */
export async function trainSample(services: Services, task: SampleTask): Promise<void> {
  const [folder] = vscode.workspace.workspaceFolders ?? [];
  if (folder === undefined) return openSampleWorkspace(services, vscode.Uri.file(homedir()), task);
  if (!(await mayRun())) return;
  const base = folder.uri.fsPath;
  // The open folder may be the sample's own, from the last time.
  const inside = basename(base) === SAMPLE_FOLDER ? base : join(base, SAMPLE_FOLDER);
  const file = await writeSample(services.context.extensionPath, inside, base, task);
  await showAndTrain(services, vscode.Uri.file(file));
}

async function showAndTrain(services: Services, file: vscode.Uri): Promise<void> {
  // The panel opens beside it.
  await vscode.window.showTextDocument(file, { preview: false, viewColumn: vscode.ViewColumn.One });
  await runTraining(services, file, { confirm: false });
}

/** Trains what was requested before this folder was opened, once it is trusted. */
export async function trainWhatWasAsked(services: Services): Promise<void> {
  const { globalState } = services.context;
  const file = globalState.get<string>(TRAIN_NEXT);
  if (file === undefined || vscode.workspace.getWorkspaceFolder(vscode.Uri.file(file)) === undefined) return;
  await globalState.update(TRAIN_NEXT, undefined);
  if (!vscode.workspace.isTrusted) await untilTrusted(services);
  await showAndTrain(services, vscode.Uri.file(file));
}

/** Lets VS Code ask for trust; if the user declines, waits until the folder is trusted. */
async function untilTrusted({ context }: Services): Promise<void> {
  const trusted = new Promise<void>((resolve) => {
    context.subscriptions.push(vscode.workspace.onDidGrantWorkspaceTrust(() => resolve()));
  });
  if (await mayRun()) return;
  const trust = "Trust This Folder…";
  const message = "The sample trains as soon as its folder is trusted.";
  void vscode.window.showInformationMessage(message, trust).then((answer) => {
    if (answer === trust) void mayRun();
  });
  await trusted;
}
