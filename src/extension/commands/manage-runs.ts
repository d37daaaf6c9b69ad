/** Commands for existing runs. */
import { existsSync } from "node:fs";
import { basename } from "node:path";
import * as vscode from "vscode";
import { jobName } from "../../runs/job-name.ts";
import type { KnownRun } from "../runs/known-run.ts";
import { LANGUAGE } from "../workspace/recognize.ts";
import { identityOf, pickRun, pickRuns } from "./pick-run.ts";
import type { Services } from "./services.ts";

const ACTIVE = ["queued", "running"];
/** Runs that were asked to stop; a second request kills them. */
const stopping = new Set<string>();

/** BiaPy: Stop Training. */
export async function stopTraining({ runs }: Services, clicked?: unknown): Promise<void> {
  const run = await pickRun(runs, clicked, {
    title: "Stop which run?",
    none: "No training is running.",
    among: ({ summary }) => ACTIVE.includes(summary.status),
  });
  if (run === undefined) return;
  const { id, name, runId } = run.summary;
  if (stopping.has(id)) return endNow(runs.kill.bind(runs), id, `${name}, run ${runId}`);
  stopping.add(id);
  await runs.stop(id);
  const location = vscode.ProgressLocation.Window;
  const title = `Stopping ${name}, run ${runId}, after its step`;
  await vscode.window.withProgress({ location, title }, () => untilEnded(runs, id));
  stopping.delete(id);
}

async function endNow(kill: (id: string) => void, id: string, name: string): Promise<void> {
  const now = "End Now";
  const detail = "What it learned since the last checkpoint is lost.";
  const message = `${name} is still finishing its step. End it at once?`;
  if ((await vscode.window.showWarningMessage(message, { modal: true, detail }, now)) === now) kill(id);
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
  const edited = vscode.window.activeTextEditor?.document;
  const config =
    clicked instanceof vscode.Uri ? clicked : edited?.languageId === LANGUAGE ? edited.uri : undefined;
  if (run !== undefined || config === undefined) return panel.show(run);
  await runs.ready();
  const own = runs.known.find((known) => isOf(known, config.fsPath));
  if (own !== undefined) return panel.show(own.summary.id);
  const train = "Run Training";
  const message = `${basename(config.fsPath)} has not been trained yet.`;
  if ((await vscode.window.showInformationMessage(message, train)) === train)
    await vscode.commands.executeCommand("biapy.runTraining", config);
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
  if (picked.length > 0) panel.compare(picked.map(({ summary }) => summary.id));
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
