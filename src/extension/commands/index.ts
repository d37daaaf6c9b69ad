/** The commands of the palette and the menus. What carries them out is loaded when one is called. */
import * as vscode from "vscode";
import { RESULTS_VIEW } from "../results/results-view.ts";
import type { Services } from "../services.ts";

type Handler = (services: Services, ...args: unknown[]) => unknown;

const HANDLERS: Readonly<Record<string, Handler>> = {
  runTraining: async (services, clicked) => (await import("./train.ts")).runTraining(services, clicked),
  debugTraining: async (_services, clicked) => (await import("./debug.ts")).debugTraining(clicked),
  copyRunCommand: async (services, clicked) =>
    (await import("./train.ts")).copyTrainingCommand(services, clicked),
  runInTerminal: async (services, clicked) => (await import("./train.ts")).trainInTerminal(services, clicked),
  resumeTraining: async (services, clicked) => (await import("./train.ts")).resumeTraining(services, clicked),
  stopTraining: async (services, clicked) =>
    (await import("./manage-runs.ts")).stopTraining(services, clicked),
  openTrainingPanel: async (services, clicked) =>
    (await import("./manage-runs.ts")).openTrainingPanel(services, clicked),
  compareRuns: async (services, clicked, selected) =>
    (await import("./manage-runs.ts")).compareRuns(services, clicked, selected as unknown[] | undefined),
  showRunLog: async (services, clicked) => (await import("./manage-runs.ts")).showRunLog(services, clicked),
  openInTensorBoard: async (services, clicked) =>
    (await import("./tensorboard.ts")).openInTensorBoard(services, clicked),
  inspectImages: async (services, clicked, all) =>
    (await import("./inspect-images.ts")).inspectImages(services, clicked, all),
  installGpuRuntime: async ({ context }) => (await import("../gpu-runtime.ts")).installGpuRuntime(context),
  openTrainerSource: async (services, file) =>
    (await import("./trainer-source.ts")).openTrainerSource(services, file as string | undefined),
  selectDevice: async (services) => (await import("./select-device.ts")).selectDevice(services),
  selectEngine: async ({ engines }) => (await import("./select-engine.ts")).selectEngine(engines),
  createPythonEnvironment: async (services) =>
    (await import("./create-environment.ts")).createPythonEnvironment(services),
  exportNotebook: async (_services, clicked) => (await import("./export-run.ts")).exportNotebook(clicked),
  exportSlurmScript: async (_services, clicked) =>
    (await import("./export-run.ts")).exportSlurmScript(clicked),
  showCommandLines: async (_services, clicked) => (await import("./export-run.ts")).showCommandLines(clicked),
  openSampleWorkspace: async (services, parent) =>
    (await import("./sample.ts")).openSampleWorkspace(services, parent as vscode.Uri | undefined),
  trainSample: async (services) => (await import("./sample.ts")).trainSample(services),
  showResults: () => vscode.commands.executeCommand(`${RESULTS_VIEW}.focus`),
  "results.refresh": ({ results }) => results.refresh(),
  "results.open": async (_services, item) => (await resultCommands()).openResult(item as never),
  "results.reveal": async (services, item) => (await resultCommands()).revealResult(services, item as never),
  "results.useCheckpoint": async (services, item, target) =>
    (await resultCommands()).useCheckpoint(services, item as never, target as vscode.Uri | undefined),
  "results.delete": async (services, item) => (await resultCommands()).deleteResult(services, item as never),
};

const resultCommands = () => import("../results/result-commands.ts");

async function tellError({ output }: Services, error: unknown): Promise<void> {
  const message = error instanceof Error ? error.message : String(error);
  const show = "Show Output";
  // A notice with a button is shown whole.
  if ((await vscode.window.showErrorMessage(`BiaPy: ${message}`, show)) === show) output.show();
}

export function registerCommands(services: Services): vscode.Disposable {
  const registered = Object.entries(HANDLERS).map(([name, handle]) =>
    vscode.commands.registerCommand(`biapy.${name}`, async (...args: unknown[]) => {
      try {
        return await handle(services, ...args);
      } catch (error) {
        services.output.error(error instanceof Error ? error : String(error));
        void tellError(services, error);
      }
    }),
  );
  return vscode.Disposable.from(...registered);
}
