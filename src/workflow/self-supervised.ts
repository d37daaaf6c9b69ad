/** A self-supervised run from its configuration to its results: check, train, test. */
import { mkdir, rm } from "node:fs/promises";
import { availableParallelism, freemem } from "node:os";
import { basename, extname, join } from "node:path";
import { ndimOf } from "../config/checks.ts";
import type { Config } from "../config/config.ts";
import { denormalise } from "../data/normalisation.ts";
import { ImageCache, inspectImages, PatchSet } from "../data/patches.ts";
import { Random } from "../data/random.ts";
import { Blender, cutPatch, tilePatches } from "../data/tiling.ts";
import { listImages } from "../images/files.ts";
import { ImageError, type ImageInfo, type ImageShape } from "../images/image.ts";
import { sampleArray } from "../images/tiff-reader.ts";
import { writeTiff } from "../images/tiff-writer.ts";
import type { ImageFiles, Metrics, Problem } from "../protocol/run-events.ts";
import type { ReportEvent } from "../results/reporters.ts";
import type { ResultTree } from "../results/result-tree.ts";
import { TensorboardWriter } from "../results/tensorboard.ts";
import { appendTrainLog, readTrainLog, trainLogPath, truncateTrainLog } from "../results/train-log.ts";
import { writeFileAtomically } from "../results/write-file.ts";
import type { Executable, Runtime } from "../runtime/executable.ts";
import { declaredWeights } from "../runtime/onnx/runtime.ts";
import { Parameters } from "../runtime/parameters.ts";
import { Optimiser } from "../training/optimiser.ts";
import { Schedule } from "../training/schedule.ts";
import { type EpochResult, Trainer, type TrainerState } from "../training/trainer.ts";
import { MaskedBatches, MaskingPrograms, maeBuildArguments, maeSettings, maskSettings } from "./masking.ts";
import { loadRunCheckpoint, saveRunCheckpoint } from "./run-checkpoint.ts";
import {
  augmentationSteps,
  normalisationSettings,
  optimiserSettings,
  patchBox,
  scheduleSettings,
  tilingSettings,
} from "./settings.ts";

/** The input is wrong in ways that a person can mend; ends the process with exit code 2. */
export class InputError extends Error {
  override readonly name = "InputError";
  constructor(readonly problems: readonly Problem[]) {
    super(problems.map((problem) => problem.message).join("\n"));
  }
}

export interface RunRequest {
  readonly config: Config;
  /** The configuration file's text, copied into the results. */
  readonly configText: string;
  readonly tree: ResultTree;
  /** Go on where the run stopped. */
  readonly resume: boolean;
  /** Learn each token's pixels normalised by their own mean and deviation (He et al. 2022, section 4). */
  readonly normalisePixels: boolean;
  readonly runtime: Runtime;
  readonly report: ReportEvent;
  readonly signal: AbortSignal;
}

interface RunImages {
  readonly training?: PatchSet;
  readonly validation?: PatchSet;
  readonly test?: ImageCache;
}

/** Runs a configuration whose keys have been checked. Throws {@link InputError} for images that cannot be used. */
export async function runSelfSupervised(request: RunRequest): Promise<"finished" | "stopped"> {
  const { config, tree, runtime, resume } = request;
  const images = await prepareImages(request);
  const settings = maeSettings(config, request.normalisePixels);
  const programs = new MaskingPrograms(
    settings,
    maskSettings(config, settings),
    config.number("TRAIN.BATCH_SIZE"),
  );
  const training = images.training !== undefined;
  const specs = declaredWeights(programs.training());
  const parameters = new Parameters(specs, { trainable: training, threads: runtime.threads });
  parameters.initialise(config.number("SYSTEM.SEED"));
  if (!resume && training) await rm(tree.runDirectory, { recursive: true, force: true });
  await writeFileAtomically(tree.configFile, request.configText);
  await loadStartingWeights(request, parameters, training);
  const run = new MaskingRun(request, images, programs, parameters);
  try {
    if (training) {
      const status = await run.train();
      if (status === "stopped") return "stopped";
    }
    if (images.test !== undefined) await run.test(images.test);
    return "finished";
  } finally {
    await parameters.close();
  }
}

