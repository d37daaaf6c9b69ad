/** A self-supervised run from its configuration to its results: check, train, test. */
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { basename } from "node:path";
import { pretextTask } from "../config/checks.ts";
import type { Config } from "../config/config.ts";
import type { ImagePairs } from "../data/patches.ts";
import type { Metrics } from "../protocol/run-events.ts";
import type { ReportEvent } from "../results/reporters.ts";
import type { ResultTree } from "../results/result-tree.ts";
import { writeTestMetrics } from "../results/test-metrics.ts";
import { writeFileAtomically } from "../results/write-file.ts";
import { declaredWeights } from "../runtime/declared-weights.ts";
import { DeviceMemoryError } from "../runtime/device-memory-error.ts";
import type { Runtime } from "../runtime/executable.ts";
import { Parameters } from "../runtime/parameters.ts";
import { physicalCores } from "../runtime/physical-cores.ts";
import { secondsPerStep, type Work } from "./device-choice.ts";
import { smallerBatch } from "./largest-batch.ts";
import { MaskingTask } from "./masking.ts";
import type { PretextTask } from "./pretext-task.ts";
import { loadRunCheckpoint } from "./run-checkpoint.ts";
import { prepareImages } from "./run-images.ts";
import { trainingSettings } from "./settings.ts";
import { loadStartingWeights } from "./starting-weights.ts";
import { TrainingRun } from "./training-run.ts";

export interface RunRequest {
  readonly config: Config;
  /** The configuration file's text, copied into the results. */
  readonly configText: string;
  readonly tree: ResultTree;
  /** Go on where the run stopped. */
  readonly resume: boolean;
  /** Learn each token's pixels normalised by their own mean and deviation (He et al. 2022, section 4). */
  readonly normalisePixels: boolean;
  readonly openRuntime: (work: Work) => Promise<Runtime>;
  readonly report: ReportEvent;
  readonly signal: AbortSignal;
  /** Whether a training step with another batch size runs on the same device, tried in a process of its own. */
  readonly fits: (batchSize: number) => Promise<boolean>;
}

/** A request with what computes. */
export interface RunningRequest extends RunRequest {
  readonly runtime: Runtime;
}

/** Runs a configuration whose keys have been checked. Throws `InputError` for images that cannot be used. */
export async function runSelfSupervised(given: RunRequest): Promise<"finished" | "stopped"> {
  const { config, tree, resume, report } = given;
  const images = await prepareImages(config, report);
  const task = await taskOf(given);
  const runtime = await given.openRuntime({ program: task.training(), training: trainingSettings(config) });
  const request: RunningRequest = { ...given, runtime };
  const training = images.training !== undefined;
  const parameters = new Parameters(declaredWeights(task.training()), {
    trainable: training,
    threads: runtime.threads,
  });
  try {
    parameters.initialise(config.number("SYSTEM.SEED"));
    if (!resume && training) await rm(tree.runDirectory, { recursive: true, force: true });
    await writeFileAtomically(tree.configFile, request.configText);
    // A run that was stopped while it tested has nothing left to train.
    const trained = training && resume && !existsSync(tree.lastCheckpoint) && existsSync(tree.bestCheckpoint);
    if (trained) await loadRunCheckpoint(tree.bestCheckpoint, parameters, false);
    else if ((config.flag("MODEL.LOAD_CHECKPOINT") && !resume) || !training) {
      const path = config.text("PATHS.CHECKPOINT_FILE") || tree.bestCheckpoint;
      await loadStartingWeights(path, config, parameters, { complete: !training, report });
    }
    if (images.training !== undefined && !trained) {
      const run = new TrainingRun(request, task, parameters, images.training, images.validation);
      if ((await run.train()) === "stopped") return "stopped";
    }
    if (images.test !== undefined) return await testImages(request, task, parameters, images.test);
    return "finished";
  } catch (error) {
    if (!(error instanceof DeviceMemoryError)) throw error;
    throw await smallerBatch(request, runtime.device);
  } finally {
    await images.close();
    await parameters.close();
  }
}

/** Whether a device has the memory for a training step: one is made and run. Throws what else is wrong. */
export async function tryStep({ config, tree, normalisePixels, openRuntime }: StepRequest): Promise<boolean> {
  const task = await taskOf({ config, tree, normalisePixels });
  const work = { program: task.training(), training: trainingSettings(config) };
  try {
    await secondsPerStep(await openRuntime(work), work);
    return true;
  } catch (error) {
    if (error instanceof DeviceMemoryError) return false;
    throw error;
  }
}

type TaskRequest = Pick<RunRequest, "config" | "tree" | "normalisePixels">;
type StepRequest = TaskRequest & Pick<RunRequest, "openRuntime">;

async function taskOf({ config, tree, normalisePixels }: TaskRequest): Promise<PretextTask> {
  if (pretextTask(config) === "masking") return new MaskingTask(config, tree, normalisePixels);
  const { restorationTask } = await import("./restoration.ts");
  return restorationTask(config, tree);
}

/** Applies the model to every test image, and reports the metrics of each and of all. */
async function testImages(
  { tree, runtime, report, signal }: RunningRequest,
  task: PretextTask,
  parameters: Parameters,
  pairs: ImagePairs,
): Promise<"finished" | "stopped"> {
  const viewer = task.viewer(runtime, parameters);
  const { infos } = pairs.images;
  const measured = new Map<string, Metrics>();
  try {
    for (const [index, info] of infos.entries()) {
      const image = basename(info.path);
      const progress = progressReporter(report, `Predicting ${image}`);
      const { files, metrics } = await viewer.test(pairs, index, { progress, signal });
      report({ event: "image", kind: "prediction", image, files });
      report({ event: "test", image, metrics });
      report({ event: "progress", label: "Testing", done: index + 1, total: infos.length });
      if (Object.keys(metrics).length > 0) measured.set(image, metrics);
      signal.throwIfAborted();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    return "stopped";
  } finally {
    viewer.release();
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

/** As many threads as there are cores for this process. */
export function threadCount(config: Config): number {
  const [asked, cores] = [config.number("SYSTEM.NUM_CPUS"), physicalCores()];
  return asked > 0 ? Math.min(asked, cores) : cores;
}
