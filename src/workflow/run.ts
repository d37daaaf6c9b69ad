/** A run from its configuration to its results: check, train, test. */

import { workflowOf } from "../config/basics.ts";
import type { Config } from "../config/config.ts";
import type { ImagePairs } from "../data/patches.ts";
import { writeFileAtomically } from "../facts/files/write-file.ts";
import { startingWeightsPath } from "../facts/result-tree.ts";
import type { WorkflowName } from "../facts/workflows.ts";
import { declaredWeights } from "../runtime/declared-weights.ts";
import { DeviceMemoryError } from "../runtime/device-memory-error.ts";
import type { TrainingSettings } from "../runtime/optimizer-settings.ts";
import { Parameters } from "../runtime/parameters.ts";
import type { Precision } from "../runtime/precision.ts";
import { checkPrecision, PrecisionError } from "../training/training-step.ts";
import { evenBatch } from "./batches.ts";
import { secondsPerStep } from "./device-trial.ts";
import { type DurableRun, durably } from "./durable-run.ts";
import { withFrozenWeights } from "./frozen-weights.ts";
import { ImageTester } from "./image-tester.ts";
import { InputError } from "./input-error.ts";
import { smallerBatch } from "./largest-batch.ts";
import { CompiledModels } from "./patch-models.ts";
import { type CheckpointHeader, type ImageFingerprints, loadRunCheckpoint } from "./run-checkpoint.ts";
import { prepareImages, type RunImages } from "./run-images.ts";
import type { RunningRequest, RunRequest } from "./run-request.ts";
import { imagesFingerprint, otherImages } from "./same-training.ts";
import { checkLossPrecision, trainingSettings } from "./settings.ts";
import { SideResults } from "./side-results.ts";
import {
  type Beginning,
  bestCheckpoint,
  checkOwner,
  furthestCheckpoint,
  howToBegin,
} from "./start-or-resume.ts";
import { loadStartingWeights, ownCheckpoint } from "./starting-weights.ts";
import { type Task, trainingProgram } from "./tasks/task.ts";
import { testImages } from "./test-run.ts";
import { TrainingCharts } from "./training-charts.ts";
import { largestDivisor } from "./training-memory.ts";
import { type RunTasks, type TrainingEnd, TrainingRun } from "./training-run.ts";

/**
 * Runs a checked configuration. Throws `InputError` for images and checkpoints that cannot be used, and
 * `DivergedError` if the loss is no longer finite.
 */
export function runWorkflow(given: RunRequest): Promise<"finished" | "stopped"> {
  return durably(given, (run) => trainAndTest(given, run));
}

async function trainAndTest(given: RunRequest, run: DurableRun): Promise<"finished" | "stopped"> {
  const { config } = given;
  const beginning = await howToBegin(given, run);
  const task = await taskOf(given);
  const images = await prepareImages(config, task, given.report, given.signal);
  try {
    const fingerprints = trainedImages(images);
    if (beginning.kind === "resume") {
      const problems = otherImages(beginning.checkpoints[0], config, fingerprints);
      if (problems.length > 0) throw new InputError(problems);
    }
    const tasks = await fittingTasks(given, task, images);
    const settings: TrainingSettings = {
      ...trainingSettings(config, precisionOf(given, beginning)),
      partSize: partSize(given, tasks.training.batchSize),
    };
    const program = trainingProgram(tasks.training);
    const runtime = await given.openRuntime({ program, training: settings });
    const sideResults = new SideResults(given);
    const charts = new TrainingCharts(given.tree, sideResults);
    const device = { runtime, training: settings };
    const request: RunningRequest = { ...given, ...device, run, images, fingerprints, sideResults, charts };
    try {
      return await onDevice(request, tasks, beginning);
    } catch (error) {
      if (error instanceof DeviceMemoryError) throw await smallerBatch(request, runtime.device);
      if (error instanceof PrecisionError)
        throw new InputError([{ severity: "error", message: error.message }]);
      throw error;
    } finally {
      runtime.release?.();
    }
  } finally {
    await images.close();
  }
}

