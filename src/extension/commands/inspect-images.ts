/** BiaPy: Inspect Images: shows how the trainer reads image files, in a document beside the editor. */
import * as vscode from "vscode";
import { imageChecks } from "../language/load-image-checks.ts";
import type { Services } from "./services.ts";

/**
 * @param clicked the file or folder in the explorer; if absent, the user is asked
 * @param all all selected files and folders
 */
export async function inspectImages({ context }: Services, clicked: unknown, all: unknown): Promise<void> {
  const selected = (Array.isArray(all) ? all : [clicked]).filter((each) => each instanceof vscode.Uri);
  const images = selected.length > 0 ? selected : await pick();
  if (images.length === 0) return;
  const title = "Looking at images…";
  const location = vscode.ProgressLocation.Window;
  const content = await vscode.window.withProgress({ location, title }, () =>
    imageChecks(context).report(images.map(({ fsPath }) => fsPath)),
  );
  const document = await vscode.workspace.openTextDocument({ content, language: "plaintext" });
  await vscode.window.showTextDocument(document, { preview: true });
}

async function pick(): Promise<readonly vscode.Uri[]> {
  const title = "Images, or Folders of Images";
  const picked = await vscode.window.showOpenDialog({
    canSelectMany: true,
    canSelectFolders: true,
    canSelectFiles: process.platform === "darwin",
    openLabel: "Inspect",
    title,
  });
  return picked ?? [];
}
