/** The masking pretext task: a masked autoencoder learns to fill in hidden tokens. */

import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../../config/config.ts";
import type { Sample } from "../../data/augmentation/sample.ts";
import type { NormalisedImage } from "../../data/image-set.ts";
import { normalise } from "../../data/normalisation.ts";
import { AS_IT_IS, type Orientation } from "../../data/orientation.ts";
import { Random } from "../../data/random.ts";
import { ErrorSums, similarity } from "../../data/similarity.ts";
import { common, valuesIn } from "../../data/tiling.ts";
import {
  hiddenPixels,
  type TokenMask,
  type TokenMaskSettings,
  tokenMask,
  turnedMask,
  visibleTokens,
} from "../../data/token-mask.ts";
import type { ResultTree } from "../../facts/result-tree.ts";
import type { ImageFiles } from "../../facts/run-events.ts";
import { readImage } from "../../images/files.ts";
import { type Region, shapeOf, wholeRegion } from "../../images/image.ts";
import type { BuildArguments } from "../../models/architectures.ts";
import { type MaeSettings, maeLoss, maePrediction, maeTarget } from "../../models/mae.ts";
import { unpatchify } from "../../models/tokens.ts";
import type { InputData, Runtime } from "../../runtime/executable.ts";
import type { Parameters } from "../../runtime/parameters.ts";
import type { Program, Tensors } from "../../runtime/program.ts";
import type { Scope } from "../../runtime/scope.ts";
import { measured } from "../../training/metrics.ts";
import type { Batch } from "../../training/trainer.ts";
import { chunkedPath, predictByChunks } from "../by-chunks.ts";
import { compiledModel, type PatchModel, predictImage, together, type Watch } from "../predict.ts";
import { metricNames, tilingSettings } from "../settings.ts";
import { type ChunkSettings, chunkSettings, evaluatedRegion, middleOf, testModel } from "../test-settings.ts";
import { imageName, writeImage } from "../write-image.ts";
import { maeBuildArguments, maeSettings, maskSettings } from "./mae-settings.ts";
import type { ImageViewer, PretextTask, ViewedImage } from "./task.ts";

export class MaskingTask implements PretextTask {
  readonly architecture = "mae";
  readonly batchSize: number;
  readonly buildArguments: BuildArguments;
  readonly inputs: Program["inputs"];
  private readonly settings: MaeSettings;
  private readonly masking: TokenMaskSettings;

  constructor(
    private readonly config: Config,
    private readonly tree: ResultTree,
    normalisePixels: boolean,
  ) {
    this.settings = maeSettings(config, normalisePixels);
    this.masking = maskSettings(config, this.settings);
    this.batchSize = config.number("TRAIN.BATCH_SIZE");
    this.buildArguments = maeBuildArguments(config, this.settings);
    const { patchSize, channels } = this.settings;
    this.inputs = {
      images: { shape: [this.batchSize, ...patchSize, channels], type: "float32" },
      keep: { shape: [this.batchSize, visibleTokens(this.masking)], type: "int32" },
      restore: { shape: [this.batchSize, this.tokens], type: "int32" },
      mask: { shape: [this.batchSize, this.tokens], type: "float32" },
    };
  }

  private get tokens(): number {
    return this.masking.grid.reduce((product, each) => product * each, 1);
  }

  /** Loss over the hidden tokens, metrics over all of them, `[batch]` each. */
  compare(scope: Scope, { images, keep, restore, mask }: Tensors): Tensors {
    const prediction = maePrediction(scope, this.settings, images, { keep, restore, mask });
    const target = maeTarget(this.settings, images);
    const loss = maeLoss(prediction, target, mask);
    return {
      loss,
      ...measured(metricNames(this.config, "TRAIN"), this.asImages(prediction), this.asImages(target)),
    };
  }

  private asImages(tokens: Tensors[string]): Tensors[string] {
    return unpatchify(tokens, this.masking.grid, this.settings.tokenSize);
  }

  /** Reconstructed patches `[batch, (z,) y, x, channel]`. A model of normalised pixels gets each token's own mean and deviation back. */
  private reconstruction(): Program {
    return {
      training: false,
      inputs: this.inputs,
      forward: (scope, { images, keep, restore, mask }) => {
        const raw = maeTarget({ ...this.settings, normalisePixels: false }, images);
        let prediction = maePrediction(scope, this.settings, images, { keep, restore, mask });
        if (this.settings.normalisePixels) {
          const mean = raw.mean(-1, true);
          const variance = raw.sub(mean).square().mean(-1, true);
          prediction = prediction.mul(variance.add(1e-6).sqrt()).add(mean);
        }
        return { reconstruction: this.asImages(prediction) };
      },
    };
  }

