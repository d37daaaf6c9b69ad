import * as vscode from "vscode";

/** Whether programs may be run in this folder; says so, and how to change it, where not. */
export async function mayRun(): Promise<boolean> {
  if (vscode.workspace.isTrusted) return true;
  const manage = "Manage Workspace Trust";
  const message = "Nothing is run in Restricted Mode.";
  const detail = "A configuration can name files and programs: trust the folder to train in it.";
  if ((await vscode.window.showWarningMessage(message, { modal: true, detail }, manage)) === manage)
    await vscode.commands.executeCommand("workbench.trust.manage");
  return false;
}
