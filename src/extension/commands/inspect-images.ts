/** BiaPy: Inspect Images: shows how the trainer reads image files, in a document beside the editor. */
import * as vscode from "vscode";
import { imageChecks } from "../language/load-image-checks.ts";
import { pickImages } from "../workspace/pick-files.ts";
import type { Services } from "./services.ts";

/**
 * @param clicked the file or folder in the explorer; if absent, the user is asked
 * @param all all selected files and folders
 */
export async function inspectImages({ context }: Services, clicked: unknown, all: unknown): Promise<void> {
  const selected = (Array.isArray(all) ? all : [clicked]).filter((each) => each instanceof vscode.Uri);
  const images =
    selected.length > 0 ? selected : await pickImages({ title: "Inspect Images", openLabel: "Inspect" });
  if (images.length === 0) return;
  const title = "Inspecting images…";
  const location = vscode.ProgressLocation.Window;
  const content = await vscode.window.withProgress({ location, title }, () =>
    imageChecks(context).report(images.map(({ fsPath }) => fsPath)),
  );
  const document = await vscode.workspace.openTextDocument({ content, language: "plaintext" });
  await vscode.window.showTextDocument(document, { preview: true });
}
