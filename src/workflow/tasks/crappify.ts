/** The crappify pretext task: a network learns to restore images that were made worse (Franco-Barranco et al. 2022). */
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { architectureOf, ndimOf } from "../../config/basics.ts";
import type { Config } from "../../config/config.ts";
import type { Sample } from "../../data/augmentation/sample.ts";
import type { NormalisedImage } from "../../data/image-set.ts";
import { denormalise, normalise } from "../../data/normalisation.ts";
import type { ImagePairs } from "../../data/patches.ts";
import { ErrorSums, similarity } from "../../data/similarity.ts";
import { type Box, common, type TilingSettings, valuesIn } from "../../data/tiling.ts";
import type { ResultTree } from "../../facts/result-tree.ts";
import type { ImageFiles, Metrics } from "../../facts/run-events.ts";
import { readImage } from "../../images/files.ts";
import { type ImageShape, type Region, sampleArray, shapeOf, wholeRegion } from "../../images/image.ts";
import { type BuildArguments, type ImageModel, imageModel } from "../../models/architectures.ts";
import type { Runtime } from "../../runtime/executable.ts";
import type { Parameters } from "../../runtime/parameters.ts";
import type { Program, Tensors } from "../../runtime/program.ts";
import type { Scope } from "../../runtime/scope.ts";
import { combinedLoss, measured } from "../../training/metrics.ts";
import type { Batch } from "../../training/trainer.ts";
import { chunkedPath, predictByChunks } from "../by-chunks.ts";
import { buildArguments } from "../model-settings.ts";
import { compiledModel, type PatchModel, type PredictedPart, predictImage, type Watch } from "../predict.ts";
import { lossTerms, metricNames, tilingSettings } from "../settings.ts";
import { type ChunkSettings, chunkSettings, evaluatedRegion, middleOf, testModel } from "../test-settings.ts";
import { imageName, writeImage } from "../write-image.ts";
import type { ImageViewer, PretextTask, ViewedImage } from "./task.ts";

/** The task for the network that a configuration describes. */
export function restorationTask(config: Config, tree: ResultTree): RestorationTask {
  const build = buildArguments(config);
  return new RestorationTask(config, tree, imageModel(architectureOf(config), build), build);
}

class RestorationTask implements PretextTask {
  readonly architecture: string;
  readonly batchSize: number;
  private readonly shape: readonly number[];

  constructor(
    private readonly config: Config,
    private readonly tree: ResultTree,
    private readonly model: ImageModel,
    readonly buildArguments: BuildArguments,
  ) {
    this.architecture = architectureOf(config);
    this.batchSize = config.number("TRAIN.BATCH_SIZE");
    this.shape = [this.batchSize, ...config.numbers("DATA.PATCH_SIZE").slice(0, ndimOf(config) + 1)];
  }

  get inputs(): Program["inputs"] {
    const images = { shape: this.shape, type: "float32" } as const;
    return { images, targets: images };
  }

  compare(scope: Scope, { images, targets }: Tensors): Tensors {
    const prediction = this.model(scope, images);
    const loss = combinedLoss(lossTerms(this.config), prediction, targets);
    return { loss, ...measured(metricNames(this.config, "TRAIN"), prediction, targets) };
  }

  /** @param shape `[batch, (z,) y, x, channel]` */
  private prediction(shape: readonly number[]): Program {
    return {
      training: false,
      inputs: { images: { shape, type: "float32" } },
      forward: (scope, { images }) => ({ prediction: this.model(scope, images) }),
    };
  }

  batch(samples: readonly Sample[]): Batch {
    const { batchSize } = this;
    const images = inOneBatch(
      samples.map(({ image }) => image),
      batchSize,
    );
    const targets = inOneBatch(
      samples.map(({ image, target = image }) => target),
      batchSize,
    );
    return { inputs: { images, targets }, count: samples.length };
  }

  viewer(runtime: Runtime, parameters: Parameters): ImageViewer {
    const compiled = new Map<string, { model: PatchModel; release(): void }>();
    /** The network for patches of this size: in a full image, that of the image. */
    const modelFor = (patch: Box, batchSize: number): PatchModel => {
      const shape = [
        batchSize,
        ...(ndimOf(this.config) === 3 ? patch : patch.slice(1)),
        this.shape.at(-1) ?? 1,
      ];
      const known = compiled.get(String(shape));
      if (known !== undefined) return known.model;
      const executable = runtime.compile(this.prediction(shape), parameters, { gradients: false });
      const model = compiledModel(executable, batchSize, ({ images }, patches) =>
        images.set(inOneBatch(patches, batchSize)),
      );
      for (const { release } of compiled.values()) release();
      compiled.clear();
      compiled.set(String(shape), { model, release: () => executable.release() });
      return model;
    };
    return {
      check: (pairs, index) => this.check(modelFor, pairs, index),
      test: (pairs, index, watch) => this.test(modelFor, pairs, index, watch),
      release: () => {
        for (const { release } of compiled.values()) release();
      },
    };
  }

  private async check(modelFor: ModelFor, pairs: ImagePairs, index: number): Promise<ViewedImage> {
    const image = await pairs.images.image(index);
    const region = middleOf(image.info.shape);
    const tiling = tilingSettings(this.config, "TEST");
    const model = modelFor(tiling.patch, this.batchSize);
    const { prediction } = await predictImage(model, image, { tiling, region });
    return { files: filesOf(pairs, index, await this.write(image, prediction, region)), metrics: {} };
  }

