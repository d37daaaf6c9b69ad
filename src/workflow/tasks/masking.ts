/** The masking pretext task: a masked autoencoder learns to fill in hidden tokens (He et al. 2022). */

import { join } from "node:path";
import type { Config } from "../../config/config.ts";
import type { Sample } from "../../data/augmentation/sample.ts";
import type { NormalizedImage } from "../../data/image-set.ts";
import { normalize } from "../../data/normalization.ts";
import { AS_IT_IS, type Orientation } from "../../data/orientation.ts";
import { Random } from "../../data/random.ts";
import { ErrorSums, similarity } from "../../data/similarity.ts";
import {
  hiddenPixels,
  type TokenMask,
  type TokenMaskSettings,
  tokenMask,
  turnedMask,
  visibleTokens,
} from "../../data/token-mask.ts";
import { entriesOf, entryOf, at as itemAt, product } from "../../facts/checked-lists.ts";
import type { ResultTree } from "../../facts/result-tree.ts";
import type { ImageFiles, Metrics } from "../../facts/run-events.ts";
import { shapeOf } from "../../images/image.ts";
import {
  denormalizedTokens,
  type MaeSettings,
  maeFeatures,
  maeLoss,
  maePrediction,
  maeTarget,
} from "../../models/mae.ts";
import { unpatchify } from "../../models/tokens.ts";
import type { InputData } from "../../runtime/executable.ts";
import type { Program, Tensors } from "../../runtime/program.ts";
import type { Scope } from "../../runtime/scope.ts";
import { measured } from "../../training/metrics.ts";
import type { Batch } from "../../training/trainer.ts";
import { type PatchModel, type PredictedPart, predictImage, type Watch } from "../predict.ts";
import { resultName } from "../result-names.ts";
import { chosenMetrics, metricNames, tilingSettings } from "../settings.ts";
import { predictionInOwnRange, writeImage } from "../write-image.ts";
import { inOneBatch } from "./batch-arrays.ts";
import { maeBuildArguments, maeSettings, maskSettings } from "./mae-settings.ts";
import { storedPrediction } from "./stored-prediction.ts";
import type {
  Measurement,
  PatchBatch,
  ResultFile,
  Task,
  TestingTask,
  TestPart,
  TrainingTask,
} from "./task.ts";

/** Sets up the task for a configuration's masked autoencoder. */
export function maskingTask(config: Config, tree: ResultTree, normalizePixels: boolean): Task {
  const settings = maeSettings(config, normalizePixels);
  const masking = new Masking(config, tree, settings);
  return {
    architecture: "mae",
    buildArguments: maeBuildArguments(config, settings),
    batchSize: masking.batchSize,
    sources: async (_, images) => ({ images }),
    training: masking,
    testing: masking,
    features: (shape) => ({
      training: false,
      inputs: { images: { shape, type: "float32" } },
      forward: (scope, inputs) => ({ features: maeFeatures(scope, settings, entryOf(inputs, "images")) }),
    }),
  };
}

class Masking implements TrainingTask, TestingTask {
  readonly batchSize: number;
  readonly inputs: Program["inputs"];
  readonly testPictures: string;
  readonly imageKinds = { preview: "mae-check", test: "prediction" } as const;
  private readonly masks: TokenMaskSettings;
  private readonly tokens: number;

  constructor(
    private readonly config: Config,
    private readonly tree: ResultTree,
    private readonly settings: MaeSettings,
  ) {
    this.masks = maskSettings(config, settings);
    this.tokens = product(this.masks.grid);
    this.batchSize = config.number("TRAIN.BATCH_SIZE");
    this.testPictures = tree.maeChecks;
    this.inputs = this.inputsOf(this.batchSize);
  }

  /** Returns the inputs of the programs for batches of a size. */
  private inputsOf(batchSize: number): Program["inputs"] {
    const { patchSize, channels } = this.settings;
    return {
      images: { shape: [batchSize, ...patchSize, channels], type: "float32" },
      keep: { shape: [batchSize, visibleTokens(this.masks)], type: "int32" },
      restore: { shape: [batchSize, this.tokens], type: "int32" },
      mask: { shape: [batchSize, this.tokens], type: "float32" },
    };
  }

