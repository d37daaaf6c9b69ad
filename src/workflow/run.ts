/** A run from its configuration to its results: check, train, test. */
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { basename } from "node:path";
import { workflowOf } from "../config/basics.ts";
import type { ImagePairs } from "../data/patches.ts";
import { writeFileAtomically } from "../facts/files/write-file.ts";
import type { Metrics } from "../facts/run-events.ts";
import type { WorkflowName } from "../facts/workflows.ts";
import type { ReportEvent } from "../results/reporters.ts";
import { writeTestMetrics } from "../results/test-metrics.ts";
import { declaredWeights } from "../runtime/declared-weights.ts";
import { DeviceMemoryError } from "../runtime/device-memory-error.ts";
import { Parameters } from "../runtime/parameters.ts";
import type { Precision } from "../runtime/precision.ts";
import { checkPrecision, PrecisionError } from "../training/training-step.ts";
import { secondsPerStep } from "./device-choice.ts";
import { withFrozenWeights } from "./frozen-weights.ts";
import { InputError } from "./input-error.ts";
import { smallerBatch } from "./largest-batch.ts";
import { loadRunCheckpoint, trainedPrecision } from "./run-checkpoint.ts";
import { prepareImages } from "./run-images.ts";
import type { RunningRequest, RunRequest } from "./run-request.ts";
import { checkLossPrecision, trainingSettings } from "./settings.ts";
import { loadStartingWeights, ownCheckpoint } from "./starting-weights.ts";
import { type Task, trainingProgram } from "./tasks/task.ts";
import { ImageTester } from "./test-images.ts";
import { TrainingRun } from "./training-run.ts";

/** Runs a configuration whose keys have been checked. Throws `InputError` for images that cannot be used. */
export async function runWorkflow(given: RunRequest): Promise<"finished" | "stopped"> {
  const { config, tree, resume, report } = given;
  const task = await taskOf(given);
  const images = await prepareImages(config, task, report);
  const settings = trainingSettings(config, await precisionOf(given));
  const program = trainingProgram(task);
  const runtime = await given.openRuntime({ program, training: settings });
  const request: RunningRequest = { ...given, runtime, training: settings };
  const training = images.training !== undefined;
  const declared = declaredWeights(program);
  const parameters = new Parameters(training ? withFrozenWeights(config, declared, report) : declared, {
    trainable: training,
    threads: runtime.threads,
  });
  try {
    if (training) {
      checkPrecision(runtime, settings);
      checkLossPrecision(config, settings.precision ?? "single");
    }
    parameters.initialise(config.number("SYSTEM.SEED"));
    if (!resume && training) await rm(tree.runDirectory, { recursive: true, force: true });
    await writeFileAtomically(tree.configFile, request.configText);
    // A run that was stopped while it tested has nothing left to train.
    const trained = training && resume && !existsSync(tree.lastCheckpoint) && existsSync(tree.bestCheckpoint);
    if (trained) await loadRunCheckpoint(tree.bestCheckpoint, parameters, false);
    else if ((config.flag("MODEL.LOAD_CHECKPOINT") && !resume) || !training) {
      const path = config.text("PATHS.CHECKPOINT_FILE") || (await ownCheckpoint(config, tree));
      await loadStartingWeights(path, config, parameters, { complete: !training, report });
    }
    if (images.training !== undefined && !trained) {
      const run = new TrainingRun(request, task, parameters, images.training, images.validation);
      if ((await run.train()) === "stopped") return "stopped";
    }
    if (images.test !== undefined) return await testImages(request, task, parameters, images.test);
    return "finished";
  } catch (error) {
    if (error instanceof DeviceMemoryError) throw await smallerBatch(request, runtime.device);
    if (error instanceof PrecisionError)
      throw new InputError([{ severity: "error", message: error.message }]);
    throw error;
  } finally {
    await images.close();
    await parameters.close();
  }
}

