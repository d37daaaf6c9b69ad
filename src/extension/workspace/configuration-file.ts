/** Finds the configuration for a command. */

import { dirname } from "node:path";
import * as vscode from "vscode";
import { runCommand } from "./commands.ts";
import { isBiapyConfiguration, LANGUAGE } from "./recognize.ts";

/**
 * Returns the configuration that was clicked, is being edited, or that the user picks; saved to disk. Undefined if there
 * is none or the user canceled.
 */
export async function configurationFile(clicked?: unknown): Promise<vscode.Uri | undefined> {
  const uri =
    clicked instanceof vscode.Uri ? clicked : (editedConfiguration() ?? (await pickConfiguration()));
  return uri && savedFile(uri);
}

function editedConfiguration(): vscode.Uri | undefined {
  const shown = [vscode.window.activeTextEditor, ...vscode.window.visibleTextEditors];
  return shown.find((editor) => editor?.document.languageId === LANGUAGE)?.document.uri;
}

async function pickConfiguration(): Promise<vscode.Uri | undefined> {
  const found = await configurationsInWorkspace();
  if (found.length === 1) return found[0];
  if (found.length === 0) {
    const make = "New Configuration";
    const message = "There is no BiaPy configuration in the open folder.";
    if ((await vscode.window.showInformationMessage(message, make)) === make)
      await runCommand("biapy.newConfiguration");
    return undefined;
  }
  const items = found.map((uri) => ({ label: vscode.workspace.asRelativePath(uri), uri }));
  const title = "Which configuration?";
  return (await vscode.window.showQuickPick(items, { title, ignoreFocusOut: true }))?.uri;
}

/** Finds configurations by their name and, among open files, by their content. Returns them sorted by path. */
export async function configurationsInWorkspace(): Promise<vscode.Uri[]> {
  const named = await vscode.workspace.findFiles("**/*.biapy.{yaml,yml}", "**/{node_modules,.git}/**", 200);
  const open = vscode.workspace.textDocuments
    .filter(({ uri, languageId }) => uri.scheme === "file" && languageId === LANGUAGE)
    .filter((document) => isBiapyConfiguration(document.getText()))
    .map(({ uri }) => uri);
  const all = new Map([...named, ...open].map((uri) => [uri.toString(), uri]));
  return [...all.values()].sort((one, other) => one.fsPath.localeCompare(other.fsPath));
}

async function savedFile(uri: vscode.Uri): Promise<vscode.Uri | undefined> {
  const document = vscode.workspace.textDocuments.find((one) => one.uri.toString() === uri.toString());
  if (document?.isUntitled) return vscode.workspace.saveAs(uri);
  if (document?.isDirty && !(await document.save())) return undefined;
  if (uri.scheme === "file") return uri;
  void vscode.window.showErrorMessage("A configuration is trained from a file on disk: save it first.");
  return undefined;
}

/** Returns the folder against which a configuration's paths and results are resolved: its workspace folder, or else its own folder. */
export function workingDirectory(config: vscode.Uri): string {
  const folder = vscode.workspace.getWorkspaceFolder(config) ?? vscode.workspace.workspaceFolders?.[0];
  return folder?.uri.fsPath ?? dirname(config.fsPath);
}
