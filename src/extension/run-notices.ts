import * as vscode from "vscode";
import type { KnownRun } from "./runs/run-manager.ts";
import type { Services } from "./services.ts";

/** Says when a run has ended, and offers what is next. */
export function registerRunNotices(services: Services): vscode.Disposable {
  return services.runs.onDidEndRun((run) => void tellEnd(services, run));
}

async function tellEnd({ panel }: Services, { summary, live, progress }: KnownRun): Promise<void> {
  const { id, name, runId, status } = summary;
  const title = `${name}, run ${runId}`;
  const show = "Show";
  const log = "Show Log";
  const resume = "Resume";
  let answer: string | undefined;
  if (status === "finished") {
    const loss =
      progress?.bestLoss === undefined ? "" : ` The best loss was ${progress.bestLoss.toPrecision(4)}.`;
    answer = await vscode.window.showInformationMessage(`${title}, has finished.${loss}`, show);
  } else if (status === "failed") {
    // The panel shows the error, with its fix.
    if (panel.isShowing(id)) return;
    const reason = live?.record.ended?.message ?? "The log has the details.";
    answer = await vscode.window.showErrorMessage(`${title}, failed. ${reason}`, show, log);
  } else if (status === "interrupted") {
    const message = `${title}, was interrupted: its process is gone.`;
    answer = await vscode.window.showWarningMessage(message, ...(summary.resumable ? [resume] : []), log);
  }
  if (answer === show) panel.show(id);
  if (answer === log) await vscode.commands.executeCommand("biapy.showRunLog", id);
  if (answer === resume) await vscode.commands.executeCommand("biapy.resumeTraining", id);
}
