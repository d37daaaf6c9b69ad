/** BiaPy: Inspect Images: what files are, as the trainer reads them, in a document beside. */
import * as vscode from "vscode";
import { imageChecks } from "../language/load-image-checks.ts";
import type { Services } from "./services.ts";

/**
 * @param clicked the file or folder in the explorer; asked for where there is none
 * @param all all that are selected there
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
