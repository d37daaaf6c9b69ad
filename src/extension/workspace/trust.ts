import * as vscode from "vscode";

/** Marks a debug configuration that starts nothing. */
export const ONLY_TRUST = "biapyOnlyTrust";

/**
 * Whether programs may be run in this folder. If it is not trusted, VS Code asks the user: extensions cannot, but VS Code
 * does before anything is run.
 */
export async function mayRun(): Promise<boolean> {
  if (vscode.workspace.isTrusted) return true;
  const nothing = { type: "biapy", request: "launch", name: "Trust", [ONLY_TRUST]: true };
  await vscode.debug.startDebugging(undefined, nothing, { noDebug: true });
  return vscode.workspace.isTrusted;
}
