import type * as vscode from "vscode";
import type { RunSource } from "../runs/run-source.ts";

export interface TrainingPanel {
  /** Opens the panel beside the editor, or brings it to the front, with a run's curves and images; the newest by itself. */
  show(run?: string): void;
  /** Lays runs over each other. */
  compare(runs: readonly string[]): void;
}

export function registerTrainingPanel(_context: vscode.ExtensionContext, _runs: RunSource): TrainingPanel {
  return { show() {}, compare() {} };
}