/** Sets up the tasks of a run. As in BiaPy, a batch is never larger than the number of patches. */
async function fittingTasks(given: RunRequest, task: Task, images: RunImages): Promise<RunTasks> {
  const sized = (size: number) =>
    size >= task.batchSize ? task : taskOf({ ...given, config: given.config.with("TRAIN.BATCH_SIZE", size) });
  const { training, validation } = images;
  if (training !== undefined && training.count < task.batchSize) {
    const message = `TRAIN.BATCH_SIZE: there are ${training.count} training patches, and a step takes all of them.`;
    given.report({ event: "log", level: "info", message });
  }
  return {
    training: await sized(training?.count ?? task.batchSize),
    validation: await sized(evenBatch(validation?.count ?? task.batchSize, given.partSize ?? task.batchSize)),
  };
}

const PART_SETTING = "In VS Code, --part_size is the setting biapy.run.partSize.";

/** Returns the number of patches computed at a time, if not the whole batch. Throws `InputError` if it does not divide the batch size. */
function partSize({ partSize: asked }: RunRequest, batch: number): number | undefined {
  if (asked === undefined || asked >= batch) return undefined;
  if (asked >= 1 && batch % asked === 0) return asked;
  const message = `--part_size ${asked} does not divide the batch of ${batch}: ${largestDivisor(batch, Math.max(asked, 1))} does. ${PART_SETTING}`;
  throw new InputError([{ severity: "error", message }]);
}

/** Returns fingerprints of the images that are trained on, by phase. */
function trainedImages({ training, validation }: RunImages): ImageFingerprints {
  if (training === undefined) return {};
  const infos = ({ images, targets }: ImagePairs) => [...images.infos, ...(targets?.infos ?? [])];
  const all = { TRAIN: imagesFingerprint(infos(training.pairs)) };
  if (validation === undefined || validation.pairs === training.pairs) return all;
  return { ...all, VAL: imagesFingerprint(infos(validation.pairs)) };
}

/** Trains and tests on an opened device. */
async function onDevice(
  request: RunningRequest,
  tasks: RunTasks,
  beginning: Beginning,
): Promise<"finished" | "stopped"> {
  const { config, tree, images, runtime, signal, report, charts } = request;
  const task = tasks.training;
  const trainable = beginning.kind !== "test";
  if (trainable) checkDevice(request);
  const declared = declaredWeights(trainingProgram(task));
  const parameters = new Parameters(trainable ? withFrozenWeights(config, declared, report) : declared, {
    trainable,
    threads: runtime.threads,
  });
  try {
    parameters.initialize(config.number("SYSTEM.SEED"));
    if (signal.aborted) return "stopped";
    await begin(request, parameters, beginning);
    for (const file of [tree.configFile, tree.runConfigFile])
      await writeFileAtomically(file, request.configText);
    if (beginning.kind !== "test" && (await train(request, tasks, parameters, beginning)) === "stopped")
      return "stopped";
    return images.test === undefined
      ? "finished"
      : await testImages(
          request,
          task.testing,
          new ImageTester(config, tree, task.testing, new CompiledModels(config, task, runtime, parameters)),
          images.test,
        );
  } finally {
    await parameters.close();
    await charts.drawn();
  }
}

/** Trains what is left to train. Afterwards the weights are those of the best epoch, unless the training was stopped. */
async function train(
  request: RunningRequest,
  tasks: RunTasks,
  parameters: Parameters,
  beginning: Exclude<Beginning, { readonly kind: "test" }>,
): Promise<"finished" | "stopped"> {
  const { tree, run, images, charts } = request;
  if (images.training === undefined) return "finished";
  const resumed = beginning.kind === "resume" ? beginning : undefined;
  let end: TrainingEnd = { status: "finished", hasBestWeights: false };
  if (resumed?.done === undefined) {
    const training = new TrainingRun(request, tasks, parameters, images.training, images.validation);
    end = await training.train(resumed?.checkpoints ?? []);
  }
  charts.begin();
  if (end.status === "stopped") return "stopped";
  await run.trained();
  if (!end.hasBestWeights) {
    const best = await bestCheckpoint(tree, run.state?.training ?? "");
    await loadRunCheckpoint(best.path, parameters, false);
  }
  return "finished";
}

/** Throws `InputError` or `PrecisionError` if the device does not train as requested. */
function checkDevice({ config, runtime, training }: RunningRequest): void {
  if (training.partSize !== undefined && runtime.compileTraining !== undefined) {
    const message = `--part_size: ${runtime.device} computes whole batches only. Leave it out, or choose the CPU by --gpu "". ${PART_SETTING}`;
    throw new InputError([{ severity: "error", message }]);
  }
  checkPrecision(runtime, training);
  checkLossPrecision(config, training.precision ?? "single");
}