  /** Restores one image and writes it; it is measured in the range and steps of its pixel type, as BiaPy does. */
  private async test(
    modelFor: ModelFor,
    pairs: ImagePairs,
    index: number,
    watch: Watch,
  ): Promise<ViewedImage> {
    const { config } = this;
    const image = await pairs.images.image(index);
    const target = await pairs.targets?.image(index);
    const full = config.flag("TEST.FULL_IMG") && ndimOf(config) === 2;
    const tiling = full ? fullImage(config, image.info.shape) : tilingSettings(config, "TEST");
    const model = () => testModel(config, modelFor(tiling.patch, full ? 1 : this.batchSize), tiling.patch);
    const given = { image, target, box: evaluatedRegion(config, image.info), tiling, model, watch };
    const chunks = chunkSettings(config);
    const { path, metrics } =
      chunks === undefined ? await this.restore(given) : await this.restoreByChunks(given, chunks);
    const names = metricNames(config, "TEST");
    const chosen = Object.entries(metrics).filter(([name]) => names.includes(name));
    return { files: filesOf(pairs, index, path), metrics: Object.fromEntries(chosen) };
  }

  private async restore({ image, target, box, tiling, model, watch }: TestImage): Promise<Restored> {
    const { info } = image;
    const prediction =
      (await this.existing(image)) ?? (await predictImage(model(), image, { tiling, watch })).prediction;
    const written = this.config.flag("TEST.SAVE_MODEL_RAW_OUTPUT");
    const path = written ? await this.write(image, prediction) : undefined;
    if (target === undefined) return { path, metrics: {} };
    const restored = inOwnRange(valuesIn(prediction, wholeRegion(info.shape), box), image);
    const original = inOwnRange(await target.values(box), image);
    return { path, metrics: similarity(restored, original, shapeOf(box, info.shape[3])) };
  }

  private async restoreByChunks(
    { image, target, box, tiling, model, watch }: TestImage,
    settings: ChunkSettings,
  ): Promise<Restored> {
    const path = chunkedPath(this.tree.perImage, image.info.path, settings);
    if (this.config.flag("TEST.REUSE_PREDICTIONS") && existsSync(path)) return { path, metrics: {} };
    const errors = new ErrorSums();
    const keep = async ({ region, values: { prediction } }: PredictedPart) => {
      const evaluated = common(region, box);
      if (target !== undefined && evaluated !== undefined)
        errors.add(
          inOwnRange(valuesIn(prediction, region, evaluated), image),
          inOwnRange(await target.values(evaluated), image),
        );
      return prediction;
    };
    await predictByChunks(path, { model: model(), image, tiling, settings, watch, keep });
    return { path, metrics: target === undefined ? {} : errors.metrics };
  }

  private pathOf = ({ info }: NormalisedImage) => join(this.tree.perImage, `${imageName(info.path)}.tif`);

  private async write(image: NormalisedImage, prediction: Float32Array, region?: Region): Promise<string> {
    await mkdir(this.tree.perImage, { recursive: true });
    return writeImage(this.pathOf(image), prediction, image, region);
  }

  /** TEST.REUSE_PREDICTIONS: the prediction of an earlier run, where it is there and of the image's shape. */
  private async existing(image: NormalisedImage): Promise<Float32Array | undefined> {
    const path = this.pathOf(image);
    if (!this.config.flag("TEST.REUSE_PREDICTIONS") || !existsSync(path)) return undefined;
    const stored = await readImage(path);
    return String(stored.shape) === String(image.info.shape) ? normalise(stored, image.channels) : undefined;
  }
}

/** A test image, and how it is restored. */
interface TestImage {
  readonly image: NormalisedImage;
  /** What it should become, where that is known. */
  readonly target: NormalisedImage | undefined;
  /** The part that metrics are of. */
  readonly box: Region;
  readonly tiling: TilingSettings;
  /** Compiled when it is asked for: a prediction that is there already needs none. */
  readonly model: () => PatchModel;
  readonly watch: Watch;
}

/** Where a restored image was written, where it was, and its metrics. */
interface Restored {
  readonly path: string | undefined;
  readonly metrics: Metrics;
}

/** What there is to see of an image. */
function filesOf({ images, targets }: ImagePairs, index: number, prediction?: string): ImageFiles {
  const masked = images.infos[index].path;
  if (targets === undefined) return { masked, prediction };
  return { original: targets.infos[index].path, masked, reconstruction: prediction, prediction };
}

/** Normalised values in an image's own range and pixel type. */
function inOwnRange(values: Float32Array, { info: { sampleType }, channels }: NormalisedImage): Float32Array {
  return Float32Array.from(denormalise(values, channels, sampleType, sampleArray(sampleType, values.length)));
}

type ModelFor = (patch: Box, batchSize: number) => PatchModel;

/** Patches as one array of `[batch, …]`; a batch that is not full repeats its last patch. */
function inOneBatch(patches: readonly Float32Array[], batchSize: number): Float32Array {
  const size = patches[0].length;
  const images = new Float32Array(batchSize * size);
  for (let place = 0; place < batchSize; place++)
    images.set(patches[Math.min(place, patches.length - 1)], place * size);
  return images;
}

/** TEST.FULL_IMG: one patch, which is the image, completed by reflection to what a network can halve as often as it does. */
function fullImage(config: Config, [, height, width]: ImageShape): TilingSettings {
  const multiple = 2 ** config.numbers("MODEL.FEATURE_MAPS").length;
  const complete = (size: number) => Math.ceil(size / multiple) * multiple;
  return { patch: [1, complete(height), complete(width)], overlap: [0, 0, 0], padding: [0, 0, 0] };
}
