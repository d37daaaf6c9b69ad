/** Ticks the steps of the walkthrough "Train your first model" once they have been done (`completionEvents` in package.json). */
import * as vscode from "vscode";
import type { ResultItem } from "./results/results-view.ts";
import type { RunManager } from "./runs/run-manager.ts";

/** Steps by the id that package.json gives them. */
export type WalkthroughStep = "sample" | "watch" | "configure" | "results" | "engine";

/** Marks a step as done: package.json waits for the context key `biapy.done.<step>`. */
export function markDone(step: WalkthroughStep): void {
  void vscode.commands.executeCommand("setContext", `biapy.done.${step}`, true);
}

/** Marks what can be seen from outside of the commands: a run that finished, and a look at results. */
export function registerWalkthrough(
  runs: RunManager,
  resultsView: vscode.TreeView<ResultItem>,
): vscode.Disposable {
  const markResults = () => {
    if (resultsView.visible && runs.runs.length > 0) markDone("results");
  };
  return vscode.Disposable.from(
    runs.onDidEndRun(({ summary }) => {
      if (summary.status === "finished") markDone("sample");
    }),
    runs.onDidChangeRuns(markResults),
    resultsView.onDidChangeVisibility(markResults),
  );
}
