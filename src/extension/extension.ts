/** The extension's entry. What is not needed at once is loaded when it is. */
import * as vscode from "vscode";
import { activateLanguage } from "./language/index.ts";
import { registerTrainingPanel } from "./panel/index.ts";
import type { RunSource } from "./runs/run-source.ts";
import { registerImageViewer } from "./viewer/index.ts";

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  await activateLanguage(context);
  const runs = noRuns();
  const panel = registerTrainingPanel(context, runs);
  registerImageViewer(context);
  context.subscriptions.push(
    vscode.commands.registerCommand("biapy.openTrainingPanel", () => panel.show()),
    vscode.commands.registerCommand("biapy.showResults", () =>
      vscode.commands.executeCommand("biapy.results.focus"),
    ),
    vscode.commands.registerCommand("biapy.installGpuRuntime", async () => {
      const { installGpuRuntime } = await import("./gpu-runtime.ts");
      await installGpuRuntime(context);
    }),
  );
}

function noRuns(): RunSource {
  return {
    runs: [],
    onDidChangeRuns: new vscode.EventEmitter<void>().event,
    events: async () => [],
    onDidReceiveEvents: new vscode.EventEmitter<never>().event,
    stop: async () => {},
    resume: async () => {},
  };
}
