/** Completes the walkthrough's steps that no single command completes: a finished run, and viewing results. */
import { existsSync } from "node:fs";
import * as vscode from "vscode";
import { resultTree } from "../../facts/result-tree.ts";
import type { ResultItem } from "../results/results-view.ts";
import type { RunManager } from "../runs/run-manager.ts";
import { markDone } from "../workspace/walkthrough-steps.ts";

export function registerWalkthrough(
  runs: RunManager,
  resultsView: vscode.TreeView<ResultItem>,
): vscode.Disposable {
  const markResults = () => {
    if (resultsView.visible && runs.runs.length > 0) markDone("results");
  };
  return vscode.Disposable.from(
    runs.onDidEndRun(({ summary, order }) => {
      if (summary.status !== "finished") return;
      const { perImageBinarized } = resultTree(order.resultDirectory, order.name, order.runId);
      markDone(existsSync(perImageBinarized) ? "segment" : "sample");
    }),
    runs.onDidChangeRuns(markResults),
    resultsView.onDidChangeVisibility(markResults),
  );
}
