/** Trains a model on patches and writes checkpoints, log and previews. */

import { rm } from "node:fs/promises";
import { basename } from "node:path";
import { CheckpointError } from "../checkpoint/checkpoint-error.ts";
import type { PatchSet } from "../data/patches.ts";
import { at } from "../facts/checked-lists.ts";
import { createFolder } from "../facts/files/create-folder.ts";
import { epochCheckpoint } from "../facts/result-tree.ts";
import { TimeShare } from "../facts/time-share.ts";
import { TensorboardWriter } from "../results/tensorboard.ts";
import { appendTrainLog, epochScalars, trainLogPath, truncateTrainLog } from "../results/train-log.ts";
import type { Executable, TrainingStep } from "../runtime/executable.ts";
import type { Parameters } from "../runtime/parameters.ts";
import type { Precision } from "../runtime/precision.ts";
import { DivergedError } from "../training/diverged-error.ts";
import { Schedule } from "../training/schedule.ts";
import { type CheckpointKind, type EpochResult, Trainer, type TrainerState } from "../training/trainer.ts";
import { compileTraining } from "../training/training-step.ts";
import { writeAugmentationSamples } from "./augmentation-samples.ts";
import { PatchBatches } from "./batches.ts";
import { keepEpochPictures } from "./epoch-pictures.ts";
import { FeaturePreview } from "./features/feature-preview.ts";
import { ImageTester } from "./image-tester.ts";
import { writeNormalizationFiles } from "./normalization-files.ts";
import { CompiledModels } from "./patch-models.ts";
import {
  type CheckpointHeader,
  loadRunCheckpoint,
  type RunCheckpointContent,
  saveRunCheckpoint,
} from "./run-checkpoint.ts";
import type { RunningRequest } from "./run-request.ts";
import { scheduleSettings } from "./settings.ts";
import { evaluationProgram, type Task, trainingProgram } from "./tasks/task.ts";
import { checkMemory } from "./training-memory.ts";

/** The task at the batch sizes of training and of validation. */
export interface RunTasks {
  readonly training: Task;
  readonly validation: Task;
}

/** How a training ended. */
export interface TrainingEnd {
  readonly status: "finished" | "stopped";
  /** Whether the last epoch was the best: its weights are in memory. */
  readonly hasBestWeights: boolean;
}

/** How a device's name tells the precision. */
const PRECISION_NOTES: Readonly<Record<Precision, string>> = {
  single: "",
  "half-storage": ", half storage",
  mixed: ", mixed precision",
};

/** A resumed run keeps its precision, so only a new run helps. */
const HALF_STORAGE_ADVICE =
  "Half storage makes values above 65504 infinite: a new run without --precision half-storage keeps them.";

/** Maximum share of the training time for previews. The first epoch and the last one have one in any case. */
const PREVIEWS_SHARE = 0.05;

export class TrainingRun {
  private readonly task: Task;
  private readonly tensorboard: TensorboardWriter;
  private readonly step: TrainingStep;
  private readonly learningRate: number;
  private readonly seed: number;
  private readonly log: string;
  private evaluation: Executable | undefined;
  private tester: ImageTester | undefined;
  private features: FeaturePreview | "none" | undefined;
  /** The checkpoint that is being written, or the last one. */
  private saving: Promise<void> = Promise.resolve();
  /** Text that names the last written checkpoint. */
  private lastSaved: string | undefined;
  private readonly previewTime = new TimeShare(PREVIEWS_SHARE);
  /** The last epoch, if it has no preview. */
  private withoutPreview: EpochResult | undefined;

  constructor(
    private readonly request: RunningRequest,
    private readonly tasks: RunTasks,
    private readonly parameters: Parameters,
    private readonly patches: PatchSet,
    private readonly validationPatches: PatchSet | undefined,
  ) {
    const { config, tree } = request;
    this.tensorboard = new TensorboardWriter(tree.tensorboard);
    this.task = tasks.training;
    this.step = compileTraining(request.runtime, trainingProgram(this.task), parameters, request.training);
    this.learningRate = Number(config.first("TRAIN.LR"));
    this.seed = config.number("SYSTEM.SEED");
    this.log = trainLogPath(tree);
  }

  /**
   * Trains to the end or until a stop is requested.
   *
   * @param from checkpoints to resume from, the furthest first; none for a fresh start
   */
  async train(from: readonly CheckpointHeader[]): Promise<TrainingEnd> {
    try {
      const trainer = await this.setUp();
      if (from.length > 0) await this.restore(trainer, from);
      else await this.writeBeforeTraining();
      this.reportStart(trainer.state);
      const status = await trainer.run(this.request.signal);
      await this.saving;
      return await this.end(status, trainer.state);
    } catch (error) {
      await this.saving.catch(() => {});
      if (error instanceof DivergedError) throw new DivergedError(`${error.message} ${this.afterDivergence}`);
      throw error;
    } finally {
      this.release();
    }
  }