  /** Returns the loss over the hidden tokens and metrics over all tokens, `[batch]` each. */
  compare(scope: Scope, inputs: Tensors): Tensors {
    const { images, keep, restore, mask } = entriesOf(inputs, "images", "keep", "restore", "mask");
    const prediction = maePrediction(scope, this.settings, images, { keep, restore, mask });
    const target = maeTarget(this.settings, images);
    const loss = maeLoss(prediction, target, mask);
    return {
      loss,
      ...measured(metricNames(this.config, "TRAIN"), this.asImages(prediction), this.asImages(target)),
    };
  }

  private asImages(tokens: Tensors[string]): Tensors[string] {
    return unpatchify(tokens, this.masks.grid, this.settings.tokenSize);
  }

  /**
   * Returns the program that predicts reconstructed patches, and patches in which only hidden tokens are reconstructed. For a model of
   * normalized pixels, restores each token's mean and deviation.
   */
  prediction([batchSize = this.batchSize]: readonly number[]): Program {
    return {
      training: false,
      inputs: this.inputsOf(batchSize),
      forward: (scope, inputs) => {
        const { images, keep, restore, mask } = entriesOf(inputs, "images", "keep", "restore", "mask");
        const raw = maeTarget({ ...this.settings, normalizePixels: false }, images);
        let prediction = maePrediction(scope, this.settings, images, { keep, restore, mask });
        if (this.settings.normalizePixels) prediction = denormalizedTokens(prediction, raw);
        const hidden = mask.expandDims(-1);
        const filled = raw.mul(hidden.neg().add(1)).add(prediction.mul(hidden));
        return { reconstruction: this.asImages(prediction), filled: this.asImages(filled) };
      },
    };
  }

  batch(samples: readonly Sample[], random: (sample: number) => Random): Batch {
    const masks = samples.map((_, sample) => tokenMask(this.masks, random(sample)));
    const patches = samples.map(({ image }) => image);
    const inputs = {
      images: new Float32Array(this.batchSize * itemAt(patches, 0).length),
      keep: new Int32Array(this.batchSize * visibleTokens(this.masks)),
      restore: new Int32Array(this.batchSize * this.tokens),
      mask: new Float32Array(this.batchSize * this.tokens),
    };
    this.fill(inputs, patches, masks, this.batchSize);
    return { inputs, count: samples.length };
  }

  feed(
    inputs: Readonly<Record<string, InputData>>,
    { patches, tiles, orientation, batchSize }: PatchBatch,
  ): void {
    const masks = tiles.map((tile) => this.maskOfTile(tile, orientation));
    this.fill(inputs, patches, masks, batchSize);
  }

  /** Fills the programs' inputs. A partial batch repeats its last patch. */
  private fill(
    inputs: Readonly<Record<string, InputData>>,
    patches: readonly Float32Array[],
    masks: readonly TokenMask[],
    batchSize: number,
  ): void {
    const { images, keep, restore, mask } = entriesOf(inputs, "images", "keep", "restore", "mask");
    images.set(inOneBatch(patches, batchSize));
    for (let place = 0; place < batchSize; place++) {
      const drawn = itemAt(masks, Math.min(place, masks.length - 1));
      keep.set(drawn.keep, place * drawn.keep.length);
      restore.set(drawn.restore, place * this.tokens);
      mask.set(drawn.mask, place * this.tokens);
    }
  }

  /** Returns the mask of a patch of a test image: the same in every part and orientation in which it is predicted. */
  private maskOfTile(tile: number, orientation: Orientation): TokenMask {
    const random = new Random(this.config.number("SYSTEM.SEED")).fork(3, tile);
    return turnedMask(tokenMask(this.masks, random), this.masks.grid, orientation);
  }

