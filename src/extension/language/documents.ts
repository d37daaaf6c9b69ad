import * as vscode from "vscode";
import { workingDirectory } from "../workspace/configuration-file.ts";
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

/** Returns the folder against which a configuration's paths are resolved. */
export function baseFolder({ uri, isUntitled }: vscode.TextDocument): string {
  // A document that was never saved has no folder.
  const hasFolder = !isUntitled || vscode.workspace.workspaceFolders?.[0] !== undefined;
  return hasFolder ? workingDirectory(uri) : process.cwd();
}

/** Asks where to save a new configuration. Returns undefined if the user canceled. */
export function askWhereToSave(title: string, defaultUri: vscode.Uri): Thenable<vscode.Uri | undefined> {
  const filters = { "BiaPy configuration": ["biapy.yaml", "yaml", "yml"] };
  return vscode.window.showSaveDialog({ title, defaultUri, filters });
}

/** Writes a new configuration and opens it as a BiaPy configuration, with any file name. */
export async function writeAndShow(target: vscode.Uri, text: string): Promise<void> {
  await vscode.workspace.fs.writeFile(target, new TextEncoder().encode(text));
  const document = await vscode.workspace.openTextDocument(target);
  if (document.languageId !== LANGUAGE) await vscode.languages.setTextDocumentLanguage(document, LANGUAGE);
  // Beside the training panel, not over it. Not as a preview, which the next file that is opened would replace.
  const viewColumn = vscode.window.activeTextEditor?.viewColumn ?? vscode.ViewColumn.One;
  await vscode.window.showTextDocument(document, { preview: false, viewColumn });
}
