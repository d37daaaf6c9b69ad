/** The masking pretext task: a masked autoencoder learns to fill in hidden tokens. */

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../config/config.ts";
import type { Sample } from "../data/augmentation/sample.ts";
import type { ImagePairs } from "../data/patches.ts";
import { Random } from "../data/random.ts";
import { similarity } from "../data/similarity.ts";
import { type TokenMaskSettings, tokenMask, visibleTokens } from "../data/token-mask.ts";
import { type MaeSettings, maeLoss, maePrediction, maeTarget } from "../models/mae.ts";
import type { Scope } from "../models/scope.ts";
import { unpatchify } from "../models/tokens.ts";
import type { Metrics } from "../protocol/run-events.ts";
import type { ResultTree } from "../results/result-tree.ts";
import type { Executable, Runtime } from "../runtime/executable.ts";
import type { Parameters } from "../runtime/parameters.ts";
import type { Program, Tensors } from "../runtime/program.ts";
import { measured } from "../training/metrics.ts";
import type { Batch } from "../training/trainer.ts";
import { maeBuildArguments, maeSettings, maskSettings } from "./mae-settings.ts";
import { predictImage } from "./predict.ts";
import type { ImageViewer, PretextTask, ViewedImage } from "./pretext-task.ts";
import { metricNames, tilingSettings } from "./settings.ts";
import { imageName, writeImage } from "./write-image.ts";

export class MaskingTask implements PretextTask {
  readonly architecture = "mae";
  readonly batchSize: number;
  readonly buildArguments: PretextTask["buildArguments"];
  private readonly settings: MaeSettings;
  private readonly masking: TokenMaskSettings;
  private readonly inputs: Program["inputs"];

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

  training(): Program {
    return {
      training: true,
      inputs: this.inputs,
      forward: (scope, inputs) => {
        const values = Object.entries(this.compare(scope, inputs));
        return Object.fromEntries(values.map(([name, value]) => [name, value.mean()]));
      },
    };
  }

  evaluation(): Program {
    return {
      training: false,
      inputs: this.inputs,
      forward: (scope, inputs) => this.compare(scope, inputs),
    };
  }

  /** Loss over the hidden tokens, metrics over all of them, `[batch]` each. */
  private compare(scope: Scope, { images, keep, restore, mask }: Tensors): Tensors {
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

  /**
   * Reconstructed patches `[batch, (z,) y, x, channel]`, and the mask of their pixels (1 where hidden). A model of normalised
   * pixels gets each token's own mean and deviation back.
   */
  private reconstruction(): Program {
    const { tokenSize, channels } = this.settings;
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
        const pixels = mask
          .reshape([this.batchSize, this.tokens, 1])
          .tile([1, 1, tokenSize ** this.masking.grid.length * channels]);
        return { reconstruction: this.asImages(prediction), hidden: this.asImages(pixels) };
      },
    };
  }

  batch(samples: readonly Sample[], random: (sample: number) => Random): Batch {
    const size = samples[0].image.length;
    const images = new Float32Array(this.batchSize * size);
    const keep = new Int32Array(this.batchSize * visibleTokens(this.masking));
    const restore = new Int32Array(this.batchSize * this.tokens);
    const mask = new Float32Array(this.batchSize * this.tokens);
    for (let sample = 0; sample < this.batchSize; sample++) {
      const drawn = tokenMask(this.masking, random(sample));
      images.set(samples[Math.min(sample, samples.length - 1)].image, sample * size);
      keep.set(drawn.keep, sample * drawn.keep.length);
      restore.set(drawn.restore, sample * this.tokens);
      mask.set(drawn.mask, sample * this.tokens);
    }
    return { inputs: { images, keep, restore, mask }, count: samples.length };
  }

  viewer(runtime: Runtime, parameters: Parameters): ImageViewer {
    const executable = runtime.compile(this.reconstruction(), parameters, { gradients: false });
    return {
      view: (pairs, index) => this.view(executable, pairs, index),
      release: () => executable.release(),
    };
  }

  /** Masks and reconstructs one image, and writes the four pictures of it. */
  private async view(executable: Executable, { images }: ImagePairs, index: number): Promise<ViewedImage> {
    const image = await images.image(index);
    const { info } = image;
    const random = new Random(this.config.number("SYSTEM.SEED"));
    const { reconstruction, hidden } = await predictImage(executable, image, {
      tiling: tilingSettings(this.config, "TEST"),
      batchSize: this.batchSize,
      batch: (samples, first) => this.batch(samples, (sample) => random.fork(3, first, sample)),
    });
    const original = await image.whole();
    const isHidden = (at: number) => hidden[at] >= 0.5;
    const least = original.reduce((low, value) => Math.min(low, value), Infinity);
    const completed = original.map((value, at) => (isHidden(at) ? reconstruction[at] : value));
    await mkdir(this.tree.maeChecks, { recursive: true });
    await mkdir(this.tree.perImage, { recursive: true });
    const name = imageName(info.path);
    const check = (suffix: string, values: Float32Array) =>
      writeImage(join(this.tree.maeChecks, `${name}_${suffix}.tif`), values, image);
    const files = {
      original: await check("original", original),
      masked: await check(
        "masked",
        original.map((value, at) => (isHidden(at) ? least : value)),
      ),
      reconstruction: await check("reconstruction", reconstruction),
      reconstructionAndVisible: await check("reconstruction_and_visible", completed),
      prediction: await writeImage(join(this.tree.perImage, `${name}.tif`), completed, image),
    };
    const whole = similarity(completed, original, info.shape);
    return { files, metrics: { ...hiddenErrors(original, reconstruction, isHidden), ssim: whole.ssim } };
  }
}

/** Errors over the hidden pixels, in normalised values; PSNR against the range of the image. */
function hiddenErrors(
  values: Float32Array,
  rebuilt: Float32Array,
  isHidden: (at: number) => boolean,
): Metrics {
  let [squares, absolute, count, least, largest] = [0, 0, 0, Infinity, -Infinity];
  values.forEach((value, at) => {
    least = Math.min(least, value);
    largest = Math.max(largest, value);
    if (!isHidden(at)) return;
    squares += (value - rebuilt[at]) ** 2;
    absolute += Math.abs(value - rebuilt[at]);
    count++;
  });
  const mse = squares / count;
  return { mse, mae: absolute / count, psnr: 10 * Math.log10((largest - least) ** 2 / mse) };
}