  /** Compiles the validation and checks that a step fits into memory. */
  private async setUp(): Promise<Trainer> {
    const { config, runtime, report } = this.request;
    const { task, tasks, parameters, step } = this;
    const training = new PatchBatches(this.patches, task, this.seed, true);
    const validation =
      this.validationPatches && new PatchBatches(this.validationPatches, tasks.validation, this.seed, false);
    if (validation !== undefined)
      this.evaluation = runtime.compile(evaluationProgram(tasks.validation), parameters, {
        gradients: false,
      });
    await parameters.settled();
    const { batchSize } = task;
    const { precision, partSize } = this.request.training;
    const batch = partSize ?? batchSize;
    const programs = [step.memory, this.evaluation?.memory];
    const couldStoreHalf = runtime.hasHalfStorage === true && precision !== "half-storage";
    checkMemory({ config, report, programs, batch, whole: batchSize, couldStoreHalf });
    const epochs = config.number("TRAIN.EPOCHS");
    const { stepsPerEpoch } = training;
    return new Trainer(
      {
        step,
        evaluation: this.evaluation,
        training,
        validation,
        schedule: new Schedule(scheduleSettings(config), this.learningRate, epochs, stepsPerEpoch),
        summary: task.training.summary,
        report,
        save: (kind, state) => this.save(kind, state),
        logEpoch: (result) => appendTrainLog(this.log, result),
        showEpoch: (result) => this.show(result),
      },
      {
        epochs,
        patience: config.number("TRAIN.PATIENCE"),
        seed: this.seed,
        checkpointEvery: config.number("MODEL.SAVE_CKPT_FREQ"),
      },
    );
  }

  private release(): void {
    this.step.release();
    this.evaluation?.release();
    this.tester?.release();
    if (this.features !== "none") this.features?.release();
  }

  /** What else to try, and where the training can go on. */
  private get afterDivergence(): string {
    const { precision } = this.request.training;
    const advice = precision === "half-storage" ? `${HALF_STORAGE_ADVICE} ` : "";
    if (this.lastSaved === undefined) return `${advice}No checkpoint was written.`;
    return `${advice}The last good checkpoint is ${this.lastSaved}; --resume continues from it.`;
  }

  private reportStart({ stepsPerEpoch, epoch }: TrainerState): void {
    const { config, tree, runtime, report, training } = this.request;
    report({
      event: "start",
      name: tree.name,
      runId: tree.runId,
      pid: process.pid,
      jobDirectory: tree.jobDirectory,
      runDirectory: tree.runDirectory,
      configFile: config.document.file,
      engine: "embedded",
      device: runtime.device + PRECISION_NOTES[training.precision ?? "single"],
      architecture: this.task.architecture,
      parameters: this.parameters.count,
      epochs: config.number("TRAIN.EPOCHS"),
      stepsPerEpoch,
      firstEpoch: epoch + 1,
    });
  }

  private async writeBeforeTraining(): Promise<void> {
    const { config, tree, report } = this.request;
    await writeNormalizationFiles(config, tree);
    const samples = config.flag("AUGMENTOR.ENABLE") && config.flag("AUGMENTOR.AUG_SAMPLES");
    if (!samples) return;
    await this.request.sideResults.attempt("Augmentation samples", () =>
      writeAugmentationSamples(this.patches, tree, report, {
        count: config.number("AUGMENTOR.AUG_NUM_SAMPLES"),
        drawGrid: config.flag("AUGMENTOR.DRAW_GRID"),
        seed: this.seed,
      }),
    );
  }

  /** Shows the last epoch if that was left out, and deletes the last checkpoint if the best one is the same: a checkpoint can be a gigabyte. */
  private async end(status: TrainingEnd["status"], { epoch, bestEpoch }: TrainerState): Promise<TrainingEnd> {
    if (status === "stopped") return { status, hasBestWeights: false };
    if (this.withoutPreview !== undefined) await this.showPreview(this.withoutPreview);
    const hasBestWeights = bestEpoch === epoch;
    if (hasBestWeights) await rm(this.request.tree.lastCheckpoint, { force: true });
    return { status, hasBestWeights };
  }

