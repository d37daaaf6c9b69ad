/** BiaPy: Open Trainer Source: the embedded engine's files, to read and to set breakpoints in. */
import { join } from "node:path";
import * as vscode from "vscode";
import type { Services } from "./services.ts";

/** The files of most interest, with what they do. */
const FIRST: Readonly<Record<string, string>> = {
  "training/trainer.ts": "the training loop",
  "models/mae.ts": "the masked autoencoder",
  "workflow/tasks/masking.ts": "masking: inputs, loss and metrics",
  "workflow/run.ts": "a run from its configuration to its results",
};

/**
 * Opens a source file of the embedded engine.
 *
 * @param known the file, relative to `src`. Defaults to one that the user picks
 */
export async function openTrainerSource({ context }: Services, known?: string): Promise<void> {
  const root = vscode.Uri.file(context.asAbsolutePath("src"));
  const file = known ?? (await pickSource(root));
  if (file === undefined) return;
  await vscode.window.showTextDocument(vscode.Uri.joinPath(root, file), { preview: false });
}

async function pickSource(root: vscode.Uri): Promise<string | undefined> {
  const pattern = new vscode.RelativePattern(root, "{cli,data,models,training,workflow}/**/*.ts");
  const found = await vscode.workspace.findFiles(pattern, null);
  const names = found.map(({ fsPath }) => fsPath.slice(join(root.fsPath, "/").length).replaceAll("\\", "/"));
  const others = names.filter((name) => !(name in FIRST)).sort();
  const items = [...Object.keys(FIRST), ...others].map((label) => ({ label, description: FIRST[label] }));
  const placeHolder = "Click beside a line number to stop there when a training is debugged";
  return (await vscode.window.showQuickPick(items, { title: "Source of the trainer", placeHolder }))?.label;
}
