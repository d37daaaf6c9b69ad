import { setTimeout } from "node:timers/promises";
import * as vscode from "vscode";
import type { Api } from "../../src/extension/extension.ts";
import type { RunStatus } from "../../src/facts/run-status.ts";

const POLL_MS = 50;

/** The folder that the suite runs in. */
export function folder(): vscode.Uri {
  const [opened] = vscode.workspace.workspaceFolders ?? [];
  if (opened === undefined) throw new Error("The suite runs in a folder.");
  return opened.uri;
}

/** Writes a file into the folder and shows it. */
export async function openConfiguration(name: string, text: string): Promise<vscode.TextDocument> {
  const uri = vscode.Uri.joinPath(folder(), name);
  await vscode.workspace.fs.writeFile(uri, new TextEncoder().encode(text));
  const document = await vscode.workspace.openTextDocument(uri);
  await vscode.window.showTextDocument(document);
  return document;
}

/** Repeats a look until it finds something. The suite's time limit ends it. */
export async function until<T>(look: () => Promise<T | undefined | false>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    await setTimeout(POLL_MS);
  }
}

export function extension(): vscode.Extension<Api> {
  const found = vscode.extensions.getExtension<Api>("biapy-studio.biapy-studio");
  if (found === undefined) throw new Error("The extension is not there.");
  return found;
}

/** The extension's exports, once it is active. */
export async function extensionApi(): Promise<Api> {
  return extension().activate();
}

/** Lets trainings start without a question, which nobody answers here. */
export async function trainWithoutAsking(): Promise<void> {
  const settings = vscode.workspace.getConfiguration("biapy.run");
  await settings.update("confirmCommand", false, vscode.ConfigurationTarget.Workspace);
}

/** Waits until a run has a status. */
export async function untilStatus(run: string, status: RunStatus): Promise<void> {
  const { runs } = await extensionApi();
  await until(async () => runs.find(run)?.summary.status === status);
}
