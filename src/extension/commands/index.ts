/** The commands of the palette and the menus. Their code is loaded when one is called. */

import * as vscode from "vscode";
import { keysOf } from "../../facts/checked-lists.ts";
import { errorMessage } from "../../facts/errors.ts";
import { type FileItem, isResultItem, RESULTS_VIEW, type ResultItem } from "../results/results-view.ts";
import type { CommandId } from "../workspace/command-ids.ts";
import { registerCommand } from "../workspace/commands.ts";
import type { Services } from "./services.ts";

type Handler = (services: Services, ...args: unknown[]) => unknown;

/** Commands registered elsewhere: by the language features and the image viewer. */
type RegisteredElsewhere = "biapy.newConfiguration" | "biapy.viewImages";

const HANDLERS: Readonly<Record<Exclude<CommandId, RegisteredElsewhere>, Handler>> = {
  "biapy.runTraining": async (services, clicked) =>
    (await import("./train.ts")).runTraining(services, clicked),
  "biapy.debugTraining": async (_services, clicked) => (await import("./debug.ts")).debugTraining(clicked),
  "biapy.copyRunCommand": async (services, clicked) =>
    (await import("./train.ts")).copyTrainingCommand(services, clicked),
  "biapy.runInTerminal": async (services, clicked) =>
    (await import("./train.ts")).trainInTerminal(services, clicked),
  "biapy.resumeTraining": async (services, clicked) =>
    (await import("./train.ts")).resumeTraining(services, clicked),
  "biapy.stopTraining": async (services, clicked) =>
    (await import("./manage-runs.ts")).stopTraining(services, clicked),
  "biapy.openTrainingPanel": async (services, clicked) =>
    (await import("./manage-runs.ts")).openTrainingPanel(services, clicked),
  "biapy.compareRuns": async (services, clicked, selected) =>
    (await import("./manage-runs.ts")).compareRuns(
      services,
      clicked,
      Array.isArray(selected) ? selected : undefined,
    ),
  "biapy.comparePretrained": async (services, clicked) =>
    (await import("./compare-pretrained.ts")).comparePretrained(services, clicked),
  "biapy.showRunLog": async (services, clicked) =>
    (await import("./manage-runs.ts")).showRunLog(services, clicked),
  "biapy.openInTensorBoard": async (services, clicked) =>
    (await import("./tensorboard.ts")).openInTensorBoard(services, clicked),
  "biapy.inspectImages": async (services, clicked, all) =>
    (await import("./inspect-images.ts")).inspectImages(services, clicked, all),
  "biapy.installGpuRuntime": async ({ context }) =>
    (await import("./gpu-runtime.ts")).installGpuRuntime(context),
  "biapy.openTrainerSource": async (services, file) =>
    (await import("./trainer-source.ts")).openTrainerSource(
      services,
      typeof file === "string" ? file : undefined,
    ),
  "biapy.selectDevice": async (services) => (await import("./select-device.ts")).selectDevice(services),
  "biapy.selectEngine": async ({ engines }) => (await import("./select-engine.ts")).selectEngine(engines),
  "biapy.createPythonEnvironment": async (services) =>
    (await import("./create-environment.ts")).createPythonEnvironment(services),
  "biapy.exportNotebook": async (_services, clicked) =>
    (await import("./export-run.ts")).exportNotebook(clicked),
  "biapy.exportSlurmScript": async (_services, clicked) =>
    (await import("./export-run.ts")).exportSlurmScript(clicked),
  "biapy.showCommandLines": async (_services, clicked) =>
    (await import("./export-run.ts")).showCommandLines(clicked),
  "biapy.openSampleWorkspace": async (services, parent) =>
    (await import("./sample.ts")).openSampleWorkspace(services, uriOf(parent)),
  "biapy.trainSample": async (services) => (await import("./sample.ts")).trainSample(services, "pretraining"),
  "biapy.segmentSample": async (services) =>
    (await import("./sample.ts")).trainSample(services, "segmentation"),
  "biapy.showResults": () => vscode.commands.executeCommand(`${RESULTS_VIEW}.focus`),
  "biapy.applyModel": async (services, clicked) =>
    (await import("./apply-model.ts")).applyModelToImages(services, clicked),
  "biapy.showFeatures": async (services, clicked) =>
    (await import("./show-features.ts")).showFeatures(services, clicked),
  "biapy.exportModel": async (services, clicked) =>
    (await import("./export-model.ts")).exportModelPackage(services, clicked),
  "biapy.showRunsTable": async ({ context, runs, panel }) =>
    (await import("../table/index.ts")).showRunsTable(context, runs, panel),
  "biapy.results.refresh": ({ results }) => results.refresh(),
  "biapy.results.open": async (_services, item) => (await resultCommands()).openResult(fileItem(item)),
  "biapy.results.reveal": async (services, item) =>
    (await resultCommands()).revealResult(services, resultItem(item)),
  "biapy.results.useCheckpoint": async (services, item, target) =>
    (await resultCommands()).useCheckpoint(services, fileItem(item), uriOf(target)),
  "biapy.results.delete": async (services, item, selected) =>
    (await resultCommands()).deleteResults(
      services,
      Array.isArray(selected) && selected.length > 0 ? selected.map(resultItem) : [resultItem(item)],
    ),
};

const resultCommands = () => import("./result-commands.ts");

const uriOf = (value: unknown) => (value instanceof vscode.Uri ? value : undefined);

/** Returns the item of the results view. Throws if the command was called from elsewhere. */
function resultItem(value: unknown): ResultItem {
  if (!isResultItem(value))
    throw new Error("This command is in the menu of the Results view: choose a run or file there.");
  return value;
}

function fileItem(value: unknown): FileItem {
  const item = resultItem(value);
  if (item.kind !== "file") throw new Error("This command needs a file: choose one in the Results view.");
  return item;
}

async function tellError({ output }: Services, error: unknown): Promise<void> {
  const message = errorMessage(error);
  const show = "Show Output";
  // A notice with a button is shown whole.
  if ((await vscode.window.showErrorMessage(`BiaPy: ${message}`, show)) === show) output.show();
}

/** Registers the commands. A command that fails shows the error and writes it to the output channel. */
export function registerCommands(services: Services): vscode.Disposable {
  const registered = keysOf(HANDLERS).map((id) =>
    registerCommand(id, async (...args) => {
      try {
        return await HANDLERS[id](services, ...args);
      } catch (error) {
        services.output.error(error instanceof Error ? error : String(error));
        void tellError(services, error);
      }
    }),
  );
  return vscode.Disposable.from(...registered);
}
