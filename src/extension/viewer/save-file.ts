import { join } from "node:path";
import * as vscode from "vscode";
import type { SaveRequest } from "../../protocol/panel-messages.ts";

/** Asks where to save a file that a page made, and writes it there. */
export async function saveFile({ name, content }: SaveRequest): Promise<void> {
  const [folder] = vscode.workspace.workspaceFolders ?? [];
  const proposed = vscode.Uri.file(folder === undefined ? name : join(folder.uri.fsPath, name));
  const target = await vscode.window.showSaveDialog({ defaultUri: proposed });
  if (target !== undefined) await vscode.workspace.fs.writeFile(target, new Uint8Array(content));
}
