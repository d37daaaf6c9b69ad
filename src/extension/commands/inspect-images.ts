/** BiaPy: Inspect Images: shows how the trainer reads image files, in a read-only document. */
import { basename } from "node:path";
import * as vscode from "vscode";
import { imageChecks } from "../language/load-image-checks.ts";
import { pickImages } from "../workspace/pick-files.ts";
import { showInspection } from "./inspection-documents.ts";
import type { Services } from "./services.ts";

/**
 * @param clicked the file or folder in the explorer; if absent, the user is asked
 * @param all all selected files and folders
 */
export async function inspectImages({ context }: Services, clicked: unknown, all: unknown): Promise<void> {
  const selected = (Array.isArray(all) ? all : [clicked]).filter((each) => each instanceof vscode.Uri);
  const images =
    selected.length > 0 ? selected : await pickImages({ title: "Inspect Images", openLabel: "Inspect" });
  const [first, ...others] = images;
  if (first === undefined) return;
  const title = "Inspecting images…";
  const location = vscode.ProgressLocation.Window;
  const content = await vscode.window.withProgress({ location, title }, () =>
    imageChecks(context).report(images.map(({ fsPath }) => fsPath)),
  );
  const more = others.length === 0 ? "" : ` and ${others.length} more`;
  await showInspection(`Inspection of ${basename(first.fsPath)}${more}`, content);
}
