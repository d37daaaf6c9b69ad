import * as vscode from "vscode";

/** Changes a `biapy` setting in the workspace, or in the user settings if no folder is open. */
export async function changeSetting(name: string, value: string | number): Promise<void> {
  const open = vscode.workspace.workspaceFolders !== undefined;
  const target = open ? vscode.ConfigurationTarget.Workspace : vscode.ConfigurationTarget.Global;
  await vscode.workspace.getConfiguration("biapy").update(name, value, target);
}
