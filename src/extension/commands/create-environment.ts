/** BiaPy: Create Python Environment. */

import { join } from "node:path";
import * as vscode from "vscode";
import { createEnvironment, newEnough, OLDEST_PYTHON } from "../../engines/create-environment.ts";
import { findEnvironments, type PythonEnvironment } from "../../engines/python-environments.ts";
import { BIAPY_VERSION } from "../../facts/biapy-version.ts";
import { pythonPlaces } from "../engines/index.ts";
import { withCancelableProgress } from "../workspace/cancelable-progress.ts";
import { mayRun } from "../workspace/trust.ts";
import type { Services } from "./services.ts";

/** Creates an environment with BiaPy, with progress and cancel, and selects it. */
export async function createPythonEnvironment({ context, output }: Services): Promise<void> {
  if (!(await mayRun())) return;
  const base = await pickPython();
  if (base === undefined) return;
  const folder = join(context.globalStorageUri.fsPath, `biapy-${BIAPY_VERSION}`);
  await vscode.workspace.fs.createDirectory(context.globalStorageUri);
  const made = await withCancelableProgress(`Installing BiaPy ${BIAPY_VERSION}`, (progress, signal) => {
    let shown = 0;
    return createEnvironment({
      python: base.python,
      folder,
      signal,
      progress: ({ done, label }) => {
        output.info(label);
        progress.report({ increment: 100 * (done - shown), message: label });
        shown = done;
      },
    });
  });
  const settings = vscode.workspace.getConfiguration("biapy");
  await settings.update("python.path", made.python, vscode.ConfigurationTarget.Global);
  await settings.update("engine", "biapy", vscode.ConfigurationTarget.Global);
  void vscode.window.showInformationMessage(`BiaPy ${made.biapy} is ready: ${made.python}`);
}

async function pickPython(): Promise<PythonEnvironment | undefined> {
  const location = vscode.ProgressLocation.Notification;
  const found = await vscode.window.withProgress({ location, title: "Looking for Python" }, async () =>
    findEnvironments(await pythonPlaces()),
  );
  const usable = found.filter(newEnough);
  if (usable.length === 0) {
    const versions = found.map(({ version }) => version).join(", ");
    const others = versions === "" ? "" : ` (found: ${versions})`;
    throw new Error(
      `BiaPy ${BIAPY_VERSION} needs Python ${OLDEST_PYTHON} or later, and there is none${others}. Install it and try again.`,
    );
  }
  const items = usable.map((environment) => ({
    label: `Python ${environment.version}`,
    description: environment.python,
    environment,
  }));
  const title = "Which Python makes the environment?";
  if (items.length === 1) return items[0]?.environment;
  return (await vscode.window.showQuickPick(items, { title, ignoreFocusOut: true }))?.environment;
}
