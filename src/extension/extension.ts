/** The extension's entry point. Code that is not needed at once is loaded later. */
import { setImmediate as nextTurn } from "node:timers/promises";
import * as vscode from "vscode";
import { registerCommands } from "./commands/index.ts";
import { provideInspections } from "./commands/inspection-documents.ts";
import { trainWhatWasAsked } from "./commands/sample.ts";
import type { Services } from "./commands/services.ts";
import { enginesOf } from "./engines/index.ts";
import { activateLanguage } from "./language/index.ts";
import { registerTrainingPanel } from "./panel/index.ts";
import { lookWhileVisible } from "./results/look-while-visible.ts";
import { RESULTS_VIEW, type ResultItem, ResultsTree } from "./results/results-view.ts";
import { ResultFolders } from "./runs/result-folders.ts";
import { RunManager } from "./runs/run-manager.ts";
import { registerDebugging } from "./training/debugging.ts";
import { registerPythonDebugging } from "./training/python-debugging.ts";
import { registerRunNotices } from "./training/run-notices.ts";
import { registerStatusBar } from "./training/status-bar.ts";
import { registerLenses } from "./training/training-lenses.ts";
import { registerTasks } from "./training/training-tasks.ts";
import { registerWalkthrough } from "./training/walkthrough.ts";
import { registerImageViewer } from "./viewer/index.ts";

/** The API for other extensions and tests. */
export interface Api {
  readonly runs: RunManager;
  /** The tree of the results browser. */
  readonly results: vscode.TreeDataProvider<ResultItem>;
}

/** Called by VS Code when the extension starts. */
export async function activate(context: vscode.ExtensionContext): Promise<Api> {
  const output = vscode.window.createOutputChannel("BiaPy", { log: true });
  // The command line installs runtimes there, whether the extension or a terminal of this window runs it.
  process.env.BIAPY_STORAGE = context.globalStorageUri.fsPath;
  context.environmentVariableCollection.replace("BIAPY_STORAGE", context.globalStorageUri.fsPath);
  const engines = enginesOf(context);
  const results = new ResultFolders(context);
  // Deferred, so that activation does not wait for the disk. Finds runs that continued while no window was open.
  const found = nextTurn()
    .then(() => results.refresh())
    .catch((error) => output.error(error));
  const runs = new RunManager(context, results, engines, found, output);
  const panel = registerTrainingPanel(context, runs);
  const tree = new ResultsTree(runs);
  const resultsView = vscode.window.createTreeView(RESULTS_VIEW, {
    treeDataProvider: tree,
    canSelectMany: true,
    showCollapseAll: true,
  });
  const services: Services = { context, engines, results, runs, panel, output };
  registerImageViewer(context);
  context.subscriptions.push(
    output,
    results,
    runs,
    resultsView,
    lookWhileVisible(resultsView, () => results.lookAgain().catch((error) => output.error(error))),
    registerCommands(services),
    provideInspections(),
    registerDebugging(services),
    registerPythonDebugging(services),
    registerTasks(services),
    registerLenses(runs),
    registerStatusBar(runs, engines),
    registerRunNotices(services),
    registerWalkthrough(runs, resultsView),
  );
  await activateLanguage(context);
  // Trains what was requested before this folder was opened.
  void runs.ready().then(() => trainWhatWasAsked(services));
  return { runs, results: tree };
}
