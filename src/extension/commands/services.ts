import type * as vscode from "vscode";
import type { Engine } from "../engines/engine.ts";
import type { TrainingPanel } from "../panel/index.ts";
import type { ResultFolders } from "../runs/result-folders.ts";
import type { RunManager } from "../runs/run-manager.ts";

/** What commands, tasks and views work with. */
export interface Services {
  readonly context: vscode.ExtensionContext;
  readonly engines: readonly Engine[];
  readonly results: ResultFolders;
  readonly runs: RunManager;
  readonly panel: TrainingPanel;
  readonly output: vscode.LogOutputChannel;
}