  /** Continues from the furthest readable checkpoint. Throws `CheckpointError` if there is none. */
  private async restore(trainer: Trainer, from: readonly CheckpointHeader[]): Promise<void> {
    const { report } = this.request;
    for (const [index, { path, state }] of from.entries()) {
      try {
        await loadRunCheckpoint(path, this.parameters, true);
      } catch (error) {
        if (!(error instanceof CheckpointError) || index === from.length - 1) throw error;
        report({ event: "log", level: "warning", message: error.message });
        continue;
      }
      trainer.restore(state);
      await truncateTrainLog(this.log, state.epoch);
      this.lastSaved = `${path} (epoch ${state.epoch})`;
      const message = `Resuming after epoch ${state.epoch}, step ${state.step}.`;
      report({ event: "log", level: "info", message });
      return;
    }
  }

  /**
   * Writes a checkpoint after the one before. Resolves when the weights may change again: it is synced and renamed while training goes
   * on. An error of that is thrown when the next one is saved, or when training ends.
   */
  private async save(kind: CheckpointKind, state: TrainerState): Promise<void> {
    await this.saving;
    await new Promise<void>((resolve, reject) => {
      this.saving = this.write(kind, state, resolve);
      this.saving.catch(reject);
    });
  }

  private async write(kind: CheckpointKind, state: TrainerState, onWritten: () => void): Promise<void> {
    const { config, tree, report, run, normalizePixels, fingerprints, training } = this.request;
    const paths = {
      best: tree.bestCheckpoint,
      last: tree.lastCheckpoint,
      periodic: epochCheckpoint(tree, state.epoch),
    };
    const path = paths[kind];
    await createFolder(tree.checkpoints);
    const content: RunCheckpointContent = {
      parameters: this.parameters,
      optimizer: { settings: this.request.training.optimizer, steps: this.step.steps },
      learningRate: this.learningRate,
      buildArguments: this.task.buildArguments,
      config,
      epoch: kind === "best" ? "best" : state.epoch,
      state,
      identity: {
        training: run.state?.training ?? "",
        normalizePixels,
        precision: training.precision,
        images: fingerprints,
      },
    };
    await saveRunCheckpoint(path, content, onWritten);
    this.lastSaved = `${path} (epoch ${state.epoch})`;
    await run.saved(kind, state);
    report({ event: "checkpoint", path, kind, epoch: state.epoch });
  }

  /**
   * Writes an epoch to TensorBoard's log, to a preview and, every LOG.CHART_CREATION_FREQ epochs, to charts. Previews and charts are
   * left out while they have taken more than their share of the time. The preview of the last epoch is always drawn.
   */
  private async show(result: EpochResult): Promise<void> {
    const { config, charts, sideResults } = this.request;
    await sideResults.attempt("TensorBoard's log", () =>
      this.tensorboard.scalars(epochScalars(result), result.epoch),
    );
    if (result.epoch === config.number("TRAIN.EPOCHS")) charts.begin();
    else if (result.epoch % config.number("LOG.CHART_CREATION_FREQ") === 0) charts.update();
    if (!(await this.previewTime.spend(() => this.showPreview(result)))) this.withoutPreview = result;
  }

  private async showPreview(result: EpochResult): Promise<void> {
    this.withoutPreview = undefined;
    await this.request.sideResults.attempt("The preview", async () => {
      await this.preview(result);
      await this.previewFeatures(result);
    });
  }

  /** Reports the model's prediction of the first validation image (or training image). */
  private async preview({ epoch }: EpochResult): Promise<void> {
    const { pairs } = this.validationPatches ?? this.patches;
    const { config, tree, runtime } = this.request;
    this.tester ??= new ImageTester(
      config,
      tree,
      this.task.testing,
      new CompiledModels(config, this.task, runtime, this.parameters),
    );
    const files = await this.tester.preview(pairs, 0);
    const image = basename(at(pairs.images.infos, 0).path);
    await keepEpochPictures(tree.runDirectory, epoch, image, files);
    const kind = this.task.testing.imageKinds.preview;
    this.request.report({ event: "image", kind, image, files, epoch });
  }

  /** Reports the encoder's features of the image of {@link preview}, for networks with an encoder. */
  private async previewFeatures({ epoch }: EpochResult): Promise<void> {
    const { pairs } = this.validationPatches ?? this.patches;
    const { config, tree, runtime, report } = this.request;
    const { shape } = at(pairs.images.infos, 0);
    this.features ??= FeaturePreview.open(config, tree, this.task, runtime, this.parameters, shape) ?? "none";
    if (this.features === "none") return;
    const files = await this.features.draw(await pairs.images.image(0));
    const image = basename(at(pairs.images.infos, 0).path);
    report({ event: "image", kind: "features", image, files, epoch });
  }
}