async function loadStartingWeights(
  request: RunRequest,
  parameters: Parameters,
  training: boolean,
): Promise<void> {
  const { config, tree, report } = request;
  const named = config.text("PATHS.CHECKPOINT_FILE");
  if (!config.flag("MODEL.LOAD_CHECKPOINT") && training) return;
  if (request.resume) return;
  const path = named === "" ? tree.bestCheckpoint : named;
  const { loaded, skipped, missing } = await loadRunCheckpoint(path, parameters, false);
  report({ event: "log", level: "info", message: `${loaded.length} tensors loaded from ${path}.` });
  for (const { name, reason } of skipped)
    report({ event: "log", level: "warning", message: `${name} was skipped: ${reason}.` });
  if (missing.length > 0) {
    const message = `${missing.length} weights are not in the checkpoint and start afresh: ${missing.slice(0, 5).join(", ")}…`;
    report({ event: "log", level: "warning", message });
  }
}

/** Opens and checks all images of a run; every fault of any of them is told at once. */
async function prepareImages({ config, report }: RunRequest): Promise<RunImages> {
  const ndim = ndimOf(config);
  const patch = patchBox(config);
  const channels = config.numbers("DATA.PATCH_SIZE").at(-1) ?? 1;
  const demands = { patch, channels, ndim, reflect: config.flag("DATA.REFLECT_TO_COMPLETE_SHAPE") };
  const problems: Problem[] = [];
  const inspect = async (key: string): Promise<ImageInfo[]> => {
    try {
      const paths = await listImages(config.text(key));
      const found = await inspectImages(paths, demands);
      problems.push(...found.problems);
      return found.infos;
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      problems.push(config.problem(key, error.message));
      return [];
    }
  };
  const normalisation = normalisationSettings(config);
  const budget = freemem() / 4;
  const cache = (infos: readonly ImageInfo[]) => new ImageCache(infos, normalisation, budget);
  const patches = (infos: readonly ImageInfo[], phase: "TRAIN" | "VAL") =>
    PatchSet.of(cache(infos), {
      tiling: tilingSettings(config, phase),
      randomPlaces: phase === "TRAIN" && config.flag("DATA.TRAIN.EXTRACT_RANDOM_PATCH"),
      seed: config.number("SYSTEM.SEED"),
      augmentation: augmentationSteps(config),
    });
  const trainInfos = config.flag("TRAIN.ENABLE") ? await inspect("DATA.TRAIN.PATH") : undefined;
  const fromTrain = config.flag("DATA.VAL.FROM_TRAIN");
  const validationInfos = trainInfos !== undefined && !fromTrain ? await inspect("DATA.VAL.PATH") : undefined;
  const testInfos = config.flag("TEST.ENABLE") ? await inspect("DATA.TEST.PATH") : undefined;
  if (problems.length > 0) throw new InputError(problems);

  let training = trainInfos && patches(trainInfos, "TRAIN");
  let validation = validationInfos && patches(validationInfos, "VAL");
  if (training !== undefined && fromTrain) {
    if (training.count < 2) {
      const message =
        "the images hold a single patch, which leaves none for validation. Add images or make DATA.PATCH_SIZE smaller.";
      throw new InputError([config.problem("DATA.VAL.SPLIT_TRAIN", message)]);
    }
    [training, validation] = training.split(config.number("DATA.VAL.SPLIT_TRAIN"));
  }
  if (training !== undefined) {
    const message = `${training.count} training patches, ${validation?.count ?? 0} for validation.`;
    report({ event: "log", level: "info", message });
  }
  return { training, validation, test: testInfos && cache(testInfos) };
}

const imageName = (path: string) => basename(path, extname(path));

class MaskingRun {
  private readonly seed: number;
  private readonly tensorboard: TensorboardWriter;
  private preview: Executable | undefined;

  constructor(
    private readonly request: RunRequest,
    private readonly images: RunImages,
    private readonly programs: MaskingPrograms,
    private readonly parameters: Parameters,
  ) {
    this.seed = request.config.number("SYSTEM.SEED");
    this.tensorboard = new TensorboardWriter(request.tree.tensorboard);
  }

