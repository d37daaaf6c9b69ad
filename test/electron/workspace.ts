import { setTimeout } from "node:timers/promises";
import * as vscode from "vscode";

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

/** Waits for what a condition finds; the suite's time limit ends it. */
export async function until<T>(condition: () => Promise<T | undefined | false>): Promise<T> {
  for (;;) {
    const found = await condition();
    if (found !== undefined && found !== false) return found;
    await setTimeout(POLL_MS);
  }
}
