/** BiaPy: Apply Model to Images…: predicts a folder of images and writes the results beside it. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, extname, join } from "node:path";
import * as vscode from "vscode";
import {
  type Application,
  ApplyError,
  applyModel,
  type Predicted,
  predicting,
} from "../../engines/apply-model.ts";
import { IMAGE_TITLES } from "../../facts/image-titles.ts";
import { runName } from "../../facts/run-titles.ts";
import type { RunOrder } from "../../runs/record.ts";
import { selectedEngine } from "../engines/index.ts";
import { isResultItem } from "../results/results-view.ts";
import { configurationOf, type KnownRun } from "../runs/known-run.ts";
import { openImages } from "../viewer/index.ts";
import { type Progress, withCancelableProgress } from "../workspace/cancelable-progress.ts";
import { freePath } from "../workspace/free-path.ts";
import { gpuSetting } from "../workspace/run-settings.ts";
import { mayRun } from "../workspace/trust.ts";
import { identityOf } from "./pick-run.ts";
import { isAvailable } from "./plan-run.ts";
import type { Services } from "./services.ts";

/** A trained model: its weights and their configuration. */
export interface Model {
  /** Stem for file names, such as `cells_1`. */
  readonly name: string;
  readonly title: string;
  readonly checkpoint: string;
  readonly configuration: string;
  /** The folder against which relative paths of the configuration are resolved. */
  readonly workingDirectory: string;
  /** The engine that trained it. */
  readonly engine?: string;
}

/** @param clicked a run or checkpoint of the results browser, or a run's identity */
export async function applyModelToImages(services: Services, clicked?: unknown): Promise<void> {
  if (!(await mayRun())) return;
  const model = await chooseModel(services, clicked, "Apply which model?");
  const folder = model && (await chooseFolder(model));
  if (model === undefined || folder === undefined) return;
  const engine = services.engines.find(({ id }) => id === model.engine) ?? selectedEngine(services.engines);
  if (!(await isAvailable(engine))) return;
  const target = freePath(join(folder, `predictions_${model.name}`));
  const work = await mkdtemp(join(tmpdir(), "biapy-apply-"));
  try {
    const order = await orderOf(model, folder, work);
    const command = await engine.command(order);
    const title = `Applying ${model.title}`;
    const found = await withCancelableProgress(title, (progress, signal) =>
      applyModel({ command, order, images: folder, target, progress: shownIn(progress), signal }),
    );
    if (found !== undefined) void tellDone(services.context, found, target);
  } catch (error) {
    if (!(error instanceof ApplyError)) throw error;
    void vscode.window.showErrorMessage(`${model.title} could not be applied: ${error.message}`);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function orderOf(model: Model, folder: string, work: string): Promise<RunOrder> {
  const text = await readFile(model.configuration, "utf8");
  const configFile = join(work, "apply.yaml");
  await writeFile(configFile, predicting(text, model.checkpoint, folder));
  const resultDirectory = join(work, "results");
  await mkdir(resultDirectory);
  const { workingDirectory } = model;
  const run = { name: "apply", runId: 1, resume: false };
  return { ...run, configFile, resultDirectory, gpu: gpuSetting(), workingDirectory };
}

/** Returns what shows how many images of a step are done. */
function shownIn(progress: Progress): Application["progress"] {
  let [label, share] = ["", 0];
  return (now, done, total) => {
    if (now !== label) [label, share] = [now, 0];
    const increment = total > 0 ? (100 * done) / total - share : 0;
    share += increment;
    progress.report({ message: `${now}: ${done} of ${total}`, increment });
  };
}

async function tellDone(
  context: vscode.ExtensionContext,
  found: readonly Predicted[],
  target: string,
): Promise<void> {
  const [show, reveal] = ["Show Images", "Reveal in File Manager"];
  const count = found.length === 1 ? "1 prediction is" : `${found.length} predictions are`;
  const answer = await vscode.window.showInformationMessage(`${count} in ${target}.`, show, reveal);
  if (answer === reveal) await vscode.commands.executeCommand("revealFileInOS", vscode.Uri.file(target));
  const [first] = found;
  if (answer !== show || first === undefined) return;
  const { original, prediction } = first;
  const images = [original, prediction].map((path) => vscode.Uri.file(path));
  openImages(context, images, { titles: [IMAGE_TITLES.original, IMAGE_TITLES.prediction] });
}

/** Returns the clicked model, or one that the user picks: a run's best weights, or a checkpoint file. */
export async function chooseModel(
  { runs }: Services,
  clicked: unknown,
  title: string,
): Promise<Model | undefined> {
  await runs.ready();
  const id = identityOf(clicked);
  if (id !== undefined) {
    const run = runs.find(id);
    if (run === undefined) return undefined;
    const checkpoint = isResultItem(clicked) && clicked.kind === "file" ? clicked.file : bestCheckpoint(run);
    return modelOf(run, checkpoint) ?? tellMissing(run, checkpoint);
  }
  const items = runs.known.flatMap((run) => {
    const model = modelOf(run, bestCheckpoint(run));
    const loss = run.folder?.best === undefined ? "" : `best loss ${run.folder.best.loss.toPrecision(4)}`;
    return model === undefined ? [] : [{ label: model.title, description: loss, model }];
  });
  const file = { label: "$(folder-opened) Checkpoint File…", model: undefined };
  const picked = await vscode.window.showQuickPick([...items, file], { title, ignoreFocusOut: true });
  return picked === file ? chooseFile() : picked?.model;
}

/** Says what a run lacks to be a model. */
function tellMissing({ summary }: KnownRun, checkpoint: string | undefined): undefined {
  const name = runName(summary);
  const message =
    checkpoint === undefined ? `${name}, has no checkpoint.` : `The configuration of ${name}, is gone.`;
  void vscode.window.showWarningMessage(message);
}

function modelOf(run: KnownRun, checkpoint: string | undefined): Model | undefined {
  const configuration = configurationOf(run);
  if (checkpoint === undefined || configuration === undefined) return undefined;
  const { name, runId, engine } = run.summary;
  return {
    name: `${name}_${runId}`,
    title: runName(run.summary),
    checkpoint,
    configuration,
    workingDirectory: run.order.workingDirectory,
    engine,
  };
}

const bestCheckpoint = ({ folder }: KnownRun): string | undefined =>
  folder?.files.checkpoints.find((file) => file === folder.tree.bestCheckpoint) ??
  folder?.files.checkpoints.at(-1);

async function chooseFile(): Promise<Model | undefined> {
  const checkpoint = await openFile("A checkpoint", { Checkpoints: ["pth", "safetensors"] });
  const configuration =
    checkpoint &&
    (await openFile("The configuration it was trained with", { Configurations: ["yaml", "yml"] }));
  if (checkpoint === undefined || configuration === undefined) return undefined;
  const name = basename(checkpoint, extname(checkpoint)).replace(/\W+/g, "_");
  const [open] = vscode.workspace.workspaceFolders ?? [];
  const workingDirectory = open?.uri.fsPath ?? join(configuration, "..");
  return { name, title: basename(checkpoint), checkpoint, configuration, workingDirectory };
}

async function openFile(title: string, filters: Record<string, string[]>): Promise<string | undefined> {
  return (await vscode.window.showOpenDialog({ title, filters, openLabel: "Choose" }))?.[0]?.fsPath;
}

async function chooseFolder({ title }: Model): Promise<string | undefined> {
  const picked = await vscode.window.showOpenDialog({
    canSelectFolders: true,
    canSelectFiles: false,
    title: `Folder of images to apply ${title} to`,
    openLabel: "Apply",
  });
  return picked?.[0]?.fsPath;
}