  async train(): Promise<"finished" | "stopped"> {
    const { config, tree, runtime, report, signal, resume } = this.request;
    const { training: patches, validation: validationPatches } = this.images;
    if (patches === undefined) throw new Error("There is nothing to train on.");
    const training = new MaskedBatches(patches, this.programs, this.seed, true);
    const validation =
      validationPatches && new MaskedBatches(validationPatches, this.programs, this.seed, false);
    const optimiser = new Optimiser(optimiserSettings(config), this.parameters);
    const learningRate = Number(config.first("TRAIN.LR"));
    const epochs = config.number("TRAIN.EPOCHS");
    const clipNorm = config.number("TRAIN.GRADIENT_CLIP_NORM");
    const step = runtime.compile(this.programs.training(), this.parameters, {
      gradients: true,
      gradientSquares: clipNorm > 0,
    });
    const evaluation =
      validation && runtime.compile(this.programs.evaluation(), this.parameters, { gradients: false });
    const log = trainLogPath(tree);
    const trainer = new Trainer(
      {
        step,
        evaluation,
        training,
        validation,
        optimiser,
        schedule: new Schedule(scheduleSettings(config), learningRate, epochs, training.stepsPerEpoch),
        report,
        save: async (kind, state) => {
          const path = kind === "best" ? tree.bestCheckpoint : tree.lastCheckpoint;
          await this.save(path, kind === "best" ? "best" : state.epoch, state, optimiser, learningRate);
          report({ event: "checkpoint", path, kind, epoch: state.epoch });
        },
        epochEnded: async (result) => {
          await this.record(result, log);
          await this.checkReconstruction(result);
        },
      },
      {
        epochs,
        patience: config.number("TRAIN.PATIENCE"),
        seed: this.seed,
        clipNorm,
      },
    );
    if (resume) await this.restore(trainer, log);
    report({
      event: "start",
      name: tree.name,
      runId: tree.runId,
      pid: process.pid,
      jobDirectory: tree.jobDirectory,
      runDirectory: tree.runDirectory,
      configFile: config.document.file,
      engine: "embedded",
      device: runtime.device,
      architecture: "mae",
      parameters: this.parameters.count,
      epochs,
      stepsPerEpoch: training.stepsPerEpoch,
      firstEpoch: trainer.state.epoch + 1,
    });
    const status = await trainer.run(signal);
    step.release();
    evaluation?.release();
    if (status === "finished") {
      await rm(tree.lastCheckpoint, { force: true });
      await loadRunCheckpoint(tree.bestCheckpoint, this.parameters, false);
    }
    return status;
  }

  private async restore(trainer: Trainer, log: string): Promise<void> {
    const { tree, report } = this.request;
    const { state } = await loadRunCheckpoint(tree.lastCheckpoint, this.parameters, true);
    if (state === undefined) {
      const message = `${tree.lastCheckpoint} does not say where training stopped: it is not of this engine.`;
      throw new InputError([{ severity: "error", file: tree.lastCheckpoint, message }]);
    }
    trainer.restore(state);
    await truncateTrainLog(log, state.epoch);
    report({
      event: "log",
      level: "info",
      message: `Going on after epoch ${state.epoch}, step ${state.step}.`,
    });
  }

  private async save(
    path: string,
    epoch: number | "best",
    state: TrainerState,
    optimiser: Optimiser,
    learningRate: number,
  ): Promise<void> {
    const { config, tree, normalisePixels } = this.request;
    await mkdir(tree.checkpoints, { recursive: true });
    const buildArguments = maeBuildArguments(config, maeSettings(config, normalisePixels));
    await saveRunCheckpoint(path, {
      parameters: this.parameters,
      optimiser,
      learningRate,
      buildArguments,
      config,
      epoch,
      state,
    });
  }

  /** Keeps an epoch's numbers: log, TensorBoard, and charts every LOG.CHART_CREATION_FREQ epochs and after the last. */
  private async record(result: EpochResult, log: string): Promise<void> {
    const { config } = this.request;
    await appendTrainLog(log, result);
    const named = (prefix: string, metrics: Metrics = {}) =>
      Object.fromEntries(Object.entries(metrics).map(([name, value]) => [`${prefix}_${name}`, value]));
    const scalars = {
      ...named("train", result.train),
      ...named("val", result.validation),
      lr: result.learningRate,
    };
    await this.tensorboard.scalars(scalars, result.epoch);
    const due = result.epoch % config.number("LOG.CHART_CREATION_FREQ") === 0;
    if (due || result.epoch === config.number("TRAIN.EPOCHS")) await this.drawCharts(log);
  }

  private async drawCharts(log: string): Promise<void> {
    // Loaded here: charts take a third of a second to load, which the first training step need not wait for.
    const { writeCharts } = await import("../results/charts.ts");
    await writeCharts(this.request.tree, await readTrainLog(log));
  }

  /** Writes how the first validation image (or training image) is reconstructed after an epoch. */
  private async checkReconstruction({ epoch }: EpochResult): Promise<void> {
    const images = (this.images.validation ?? this.images.training)?.images;
    if (images === undefined) return;
    const { files } = await this.reconstruct(images, 0);
    const image = basename(images.infos[0].path);
    this.request.report({ event: "image", kind: "mae-check", image, files, epoch });
  }

