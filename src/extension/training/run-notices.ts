import * as vscode from "vscode";
import { shortNumber } from "../../facts/format.ts";
import { runName } from "../../facts/run-titles.ts";
import type { Services } from "../commands/services.ts";
import type { KnownRun } from "../runs/known-run.ts";
import { runCommand } from "../workspace/commands.ts";

/** Notifies when a run has ended, and offers the next step. */
export function registerRunNotices(services: Services): vscode.Disposable {
  return services.runs.onDidEndRun((run) => void tellEnd(services, run));
}

async function tellEnd({ panel }: Services, { summary, live, progress }: KnownRun): Promise<void> {
  const { id, status } = summary;
  const title = runName(summary);
  const show = "Show";
  const results = "Show Results";
  const log = "Show Log";
  const resume = "Resume";
  let answer: string | undefined;
  if (status === "finished") {
    const loss = progress?.bestLoss === undefined ? "" : ` Best loss: ${shortNumber(progress.bestLoss)}.`;
    answer = await vscode.window.showInformationMessage(`${title}, has finished.${loss}`, show, results);
  } else if (status === "failed") {
    // The panel shows the error, with its fix.
    if (panel.isShowing(id)) return;
    const reason = live?.record.ended?.message ?? "See the log.";
    answer = await vscode.window.showErrorMessage(`${title}, failed. ${reason}`, show, log);
  } else if (status === "interrupted") {
    const message = `${title}, was interrupted: its process has ended.`;
    answer = await vscode.window.showWarningMessage(message, ...(summary.resumable ? [resume] : []), log);
  }
  if (answer === show) panel.show(id, { takesFocus: true });
  if (answer === results) await runCommand("biapy.showResults");
  if (answer === log) await runCommand("biapy.showRunLog", id);
  if (answer === resume) await runCommand("biapy.resumeTraining", id);
}