  batch(samples: readonly Sample[], random: (sample: number) => Random): Batch {
    const masks = samples.map((_, sample) => tokenMask(this.masking, random(sample)));
    const patches = samples.map(({ image }) => image);
    const inputs = {
      images: new Float32Array(this.batchSize * patches[0].length),
      keep: new Int32Array(this.batchSize * visibleTokens(this.masking)),
      restore: new Int32Array(this.batchSize * this.tokens),
      mask: new Float32Array(this.batchSize * this.tokens),
    };
    this.fill(inputs, patches, masks);
    return { inputs, count: samples.length };
  }

  /** Fills the programs' inputs; a batch that is not full repeats its last patch. */
  private fill(
    { images, keep, restore, mask }: Readonly<Record<string, InputData>>,
    patches: readonly Float32Array[],
    masks: readonly TokenMask[],
  ): void {
    for (let place = 0; place < this.batchSize; place++) {
      const last = Math.min(place, patches.length - 1);
      const drawn = masks[last];
      images.set(patches[last], place * patches[last].length);
      keep.set(drawn.keep, place * drawn.keep.length);
      restore.set(drawn.restore, place * this.tokens);
      mask.set(drawn.mask, place * this.tokens);
    }
  }

  /** The mask of a patch of a test image: always the same one, in whatever part or orientation it is predicted. */
  private maskOfTile(tile: number, orientation: Orientation): TokenMask {
    const random = new Random(this.config.number("SYSTEM.SEED")).fork(3, tile);
    return turnedMask(tokenMask(this.masking, random), this.masking.grid, orientation);
  }

  /** Tells which pixels of an image are hidden, without a model. */
  private get hiding(): PatchModel {
    const { tokenSize, channels } = this.settings;
    return {
      batchSize: this.batchSize,
      outputs: ["hidden"],
      run: async (_, tiles, orientation = AS_IT_IS) => ({
        hidden: tiles.map((tile) =>
          hiddenPixels(this.maskOfTile(tile, orientation), this.masking.grid, tokenSize, channels),
        ),
      }),
    };
  }

  viewer(runtime: Runtime, parameters: Parameters): ImageViewer {
    const executable = runtime.compile(this.reconstruction(), parameters, { gradients: false });
    const rebuilding = compiledModel(executable, this.batchSize, (inputs, patches, tiles, orientation) =>
      this.fill(
        inputs,
        patches,
        tiles.map((tile) => this.maskOfTile(tile, orientation)),
      ),
    );
    const model = together(rebuilding, this.hiding);
    return {
      check: async ({ images }, index) => {
        const image = await images.image(index);
        return {
          files: await this.writeChecks(image, await this.rebuild(model, image, middleOf(image.info.shape))),
          metrics: {},
        };
      },
      test: async ({ images }, index, watch) => {
        const image = await images.image(index);
        const chunks = chunkSettings(this.config);
        const tested = testModel(this.config, model);
        return chunks === undefined
          ? this.test(tested, image, watch)
          : this.testByChunks(tested, image, watch, chunks);
      },
      release: () => executable.release(),
    };
  }

  /** Masks and reconstructs a part of an image. */
  private async rebuild(
    model: PatchModel,
    image: NormalisedImage,
    region: Region,
    watch?: Watch,
  ): Promise<Rebuilt> {
    const tiling = tilingSettings(this.config, "TEST");
    const { reconstruction, hidden } = await predictImage(model, image, { tiling, region, watch });
    return { region, original: await image.values(region), reconstruction, hidden };
  }

  private checkPath = (image: NormalisedImage, suffix: string) =>
    join(this.tree.maeChecks, `${imageName(image.info.path)}_${suffix}.tif`);

  /** Writes the four pictures of a reconstruction. */
  private async writeChecks(image: NormalisedImage, rebuilt: Rebuilt): Promise<ImageFiles> {
    const { region, original, reconstruction, hidden } = rebuilt;
    const least = original.reduce((low, value) => Math.min(low, value), Infinity);
    await mkdir(this.tree.maeChecks, { recursive: true });
    const write = (suffix: string, values: Float32Array) =>
      writeImage(this.checkPath(image, suffix), values, image, region);
    return {
      original: await write("original", original),
      masked: await write(
        "masked",
        original.map((value, at) => (isHidden(hidden[at]) ? least : value)),
      ),
      reconstruction: await write("reconstruction", reconstruction),
      reconstructionAndVisible: await write("reconstruction_and_visible", completed(rebuilt)),
    };
  }

