import * as vscode from "vscode";
import { runPip } from "../../engines/pip.ts";
import { commandLine } from "../../runs/command-line.ts";
import type { Requirement } from "../engines/engine.ts";
import { withCancelableProgress } from "../workspace/cancelable-progress.ts";

/** Installs a missing requirement if the user agrees, with progress and cancel. Returns whether it is installed now. */
export async function installRequirement({ name, missing, install }: Requirement): Promise<boolean> {
  const agree = `Install ${name}`;
  const detail = `It would be installed by\n${commandLine(install)}`;
  if ((await vscode.window.showWarningMessage(missing, { modal: true, detail }, agree)) !== agree)
    return false;
  return withCancelableProgress(`Installing ${name}`, async (progress, signal) => {
    await runPip(install, { signal, shown: (message) => progress.report({ message }) }).catch((error) => {
      if (!signal.aborted) throw error;
    });
    return !signal.aborted;
  });
}
