import { basename } from "node:path";
import * as vscode from "vscode";
import { runName } from "../../facts/run-titles.ts";
import type { Engine } from "../engines/engine.ts";
import { selectedEngine } from "../engines/index.ts";
import type { RunManager } from "../runs/run-manager.ts";
import { commandLink } from "../workspace/command-link.ts";
import { LANGUAGE } from "../workspace/recognize.ts";

/** The engine, while a configuration is edited, and the run under way. */
export function registerStatusBar(runs: RunManager, engines: readonly Engine[]): vscode.Disposable {
  const engine = vscode.window.createStatusBarItem("biapy.engine", vscode.StatusBarAlignment.Right, 90);
  engine.name = "BiaPy Engine";
  engine.command = commandLink("biapy.selectEngine", "Select Engine");
  const run = vscode.window.createStatusBarItem("biapy.run", vscode.StatusBarAlignment.Left, 10);
  run.name = "BiaPy Training";
  run.tooltip = "Open the training panel";
  const showEngine = () => {
    const edited = vscode.window.activeTextEditor?.document;
    if (edited?.languageId !== LANGUAGE) return engine.hide();
    engine.text = `$(server-process) ${selectedEngine(engines).label}`;
    engine.tooltip = `The engine that trains ${basename(edited.fileName)}: select another one`;
    engine.show();
  };
  const showRun = () => {
    const active = runs.known.filter(({ live }) => live?.isActive);
    const first = active.find(({ summary }) => summary.status === "running") ?? active[0];
    if (first === undefined) return run.hide();
    const { id, status } = first.summary;
    const others = active.length > 1 ? ` (+${active.length - 1})` : "";
    const icon = status === "queued" ? "$(watch)" : "$(loading~spin)";
    const text = status === "queued" ? "waiting" : (first.progress?.text ?? "");
    run.text = [`${icon} ${runName(first.summary)}`, text].filter((part) => part !== "").join(": ") + others;
    run.command = commandLink("biapy.openTrainingPanel", "Open", id);
    run.show();
  };
  showEngine();
  showRun();
  return vscode.Disposable.from(
    engine,
    run,
    runs.onDidChangeRuns(showRun),
    vscode.window.onDidChangeActiveTextEditor(showEngine),
    vscode.workspace.onDidChangeConfiguration(
      (event) => event.affectsConfiguration("biapy.engine") && showEngine(),
    ),
  );
}