/** Loads the starting weights, then claims the run's files. A fresh start reads the weights before it moves any file. */
async function begin(request: RunningRequest, parameters: Parameters, beginning: Beginning): Promise<void> {
  const { config, tree, run, report } = request;
  const epochs = config.number("TRAIN.EPOCHS");
  const say = (message: string) => report({ event: "log", level: "info", message });
  if (beginning.kind === "resume") {
    const [{ identity, state }] = beginning.checkpoints;
    await run.resume(identity.training, state, epochs);
    if (beginning.done !== undefined) say(`Nothing is left to train: ${beginning.done}.`);
    return;
  }
  const complete = beginning.kind === "test";
  let table: string | undefined;
  if (complete || config.flag("MODEL.LOAD_CHECKPOINT")) {
    const path = await startingCheckpoint(config, request, complete);
    table = await loadStartingWeights(path, config, parameters, { complete, report });
  }
  if (complete) return run.testOnly();
  const earlier = await run.startFresh(epochs);
  if (earlier !== undefined)
    say(`Run ${tree.runId} of ${tree.name} existed already: its files are now in ${earlier}.`);
  if (table !== undefined) await writeFileAtomically(startingWeightsPath(tree), table);
}

/** Returns the named checkpoint, or the run's own. */
async function startingCheckpoint(
  config: Config,
  { tree, run }: RunningRequest,
  complete: boolean,
): Promise<string> {
  const named = config.text("PATHS.CHECKPOINT_FILE");
  if (named !== "") return named;
  const own = await ownCheckpoint(config, tree);
  if (complete) await checkOwner(own, run, config);
  return own;
}

/** Whether a device has enough memory for a training step, by running one. Throws other errors. */
export async function tryStep(request: StepRequest): Promise<boolean> {
  const task = await taskOf(request);
  const resumed = request.resume ? await furthestCheckpoint(request.tree) : undefined;
  const precision = resumed === undefined ? (request.precision ?? "single") : trainedPrecision(resumed);
  const work = { program: trainingProgram(task), training: trainingSettings(request.config, precision) };
  try {
    const runtime = await request.openRuntime(work);
    try {
      await secondsPerStep(runtime, work);
    } finally {
      runtime.release?.();
    }
    return true;
  } catch (error) {
    if (error instanceof DeviceMemoryError) return false;
    throw error;
  }
}

type TaskRequest = Pick<RunRequest, "config" | "tree" | "normalizePixels">;
type StepRequest = TaskRequest & Pick<RunRequest, "precision" | "resume" | "openRuntime">;

/** Returns the requested precision; a resumed run keeps its own. */
function precisionOf({ precision, report }: RunRequest, beginning: Beginning): Precision {
  if (beginning.kind !== "resume") return precision ?? "single";
  const began = trainedPrecision(beginning.checkpoints[0]);
  if (precision !== undefined && precision !== began)
    report({
      event: "log",
      level: "info",
      message: `The run continues with --precision ${began}, with which it began.`,
    });
  return began;
}

/** Returns the precision in which a checkpoint was trained. */
function trainedPrecision({ state, identity }: CheckpointHeader): Precision {
  return identity.precision ?? (state.lossScale === undefined ? "single" : "mixed");
}

/** Loaders of the workflows' tasks. */
const TASKS: Readonly<Record<WorkflowName, (request: TaskRequest) => Promise<Task>>> = {
  masking: async ({ config, tree, normalizePixels }) =>
    (await import("./tasks/masking.ts")).maskingTask(config, tree, normalizePixels),
  crappify: async ({ config, tree }) => (await import("./tasks/crappify.ts")).crappifyTask(config, tree),
  segmentation: async ({ config, tree }) =>
    (await import("./tasks/segmentation.ts")).segmentationTask(config, tree),
  denoising: async ({ config, tree }) => (await import("./tasks/denoising.ts")).denoisingTask(config, tree),
};

/** Sets up the task of a checked configuration. */
export function taskOf(request: TaskRequest): Promise<Task> {
  const workflow = workflowOf(request.config);
  if (workflow === undefined) throw new Error("PROBLEM.TYPE has not been checked.");
  return TASKS[workflow](request);
}
