/** Commands for existing runs. */

import { existsSync } from "node:fs";
import { basename } from "node:path";
import * as vscode from "vscode";
import { isActive } from "../../facts/run-status.ts";
import { runName } from "../../facts/run-titles.ts";
import { jobName } from "../../runs/job-name.ts";
import type { KnownRun } from "../runs/known-run.ts";
import { runCommand } from "../workspace/commands.ts";
import { LANGUAGE } from "../workspace/recognize.ts";
import { identityOf, pickRun, pickRuns } from "./pick-run.ts";
import type { Services } from "./services.ts";

/** Runs that were asked to stop; a second request kills them. */
const stopping = new Set<string>();

/** BiaPy: Stop Training. */
export async function stopTraining({ runs }: Services, clicked?: unknown): Promise<void> {
  const run = await pickRun(runs, clicked, {
    title: "Stop which run?",
    none: "No training is running.",
    among: ({ summary }) => isActive(summary.status),
  });
  if (run === undefined) return;
  const { id } = run.summary;
  const name = runName(run.summary);
  if (stopping.has(id)) return endNow(runs, id, name);
  stopping.add(id);
  try {
    await runs.stop(id);
    const location = vscode.ProgressLocation.Window;
    const title = `Stopping ${name}, after its step`;
    await vscode.window.withProgress({ location, title }, () => untilEnded(runs, id));
  } finally {
    stopping.delete(id);
  }
}

async function endNow(runs: Services["runs"], id: string, name: string): Promise<void> {
  const now = "End Now";
  const detail = "What it learned since the last checkpoint is lost.";
  const message = `${name} is still finishing its step. End it at once?`;
  if ((await vscode.window.showWarningMessage(message, { modal: true, detail }, now)) === now) runs.kill(id);
}

function untilEnded(runs: Services["runs"], id: string): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (runs.find(id)?.live?.isActive) return;
      subscription.dispose();
      resolve();
    };
    const subscription = runs.onDidChangeRuns(look);
    look();
  });
}

/** BiaPy: Open Training Panel. From a configuration it shows that configuration's newest run. */
export async function openTrainingPanel({ panel, runs }: Services, clicked?: unknown): Promise<void> {
  const run = identityOf(clicked);
  const config = clicked instanceof vscode.Uri ? clicked : activeConfiguration();
  if (run !== undefined || config === undefined) return panel.show(run, { takesFocus: true });
  await runs.ready();
  const own = runs.known.find((known) => isOf(known, config.fsPath));
  if (own !== undefined) return panel.show(own.summary.id, { takesFocus: true });
  const train = "Run Training";
  const message = `${basename(config.fsPath)} has not been trained yet.`;
  if ((await vscode.window.showInformationMessage(message, train)) === train)
    await runCommand("biapy.runTraining", config);
}

function activeConfiguration(): vscode.Uri | undefined {
  const document = vscode.window.activeTextEditor?.document;
  return document?.languageId === LANGUAGE ? document.uri : undefined;
}

/** Whether a run was started with a configuration; a run without a record is matched by name only. */
const isOf = ({ order, live }: KnownRun, config: string): boolean =>
  live === undefined ? order.name === jobName(config) : order.configFile === config;

/** BiaPy: Compare Runs. */
export async function compareRuns(
  { runs, panel }: Services,
  clicked?: unknown,
  selected?: readonly unknown[],
): Promise<void> {
  const picked = await pickRuns(runs, selected ?? (clicked === undefined ? [] : [clicked]), {
    title: "Compare which runs?",
    none: "There are no runs to compare.",
    among: () => true,
  });
  const ids = picked.map(({ summary }) => summary.id);
  if (ids.length > 0) panel.compare(ids, { takesFocus: true });
}

/** Shows the output of a run's trainer, or else the log in its results. */
export async function showRunLog({ runs }: Services, clicked?: unknown): Promise<void> {
  const run = await pickRun(runs, clicked, {
    title: "Show the log of which run?",
    none: "There are no runs.",
    among: () => true,
  });
  if (run === undefined) return;
  const printed = run.live?.files.log;
  const log = printed !== undefined && existsSync(printed) ? printed : run.folder?.files.logs[0];
  if (log !== undefined) await vscode.window.showTextDocument(vscode.Uri.file(log));
  else void vscode.window.showInformationMessage("This run printed nothing.");
}
