/** Completes the walkthrough's steps that no single command completes: a finished run, and viewing results. */
import { existsSync } from "node:fs";
import * as vscode from "vscode";
import { resultTree } from "../../facts/result-tree.ts";
import { isSample } from "../commands/sample-workspace.ts";
import type { ResultItem } from "../results/results-view.ts";
import type { KnownRun } from "../runs/known-run.ts";
import type { RunManager } from "../runs/run-manager.ts";
import { markDone } from "../workspace/walkthrough-steps.ts";

/** Ticks steps of the walkthrough when runs have ended, also while no window was open, and when results are shown. */
export function registerWalkthrough(
  runs: Pick<RunManager, "known" | "runs" | "ready" | "onDidEndRun" | "onDidChangeRuns">,
  resultsView: Pick<vscode.TreeView<ResultItem>, "visible" | "onDidChangeVisibility">,
): vscode.Disposable {
  const markTrained = ({ summary, order }: KnownRun, segments: boolean) => {
    if (summary.status !== "finished") return;
    if (isSample(order.configFile, "pretraining")) markDone("sample");
    // With the sample's masks or other ones.
    if (segments) markDone("segment");
  };
  void runs.ready().then(() => {
    for (const run of runs.known) markTrained(run, (run.folder?.files.segmentations.length ?? 0) > 0);
  });
  const markResults = () => {
    if (resultsView.visible && runs.runs.length > 0) markDone("results");
  };
  return vscode.Disposable.from(
    runs.onDidEndRun((run) => {
      const { resultDirectory, name, runId } = run.order;
      // Its files may not have been listed yet.
      markTrained(run, existsSync(resultTree(resultDirectory, name, runId).perImageBinarized));
    }),
    runs.onDidChangeRuns(markResults),
    resultsView.onDidChangeVisibility(markResults),
  );
}
