/** CodeLenses of a configuration: train, debug, resume, and actions of its active run. */
import * as vscode from "vscode";
import { runName } from "../../facts/run-titles.ts";
import type { KnownRun } from "../runs/known-run.ts";
import type { RunManager } from "../runs/run-manager.ts";
import type { CommandId } from "../workspace/command-ids.ts";
import { commandLink } from "../workspace/command-link.ts";
import { LANGUAGE } from "../workspace/recognize.ts";

/**
 * VS Code asks for lenses 250 ms after a change, and drops the request if the editor loses focus meanwhile. Changes are
 * therefore announced a second time after this delay, and when another editor becomes active.
 */
const AGAIN_MS = 1000;

/** Shows buttons above the first key of a configuration. */
export function registerLenses(runs: RunManager): vscode.Disposable {
  const changes = new vscode.EventEmitter<void>();
  let shown = "";
  let again: NodeJS.Timeout | undefined;
  return vscode.Disposable.from(
    changes,
    runs.onDidChangeRuns(() => {
      const now = runs.known.map(stateOf);
      if (now.join("\n") === shown) return;
      shown = now.join("\n");
      changes.fire();
      clearTimeout(again);
      again = setTimeout(() => changes.fire(), AGAIN_MS);
    }),
    { dispose: () => clearTimeout(again) },
    vscode.window.onDidChangeActiveTextEditor(() => changes.fire()),
    vscode.languages.registerCodeLensProvider(
      { language: LANGUAGE },
      {
        onDidChangeCodeLenses: changes.event,
        provideCodeLenses: (document) => lensesOf(document, runs.known),
      },
    ),
  );
}

const isActive = ({ live }: KnownRun) => live?.isActive === true;
/** What the buttons depend on: the newest run of a configuration may be deleted, and make way for an earlier one. */
const stateOf = (run: KnownRun) => `${run.summary.id} ${isActive(run)} ${run.summary.resumable}`;

function lensesOf(document: vscode.TextDocument, known: readonly KnownRun[]): vscode.CodeLens[] {
  const { uri } = document;
  const line = firstKey(document);
  const lens = (title: string, id: CommandId, argument: unknown) =>
    new vscode.CodeLens(new vscode.Range(line, 0, line, 0), commandLink(id, title, argument));
  // Newest first.
  const own = known.filter(({ order }) => order.configFile === uri.fsPath);
  const active = own.find(isActive);
  if (active !== undefined) {
    const { id } = active.summary;
    return [
      lens(`$(graph-line) Show ${runName(active.summary)}`, "biapy.openTrainingPanel", id),
      lens("$(debug-stop) Stop", "biapy.stopTraining", id),
    ];
  }
  const latest = own[0]?.summary;
  return [
    lens("$(play) Train", "biapy.runTraining", uri),
    ...(latest?.resumable
      ? [lens(`$(debug-continue) Resume run ${latest.runId}`, "biapy.resumeTraining", latest.id)]
      : []),
    lens("$(debug-alt) Debug", "biapy.debugTraining", uri),
    lens("$(terminal) Train in a Terminal", "biapy.runInTerminal", uri),
  ];
}

/** The first line that opens a section, from 0. */
function firstKey(document: vscode.TextDocument): number {
  const lines = document.getText().split(/\r?\n/);
  return Math.max(
    lines.findIndex((line) => /^\w+:/.test(line)),
    0,
  );
}
