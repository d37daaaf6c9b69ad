import * as vscode from "vscode";

/** Changes a setting of `biapy` for the open folders; where none is open, for the person. */
export async function changeSetting(name: string, value: string): Promise<void> {
  const open = vscode.workspace.workspaceFolders !== undefined;
  const target = open ? vscode.ConfigurationTarget.Workspace : vscode.ConfigurationTarget.Global;
  await vscode.workspace.getConfiguration("biapy").update(name, value, target);
}
