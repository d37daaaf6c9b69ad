import * as vscode from "vscode";
import type { RunManager } from "../runs/run-manager.ts";
import type { CommandId } from "../workspace/command-ids.ts";
import { commandLink } from "../workspace/commands.ts";
import { LANGUAGE } from "../workspace/recognise.ts";

/**
 * The editor asks for buttons a quarter of a second after it is told that they changed, and never where its text loses the focus
 * meanwhile, to the panel or a list. So it is told once more, after this time and when another editor is active.
 */
const AGAIN_MS = 1000;

/** Buttons above the first key of a configuration: train, debug, and what its active run can do. */
export function registerLenses(runs: RunManager): vscode.Disposable {
  const changes = new vscode.EventEmitter<void>();
  let shown = "";
  let again: NodeJS.Timeout | undefined;
  const activeRuns = () => runs.known.filter(({ live }) => live?.isActive);
  return vscode.Disposable.from(
    changes,
    runs.onDidChangeRuns(() => {
      const now = activeRuns()
        .map(({ summary }) => summary.id)
        .join("\n");
      if (now === shown) return;
      shown = now;
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
        provideCodeLenses(document) {
          const { uri } = document;
          const first = document
            .getText()
            .split(/\r?\n/)
            .findIndex((line) => /^\w+:/.test(line));
          const line = new vscode.Range(Math.max(first, 0), 0, Math.max(first, 0), 0);
          const lens = (title: string, id: CommandId, argument: unknown) =>
            new vscode.CodeLens(line, commandLink(id, title, argument));
          const own = activeRuns().find(({ order }) => order.configFile === uri.fsPath);
          if (own === undefined)
            return [
              lens("$(play) Train", "biapy.runTraining", uri),
              lens("$(debug-alt) Debug", "biapy.debugTraining", uri),
              lens("$(terminal) Train in a Terminal", "biapy.runInTerminal", uri),
            ];
          const { id, name, runId } = own.summary;
          return [
            lens(`$(graph-line) Show ${name}, run ${runId}`, "biapy.openTrainingPanel", id),
            lens("$(debug-stop) Stop", "biapy.stopTraining", id),
          ];
        },
      },
    ),
  );
}