  private async test(model: PatchModel, image: NormalisedImage, watch: Watch): Promise<ViewedImage> {
    const { config, tree } = this;
    const { info } = image;
    const whole = wholeRegion(info.shape);
    const reused = await this.existing(image, whole, watch);
    const rebuilt = reused ?? (await this.rebuild(model, image, whole, watch));
    const filled = completed(rebuilt);
    let files = await this.writeChecks(image, rebuilt);
    if (config.flag("TEST.SAVE_MODEL_RAW_OUTPUT")) {
      await mkdir(tree.perImage, { recursive: true });
      const path = join(tree.perImage, `${imageName(info.path)}.tif`);
      files = { ...files, prediction: await writeImage(path, filled, image) };
    }
    const box = evaluatedRegion(config, info);
    const evaluated = (values: Float32Array) => valuesIn(values, whole, box);
    const [original, hidden] = [evaluated(rebuilt.original), evaluated(rebuilt.hidden)];
    const errors = new ErrorSums();
    errors.add(evaluated(rebuilt.reconstruction), original, (at) => isHidden(hidden[at]));
    const { ssim } = similarity(evaluated(filled), original, shapeOf(box, info.shape[3]));
    return { files, metrics: { ...errors.metrics, ssim } };
  }

  /** TEST.REUSE_PREDICTIONS: the reconstruction of an earlier run, where it is there and of the image's shape. */
  private async existing(image: NormalisedImage, region: Region, watch: Watch): Promise<Rebuilt | undefined> {
    const path = this.checkPath(image, "reconstruction");
    if (!this.config.flag("TEST.REUSE_PREDICTIONS") || !existsSync(path)) return undefined;
    const stored = await readImage(path);
    if (String(stored.shape) !== String(image.info.shape)) return undefined;
    const tiling = tilingSettings(this.config, "TEST");
    const { hidden } = await predictImage(this.hiding, image, { tiling, region, watch });
    const reconstruction = normalise(stored, image.channels);
    return { region, original: await image.values(region), reconstruction, hidden };
  }

  /** Writes the image with its hidden pixels filled in, chunk by chunk, and pictures of its middle. */
  private async testByChunks(
    model: PatchModel,
    image: NormalisedImage,
    watch: Watch,
    settings: ChunkSettings,
  ): Promise<ViewedImage> {
    const prediction = chunkedPath(this.tree.perImage, image.info.path, settings);
    const errors = new ErrorSums();
    const box = evaluatedRegion(this.config, image.info);
    const reused = this.config.flag("TEST.REUSE_PREDICTIONS") && existsSync(prediction);
    if (!reused)
      await predictByChunks(prediction, {
        model,
        image,
        settings,
        watch,
        tiling: tilingSettings(this.config, "TEST"),
        keep: async ({ region, values: { reconstruction, hidden } }) => {
          const original = await image.values(region);
          const evaluated = common(region, box);
          if (evaluated !== undefined) {
            const within = (values: Float32Array) => valuesIn(values, region, evaluated);
            const counted = within(hidden);
            errors.add(within(reconstruction), within(original), (at) => isHidden(counted[at]));
          }
          return completed({ region, original, reconstruction, hidden });
        },
      });
    const shown = await this.rebuild(model, image, middleOf(image.info.shape), watch);
    const files = { ...(await this.writeChecks(image, shown)), prediction };
    return { files, metrics: reused ? {} : errors.metrics };
  }
}

/** A part of an image with what was hidden of it and what came out, normalised values `[z, y, x, channel]`. */
interface Rebuilt {
  readonly region: Region;
  readonly original: Float32Array;
  readonly reconstruction: Float32Array;
  readonly hidden: Float32Array;
}

/** Where overlapping patches hide different pixels, a pixel counts as hidden when most of what is merged there was. */
const isHidden = (share: number) => share >= 0.5;

/** The reconstruction where pixels were hidden, and the others as they are. */
function completed({ original, reconstruction, hidden }: Rebuilt): Float32Array {
  const filled = new Float32Array(original.length);
  for (let at = 0; at < filled.length; at++)
    filled[at] = isHidden(hidden[at]) ? reconstruction[at] : original[at];
  return filled;
}
