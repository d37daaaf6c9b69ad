import { dirname } from "node:path";
import * as vscode from "vscode";
import { isBiapyConfiguration, LANGUAGE } from "../workspace/recognize.ts";

/** Gives YAML files that are configurations by their content the language of configurations, when they are opened. */
export function recognizeConfigurations(): vscode.Disposable {
  const recognize = (document: vscode.TextDocument) => {
    if (document.languageId === "yaml" && isBiapyConfiguration(document.getText()))
      void vscode.languages.setTextDocumentLanguage(document, LANGUAGE);
  };
  vscode.workspace.textDocuments.forEach(recognize);
  return vscode.Disposable.from(
    vscode.workspace.onDidOpenTextDocument(recognize),
    vscode.workspace.onDidSaveTextDocument(recognize),
  );
}

/** The folder against which a configuration's paths are resolved: its workspace folder, or else its own folder. */
export function baseFolder(document: vscode.TextDocument): string {
  const folder = vscode.workspace.getWorkspaceFolder(document.uri) ?? vscode.workspace.workspaceFolders?.[0];
  return folder?.uri.fsPath ?? (document.isUntitled ? process.cwd() : dirname(document.uri.fsPath));
}

/** Asks where to save a new configuration. */
export function askWhereToSave(title: string, defaultUri: vscode.Uri): Thenable<vscode.Uri | undefined> {
  const filters = { "BiaPy configuration": ["biapy.yaml", "yaml", "yml"] };
  return vscode.window.showSaveDialog({ title, defaultUri, filters });
}

/** Writes a new configuration and opens it as a BiaPy configuration, with any file name. */
export async function writeAndShow(target: vscode.Uri, text: string): Promise<void> {
  await vscode.workspace.fs.writeFile(target, new TextEncoder().encode(text));
  const document = await vscode.workspace.openTextDocument(target);
  if (document.languageId !== LANGUAGE) await vscode.languages.setTextDocumentLanguage(document, LANGUAGE);
  await vscode.window.showTextDocument(document);
}
