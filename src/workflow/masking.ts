/** The masking pretext task: a masked autoencoder as the programs that train, evaluate and preview it. */
import { ndimOf } from "../config/checks.ts";
import type { Config } from "../config/config.ts";
import type { PatchSet } from "../data/patches.ts";
import { Random } from "../data/random.ts";
import { type TokenMaskSettings, tokenMask, visibleTokens } from "../data/token-mask.ts";
import { type MaeSettings, maeLoss, maePrediction, maeTarget, tokenGrid, unpatchify } from "../models/mae.ts";
import type { Scope } from "../models/scope.ts";
import type { Program, Tensors } from "../runtime/program.ts";
import type { tf } from "../runtime/tensor.ts";
import type { Batch, BatchSource } from "../training/trainer.ts";

/** The model that a configuration describes. */
export function maeSettings(config: Config, normalisePixels: boolean): MaeSettings {
  const patch = config.numbers("DATA.PATCH_SIZE");
  const ratio = config.number("MODEL.VIT_MLP_RATIO");
  const features = config.number("MODEL.VIT_EMBED_DIM");
  const decoderFeatures = config.number("MODEL.MAE_DEC_HIDDEN_SIZE");
  return {
    patchSize: patch.slice(0, ndimOf(config)),
    channels: patch[patch.length - 1],
    tokenSize: config.number("MODEL.VIT_TOKEN_SIZE"),
    encoder: {
      features,
      layers: config.number("MODEL.VIT_NUM_LAYERS"),
      heads: config.number("MODEL.VIT_NUM_HEADS"),
      hidden: Math.round(ratio * features),
    },
    decoder: {
      features: decoderFeatures,
      layers: config.number("MODEL.MAE_DEC_NUM_LAYERS"),
      heads: config.number("MODEL.MAE_DEC_NUM_HEADS"),
      hidden: Math.round(ratio * decoderFeatures),
    },
    epsilon: config.number("MODEL.VIT_NORM_EPS"),
    normalisePixels,
  };
}

/** How tokens are masked. */
export function maskSettings(config: Config, settings: MaeSettings): TokenMaskSettings {
  return {
    type: config.text("MODEL.MAE_MASK_TYPE") as TokenMaskSettings["type"],
    ratio: config.number("MODEL.MAE_MASK_RATIO"),
    grid: tokenGrid(settings),
  };
}

/** The arguments that build the same model in BiaPy, as its checkpoints keep them. */
export function maeBuildArguments(config: Config, settings: MaeSettings) {
  const { encoder, decoder } = settings;
  return {
    img_size: settings.patchSize[settings.patchSize.length - 1],
    patch_size: settings.tokenSize,
    in_chans: settings.channels,
    ndim: settings.patchSize.length,
    embed_dim: encoder.features,
    depth: encoder.layers,
    num_heads: encoder.heads,
    decoder_embed_dim: decoder.features,
    decoder_depth: decoder.layers,
    decoder_num_heads: decoder.heads,
    mlp_ratio: config.number("MODEL.VIT_MLP_RATIO"),
    masking_type: config.text("MODEL.MAE_MASK_TYPE"),
    mask_ratio: config.number("MODEL.MAE_MASK_RATIO"),
    return_just_preds: false,
    device: "cpu",
  };
}

/** Errors of each patch's whole reconstruction, `[batch]` each; PSNR against the range of the patch itself. */
function reconstructionErrors(
  prediction: tf.Tensor,
  target: tf.Tensor,
): { mae: tf.Tensor; mse: tf.Tensor; psnr: tf.Tensor } {
  const difference = prediction.sub(target);
  const mse = difference.square().mean([1, 2]);
  const range = target.max([1, 2]).sub(target.min([1, 2]));
  const psnr = range
    .square()
    .div(mse)
    .log()
    .mul(10 / Math.LN10);
  return { mae: difference.abs().mean([1, 2]), mse, psnr };
}

/** Everything about one masked autoencoder that depends on the size of a batch. */
export class MaskingPrograms {
  private readonly inputs: Program["inputs"];

  constructor(
    private readonly settings: MaeSettings,
    private readonly masking: TokenMaskSettings,
    readonly batchSize: number,
  ) {
    const tokens = masking.grid.reduce((product, size) => product * size, 1);
    this.inputs = {
      images: { shape: [batchSize, ...settings.patchSize, settings.channels], type: "float32" },
      keep: { shape: [batchSize, visibleTokens(masking)], type: "int32" },
      restore: { shape: [batchSize, tokens], type: "int32" },
      mask: { shape: [batchSize, tokens], type: "float32" },
    };
  }

