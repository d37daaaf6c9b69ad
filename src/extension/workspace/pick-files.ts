/** Asks for files or folders in a dialog. */
import * as vscode from "vscode";

/** What the dialogs are called. */
export interface DialogTexts {
  readonly title: string;
  readonly openLabel: string;
}

/**
 * Asks for image files, or for folders: Zarr and N5 stores are folders. Only macOS has a dialog for both; on other systems, the user
 * first chooses which of them to look for. Returns no files if the user canceled.
 */
export async function pickImages(texts: DialogTexts, platform = process.platform): Promise<vscode.Uri[]> {
  if (platform === "darwin") return openDialog(texts, { canSelectFiles: true, canSelectFolders: true });
  const files = { label: "$(file-media) Image Files…" };
  const folders = { label: "$(folder) Folders, or Zarr and N5 Stores…" };
  const answer = await vscode.window.showQuickPick([files, folders], {
    title: texts.title,
    ignoreFocusOut: true,
  });
  if (answer === undefined) return [];
  return openDialog(texts, { canSelectFiles: answer === files, canSelectFolders: answer === folders });
}

async function openDialog(
  texts: DialogTexts,
  kinds: Pick<vscode.OpenDialogOptions, "canSelectFiles" | "canSelectFolders">,
): Promise<vscode.Uri[]> {
  return (await vscode.window.showOpenDialog({ ...texts, ...kinds, canSelectMany: true })) ?? [];
}
