/** Training a model on patches, with all that is kept of it: checkpoints, log, charts, previews. */
import { mkdir, rm } from "node:fs/promises";
import { basename } from "node:path";
import type { PatchSet } from "../data/patches.ts";
import { epochCheckpoint } from "../facts/result-tree.ts";
import { TensorboardWriter } from "../results/tensorboard.ts";
import {
  appendTrainLog,
  epochScalars,
  readTrainLog,
  trainLogPath,
  truncateTrainLog,
} from "../results/train-log.ts";
import type { TrainingStep } from "../runtime/executable.ts";
import type { Parameters } from "../runtime/parameters.ts";
import { Schedule } from "../training/schedule.ts";
import { type CheckpointKind, type EpochResult, Trainer, type TrainerState } from "../training/trainer.ts";
import { compileTraining } from "../training/training-step.ts";
import { writeAugmentationSamples } from "./augmentation-samples.ts";
import { PatchBatches } from "./batches.ts";
import { FeaturePreview } from "./features/feature-preview.ts";
import { InputError } from "./input-error.ts";
import { writeNormalisationFiles } from "./normalisation-files.ts";
import { loadRunCheckpoint, saveRunCheckpoint } from "./run-checkpoint.ts";
import type { RunningRequest } from "./run-request.ts";
import { scheduleSettings } from "./settings.ts";
import { evaluationProgram, type Task, trainingProgram } from "./tasks/task.ts";
import { ImageTester } from "./test-images.ts";

export class TrainingRun {
  private readonly tensorboard: TensorboardWriter;
  private readonly step: TrainingStep;
  private readonly learningRate: number;
  private readonly log: string;

  constructor(
    private readonly request: RunningRequest,
    private readonly task: Task,
    private readonly parameters: Parameters,
    private readonly patches: PatchSet,
    private readonly validationPatches: PatchSet | undefined,
  ) {
    const { config, tree } = request;
    this.tensorboard = new TensorboardWriter(tree.tensorboard);
    this.step = compileTraining(request.runtime, trainingProgram(task), parameters, request.training);
    this.learningRate = Number(config.first("TRAIN.LR"));
    this.log = trainLogPath(tree);
  }

  /** Trains to the end or until it is asked to stop; the best weights are in place afterwards. */
  async train(): Promise<"finished" | "stopped"> {
    const { config, tree, runtime, report, signal, resume } = this.request;
    const { task, parameters, step } = this;
    const seed = config.number("SYSTEM.SEED");
    const training = new PatchBatches(this.patches, task, seed, true);
    const validation = this.validationPatches && new PatchBatches(this.validationPatches, task, seed, false);
    const epochs = config.number("TRAIN.EPOCHS");
    const evaluation =
      validation && runtime.compile(evaluationProgram(task), parameters, { gradients: false });
    let tester: ImageTester | undefined;
    let features: FeaturePreview | "none" | undefined;
    const trainer = new Trainer(
      {
        step,
        evaluation,
        training,
        validation,
        schedule: new Schedule(scheduleSettings(config), this.learningRate, epochs, training.stepsPerEpoch),
        summary: task.training.summary,
        report,
        save: (kind, state) => this.save(kind, state),
        epochEnded: async (result) => {
          await this.record(result);
          tester ??= new ImageTester(config, tree, task, runtime, parameters);
          await this.preview(tester, result);
          features ??= FeaturePreview.open(config, tree, task, runtime, parameters) ?? "none";
          if (features !== "none") await this.previewFeatures(features, result);
        },
      },
      {
        epochs,
        patience: config.number("TRAIN.PATIENCE"),
        seed,
        checkpointEvery: config.number("MODEL.SAVE_CKPT_FREQ"),
      },
    );
    if (resume) await this.restore(trainer);
    else await this.writeBeforeTraining(seed);
    report({
      event: "start",
      name: tree.name,
      runId: tree.runId,
      pid: process.pid,
      jobDirectory: tree.jobDirectory,
      runDirectory: tree.runDirectory,
      configFile: config.document.file,
      engine: "embedded",
      device:
        this.request.training.precision === "mixed" ? `${runtime.device}, mixed precision` : runtime.device,
      architecture: task.architecture,
      parameters: parameters.count,
      epochs,
      stepsPerEpoch: training.stepsPerEpoch,
      firstEpoch: trainer.state.epoch + 1,
    });
    const status = await trainer.run(signal);
    step.release();
    evaluation?.release();
    tester?.release();
    if (features !== "none") features?.release();
    if (status === "finished") {
      await rm(tree.lastCheckpoint, { force: true });
      await loadRunCheckpoint(tree.bestCheckpoint, parameters, false);
    }
    return status;
  }