/** Whether a device has the memory for a training step: one is made and run. Throws what else is wrong. */
export async function tryStep(request: StepRequest): Promise<boolean> {
  const task = await taskOf(request);
  const training = trainingSettings(request.config, await precisionOf(request));
  const work = { program: trainingProgram(task), training };
  try {
    await secondsPerStep(await request.openRuntime(work), work);
    return true;
  } catch (error) {
    if (error instanceof DeviceMemoryError) return false;
    throw error;
  }
}

type TaskRequest = Pick<RunRequest, "config" | "tree" | "normalisePixels">;
type PrecisionRequest = Pick<RunRequest, "precision" | "resume" | "tree" | "report">;
type StepRequest = TaskRequest & PrecisionRequest & Pick<RunRequest, "openRuntime">;

async function precisionOf({ precision, resume, tree, report }: PrecisionRequest): Promise<Precision> {
  if (!resume || !existsSync(tree.lastCheckpoint)) return precision ?? "single";
  const began = await trainedPrecision(tree.lastCheckpoint);
  if (precision !== undefined && precision !== began)
    report({ event: "log", level: "info", message: `The run goes on in ${began} precision, as it began.` });
  return began;
}

/** Sets up each workflow's task; loaded when it is used. */
const TASKS: Readonly<Record<WorkflowName, (request: TaskRequest) => Promise<Task>>> = {
  masking: async ({ config, tree, normalisePixels }) =>
    (await import("./tasks/masking.ts")).maskingTask(config, tree, normalisePixels),
  crappify: async ({ config, tree }) => (await import("./tasks/crappify.ts")).crappifyTask(config, tree),
  segmentation: async ({ config, tree }) =>
    (await import("./tasks/segmentation.ts")).segmentationTask(config, tree),
  denoising: async ({ config, tree }) => (await import("./tasks/denoising.ts")).denoisingTask(config, tree),
};

/** Sets up the task of a configuration that has been checked. */
export function taskOf(request: TaskRequest): Promise<Task> {
  const workflow = workflowOf(request.config);
  if (workflow === undefined) throw new Error("PROBLEM.TYPE has not been checked.");
  return TASKS[workflow](request);
}

/** Applies the model to every test image, and reports the metrics of each and of all. */
async function testImages(
  { config, tree, runtime, report, signal }: RunningRequest,
  task: Task,
  parameters: Parameters,
  pairs: ImagePairs,
): Promise<"finished" | "stopped"> {
  const tester = new ImageTester(config, tree, task, runtime, parameters);
  const { infos } = pairs.images;
  const measured = new Map<string, Metrics>();
  try {
    for (const [index, info] of infos.entries()) {
      const image = basename(info.path);
      const progress = progressReporter(report, `Predicting ${image}`);
      const { files, metrics } = await tester.test(pairs, index, { progress, signal });
      report({ event: "image", kind: task.testing.imageKinds.test, image, files });
      report({ event: "test", image, metrics });
      report({ event: "progress", label: "Testing", done: index + 1, total: infos.length });
      if (Object.keys(metrics).length > 0) measured.set(image, metrics);
      signal.throwIfAborted();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    return "stopped";
  } finally {
    tester.release();
  }
  const [first] = measured.values();
  if (first !== undefined) {
    await writeTestMetrics(tree, measured);
    const mean = (name: string) =>
      [...measured.values()].reduce((sum, metrics) => sum + metrics[name], 0) / measured.size;
    report({
      event: "test",
      metrics: Object.fromEntries(Object.keys(first).map((name) => [name, mean(name)])),
    });
  }
  return "finished";
}

/** Between two reports of progress. */
const REPORT_MILLISECONDS = 250;

/** Reports how far something is, and how long it will take. */
function progressReporter(report: ReportEvent, label: string): (done: number, total: number) => void {
  const started = performance.now();
  let reported = started;
  return (done, total) => {
    const now = performance.now();
    if (now - reported < REPORT_MILLISECONDS) return;
    reported = now;
    const secondsLeft = ((now - started) / 1000 / done) * (total - done);
    report({ event: "progress", label, done, total, secondsLeft });
  };
}