  /** Reconstructs every test image and writes it, with the metrics of what was hidden. */
  async test(images: ImageCache): Promise<void> {
    const { report } = this.request;
    const all: Metrics[] = [];
    for (let index = 0; index < images.infos.length; index++) {
      const { files, metrics } = await this.reconstruct(images, index);
      const image = basename(images.infos[index].path);
      report({ event: "image", kind: "prediction", image, files });
      report({ event: "test", image, metrics });
      report({ event: "progress", label: "Testing", done: index + 1, total: images.infos.length });
      all.push(metrics);
    }
    const names = Object.keys(all[0] ?? {});
    const mean = (name: string) => all.reduce((sum, metrics) => sum + metrics[name], 0) / all.length;
    report({ event: "test", metrics: Object.fromEntries(names.map((name) => [name, mean(name)])) });
  }

  /** Masks and reconstructs one image patch by patch, and writes the four pictures of it. */
  private async reconstruct(
    images: ImageCache,
    index: number,
  ): Promise<{ files: ImageFiles; metrics: Metrics }> {
    const { config, runtime, tree } = this.request;
    this.preview ??= runtime.compile(this.programs.reconstruction(), this.parameters, { gradients: false });
    const info = images.infos[index];
    const { values, channels } = await images.load(index);
    const tiling = tilingSettings(config, "TEST");
    const places = tilePatches(info.shape, tiling);
    const reconstruction = new Blender(info.shape, tiling);
    const hidden = new Blender(info.shape, tiling);
    const size = this.programs.batchSize;
    for (let first = 0; first < places.length; first += size) {
      const starts = places.slice(first, first + size);
      const patches = starts.map((start) => cutPatch(values, info.shape, start, tiling.patch));
      const random = new Random(this.seed).fork(3, first);
      const batch = this.programs.batch(patches, (sample) => random.fork(sample));
      for (const [name, data] of Object.entries(batch.inputs)) this.preview.inputs[name].set(data);
      await this.preview.run(0);
      const length = patches[0].length;
      starts.forEach((start, sample) => {
        const part = (name: string) =>
          this.preview?.outputs[name].subarray(sample * length, (sample + 1) * length);
        reconstruction.add(start, part("reconstruction") ?? new Float32Array(length));
        hidden.add(start, part("hidden") ?? new Float32Array(length));
      });
    }
    const rebuilt = reconstruction.result();
    const mask = hidden.result().map((share) => (share >= 0.5 ? 1 : 0));
    const least = values.reduce((low, value) => Math.min(low, value), Infinity);
    const pictures = {
      original: values,
      masked: values.map((value, at) => (mask[at] === 1 ? least : value)),
      reconstruction: rebuilt,
      reconstructionAndVisible: values.map((value, at) => (mask[at] === 1 ? rebuilt[at] : value)),
    };
    await mkdir(tree.maeChecks, { recursive: true });
    await mkdir(tree.perImage, { recursive: true });
    const name = imageName(info.path);
    const write = async (picture: Float32Array, path: string) => {
      const data = denormalise(
        picture,
        channels,
        info.sampleType,
        sampleArray(info.sampleType, picture.length),
      );
      await writeTiff(path, { shape: info.shape as ImageShape, sampleType: info.sampleType, data });
      return path;
    };
    const check = (suffix: string) => join(tree.maeChecks, `${name}_${suffix}.tif`);
    const files = {
      original: await write(pictures.original, check("original")),
      masked: await write(pictures.masked, check("masked")),
      reconstruction: await write(pictures.reconstruction, check("reconstruction")),
      reconstructionAndVisible: await write(
        pictures.reconstructionAndVisible,
        check("reconstruction_and_visible"),
      ),
      prediction: await write(pictures.reconstructionAndVisible, join(tree.perImage, `${name}.tif`)),
    };
    return { files, metrics: hiddenErrors(values, rebuilt, mask) };
  }
}

/** Errors over the hidden pixels, in normalised values; PSNR against the range of the image. */
function hiddenErrors(values: Float32Array, rebuilt: Float32Array, mask: Float32Array): Metrics {
  let [squares, absolute, count, least, largest] = [0, 0, 0, Infinity, -Infinity];
  values.forEach((value, at) => {
    least = Math.min(least, value);
    largest = Math.max(largest, value);
    if (mask[at] === 0) return;
    squares += (value - rebuilt[at]) ** 2;
    absolute += Math.abs(value - rebuilt[at]);
    count++;
  });
  const mse = squares / count;
  return { mse, mae: absolute / count, psnr: 10 * Math.log10((largest - least) ** 2 / mse) };
}

/** As many threads as this process may use at once. */
export function threadCount(config: Config): number {
  const asked = config.number("SYSTEM.NUM_CPUS");
  return asked > 0 ? Math.min(asked, availableParallelism()) : availableParallelism();
}