  private async writeBeforeTraining(seed: number): Promise<void> {
    const { config, tree, report } = this.request;
    await writeNormalisationFiles(config, tree);
    const samples = config.flag("AUGMENTOR.ENABLE") && config.flag("AUGMENTOR.AUG_SAMPLES");
    if (!samples) return;
    await writeAugmentationSamples(this.patches, tree, report, {
      count: config.number("AUGMENTOR.AUG_NUM_SAMPLES"),
      drawGrid: config.flag("AUGMENTOR.DRAW_GRID"),
      seed,
    });
  }

  private async restore(trainer: Trainer): Promise<void> {
    const { tree, report } = this.request;
    const state = await loadRunCheckpoint(tree.lastCheckpoint, this.parameters, true);
    if (state === undefined) {
      const message = `${tree.lastCheckpoint} does not say where training stopped: it is not of this engine.`;
      throw new InputError([{ severity: "error", file: tree.lastCheckpoint, message }]);
    }
    trainer.restore(state);
    await truncateTrainLog(this.log, state.epoch);
    const message = `Going on after epoch ${state.epoch}, step ${state.step}.`;
    report({ event: "log", level: "info", message });
  }

  private async save(kind: CheckpointKind, state: TrainerState): Promise<void> {
    const { config, tree, report } = this.request;
    const paths = {
      best: tree.bestCheckpoint,
      last: tree.lastCheckpoint,
      periodic: epochCheckpoint(tree, state.epoch),
    };
    await mkdir(tree.checkpoints, { recursive: true });
    await saveRunCheckpoint(paths[kind], {
      parameters: this.parameters,
      optimiser: { settings: this.request.training.optimiser, steps: this.step.steps },
      learningRate: this.learningRate,
      buildArguments: this.task.buildArguments,
      config,
      epoch: kind === "best" ? "best" : state.epoch,
      state,
    });
    report({ event: "checkpoint", path: paths[kind], kind, epoch: state.epoch });
  }

  /** Keeps an epoch's numbers: log, TensorBoard, and charts every LOG.CHART_CREATION_FREQ epochs and after the last. */
  private async record(result: EpochResult): Promise<void> {
    const { config, tree } = this.request;
    await appendTrainLog(this.log, result);
    await this.tensorboard.scalars(epochScalars(result), result.epoch);
    const due = result.epoch % config.number("LOG.CHART_CREATION_FREQ") === 0;
    if (!due && result.epoch !== config.number("TRAIN.EPOCHS")) return;
    // Loaded here: charts take a third of a second to load, which the first training step need not wait for.
    const { writeCharts } = await import("../results/charts.ts");
    await writeCharts(tree, await readTrainLog(this.log));
  }

  /** Shows what the encoder makes of the image of {@link preview}. */
  private async previewFeatures(features: FeaturePreview, { epoch }: EpochResult): Promise<void> {
    const { pairs } = this.validationPatches ?? this.patches;
    const files = await features.draw(await pairs.images.image(0));
    const image = basename(pairs.images.infos[0].path);
    this.request.report({ event: "image", kind: "features", image, files, epoch });
  }

  /** Shows the state of training by the first validation image (or training image) after an epoch. */
  private async preview(tester: ImageTester, { epoch }: EpochResult): Promise<void> {
    const { pairs } = this.validationPatches ?? this.patches;
    const files = await tester.preview(pairs, 0);
    const image = basename(pairs.images.infos[0].path);
    const kind = this.task.testing.imageKinds.preview;
    this.request.report({ event: "image", kind, image, files, epoch });
  }
}