  /** Only pictures of whole images need the output `filled`. */
  readonly neededByChunks: readonly string[] = ["reconstruction", "hidden"];

  /** Predicts the share of each pixel's patches that hide it. */
  get withoutNetwork(): PatchModel {
    const { tokenSize, channels } = this.settings;
    return {
      batchSize: this.batchSize,
      outputs: ["hidden"],
      run: async (_, tiles, orientation = AS_IT_IS) => ({
        hidden: tiles.map((tile) =>
          hiddenPixels(this.maskOfTile(tile, orientation), this.masks.grid, tokenSize, channels),
        ),
      }),
    };
  }

  resultFiles(image: NormalizedImage): readonly ResultFile[] {
    const { shape, sampleType } = image.info;
    return [
      {
        folder: this.tree.perImage,
        role: "prediction",
        raw: true,
        channels: shape[3],
        sampleType,
        values: ({ values }) => predictionInOwnRange(entryOf(values, "reconstruction"), image),
      },
    ];
  }

  async reuse(image: NormalizedImage, watch: Watch): Promise<PredictedPart["values"] | undefined> {
    const picture = (suffix: string) =>
      storedPrediction(picturePath(this.tree.maeChecks, image, suffix), image.info.shape);
    const [stored, filled] = [await picture("reconstruction"), await picture("reconstruction_and_visible")];
    if (stored === undefined || filled === undefined) return undefined;
    const tiling = tilingSettings(this.config, "TEST");
    const { hidden } = entriesOf(await predictImage(this.withoutNetwork, image, { tiling, watch }), "hidden");
    return {
      reconstruction: normalize(stored, image.channels),
      filled: normalize(filled, image.channels),
      hidden,
    };
  }

  measurement(byChunks: boolean): Measurement {
    return new HiddenErrors(this.config, byChunks);
  }

  /** Writes the original image, the masked one, its reconstruction, and the original with hidden pixels reconstructed. */
  async writePictures(part: TestPart, folder: string): Promise<ImageFiles> {
    const { image, region } = part;
    const { reconstruction, filled, hidden } = entriesOf(part.values, "reconstruction", "filled", "hidden");
    const original = await part.original();
    const least = original.reduce((low, value) => Math.min(low, value), Infinity);
    const write = (suffix: string, values: Float32Array) =>
      writeImage(picturePath(folder, image, suffix), values, image, region);
    return {
      original: await write("original", original),
      masked: await write(
        "masked",
        original.map((value, at) => value + (hidden[at] ?? 0) * (least - value)),
      ),
      reconstruction: await write("reconstruction", reconstruction),
      reconstructionAndVisible: await write("reconstruction_and_visible", filled),
    };
  }

  shown(_source: string, _target: string | undefined, written: ImageFiles): ImageFiles {
    return written;
  }
}

const picturePath = (folder: string, { info }: NormalizedImage, suffix: string) =>
  join(folder, `${resultName(info)}_${suffix}.tif`);

/**
 * Measures errors of hidden pixels in normalized values, and the structural similarity of a whole image with them filled in. Where
 * patches overlap, a pixel is weighted by the share of its patches that hide it.
 */
class HiddenErrors implements Measurement {
  private readonly errors = new ErrorSums();
  private ssim: Metrics = {};

  constructor(
    private readonly config: Config,
    private readonly byChunks: boolean,
  ) {}

  async add(part: TestPart): Promise<void> {
    const { reconstruction, hidden } = entriesOf(part.values, "reconstruction", "hidden");
    const original = await part.original();
    this.errors.add(reconstruction, original, hidden);
    if (this.byChunks) return;
    const shape = shapeOf(part.region, part.image.info.shape[3]);
    const { ssim = Number.NaN } = similarity(entryOf(part.values, "filled"), original, shape);
    this.ssim = { ssim };
  }

  get metrics(): Metrics {
    return chosenMetrics(this.config, "TEST", { ...this.errors.metrics, ...this.ssim });
  }
}