  private reconstruct(scope: Scope, { images, keep, restore, mask }: Tensors) {
    const prediction = maePrediction(scope, this.settings, images, { keep, restore, mask });
    const target = maeTarget(this.settings, images);
    return { prediction, target, loss: maeLoss(prediction, target, mask) };
  }

  /** A training step: the loss and metrics of a batch, a number each. */
  training(): Program {
    return {
      training: true,
      inputs: this.inputs,
      forward: (scope, inputs) => {
        const { prediction, target, loss } = this.reconstruct(scope, inputs);
        const { mae, mse, psnr } = reconstructionErrors(prediction, target);
        return { loss: loss.mean(), mae: mae.mean(), mse: mse.mean(), psnr: psnr.mean() };
      },
    };
  }

  /** The same for every patch of a validation batch: `[batch]` each. */
  evaluation(): Program {
    return {
      training: false,
      inputs: this.inputs,
      forward: (scope, inputs) => {
        const { prediction, target, loss } = this.reconstruct(scope, inputs);
        return { loss, ...reconstructionErrors(prediction, target) };
      },
    };
  }

  /**
   * Reconstructed patches `[batch, (z,) y, x, channel]`, and the mask of their pixels (1 where hidden). A model of normalised
   * pixels gets each token's own mean and deviation back.
   */
  reconstruction(): Program {
    const { tokenSize, channels } = this.settings;
    return {
      training: false,
      inputs: this.inputs,
      forward: (scope, inputs) => {
        const raw = maeTarget({ ...this.settings, normalisePixels: false }, inputs.images);
        let prediction = maePrediction(scope, this.settings, inputs.images, {
          keep: inputs.keep,
          restore: inputs.restore,
          mask: inputs.mask,
        });
        if (this.settings.normalisePixels) {
          const mean = raw.mean(-1, true);
          const variance = raw.sub(mean).square().mean(-1, true);
          prediction = prediction.mul(variance.add(1e-6).sqrt()).add(mean);
        }
        const tokens = prediction.shape[1] ?? 0;
        const pixels = inputs.mask
          .reshape([this.batchSize, tokens, 1])
          .tile([1, 1, tokenSize ** this.masking.grid.length * channels]);
        return {
          reconstruction: unpatchify(prediction, this.masking.grid, tokenSize),
          hidden: unpatchify(pixels, this.masking.grid, tokenSize),
        };
      },
    };
  }

  /** The inputs of a batch of patches, with a mask drawn for each. */
  batch(patches: readonly Float32Array[], random: (sample: number) => Random): Batch {
    const size = patches[0].length;
    const tokens = this.masking.grid.reduce((product, each) => product * each, 1);
    const visible = visibleTokens(this.masking);
    const images = new Float32Array(this.batchSize * size);
    const keep = new Int32Array(this.batchSize * visible);
    const restore = new Int32Array(this.batchSize * tokens);
    const mask = new Float32Array(this.batchSize * tokens);
    for (let sample = 0; sample < this.batchSize; sample++) {
      const drawn = tokenMask(this.masking, random(sample));
      images.set(patches[Math.min(sample, patches.length - 1)], sample * size);
      keep.set(drawn.keep, sample * visible);
      restore.set(drawn.restore, sample * tokens);
      mask.set(drawn.mask, sample * tokens);
    }
    return { inputs: { images, keep, restore, mask }, count: patches.length };
  }
}

/** Batches of masked patches: shuffled and topped up from the start in training, in order in validation. */
export class MaskedBatches implements BatchSource {
  constructor(
    private readonly patches: PatchSet,
    private readonly programs: MaskingPrograms,
    private readonly seed: number,
    private readonly training: boolean,
  ) {}

  get stepsPerEpoch(): number {
    return Math.ceil(this.patches.count / this.programs.batchSize);
  }

  async *batches(epoch: number, firstStep: number): AsyncGenerator<Batch> {
    const order = this.patches.order(epoch, this.training);
    let next = this.read(order, epoch, firstStep);
    for (let step = firstStep; step < this.stepsPerEpoch; step++) {
      const batch = await next;
      // The following batch is read while this one trains.
      if (step + 1 < this.stepsPerEpoch) next = this.read(order, epoch, step + 1);
      yield batch;
    }
  }

  private async read(order: Int32Array, epoch: number, step: number): Promise<Batch> {
    const size = this.programs.batchSize;
    const places = Array.from({ length: size }, (_, sample) => step * size + sample);
    const real = this.training
      ? places.map((place) => place % order.length)
      : places.filter((place) => place < order.length);
    const patches = await Promise.all(
      real.map((place) => this.patches.read(order[place], epoch, this.training)),
    );
    const random = new Random(this.seed).fork(this.training ? 1 : 2, epoch, step);
    return this.programs.batch(patches, (sample) => random.fork(sample));
  }
}
