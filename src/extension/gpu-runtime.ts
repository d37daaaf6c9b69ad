import * as vscode from "vscode";

/** The command BiaPy: Install GPU Runtime. */
export async function installGpuRuntime(_context: vscode.ExtensionContext): Promise<void> {
  await vscode.window.showInformationMessage("There is no GPU runtime for this system yet.");
}
