/**
 * Masked autoencoder (He, Chen, Xie, Li, Dollár, Girshick: "Masked Autoencoders Are Scalable Vision Learners", CVPR 2022),
 * in 2D and 3D. The encoder sees only the visible tokens; a lighter decoder reconstructs the masked ones.
 */
import { at, exactly, product } from "../facts/checked-lists.ts";
import { batchOf } from "../runtime/image-shape.ts";
import type { Scope } from "../runtime/scope.ts";
import { tf } from "../runtime/tensor.ts";
import { patchify, projected, tokenProjection, unpatchify } from "./tokens.ts";
import { layerNorm, linear, transformerBlock } from "./transformer.ts";

export interface MaeSettings {
  /** `[y, x]` or `[z, y, x]`, each a multiple of `tokenSize`. */
  readonly patchSize: readonly number[];
  readonly channels: number;
  /** Side of a token, in pixels or voxels. */
  readonly tokenSize: number;
  readonly encoder: TransformerSettings;
  readonly decoder: TransformerSettings;
  readonly epsilon: number;
  /** Whether target pixels are normalized per token (norm_pix_loss). */
  readonly normalizePixels: boolean;
}

/** Size of the encoder or the decoder. */
export interface TransformerSettings {
  readonly features: number;
  readonly layers: number;
  readonly heads: number;
  readonly hidden: number;
}

/** The visible and masked tokens of each patch, as `tokenMask` draws them. */
export interface TokenMask {
  /** `[batch, visible]` int32: grid positions of the visible tokens; `[visible]` where they are the same in all patches. */
  readonly keep: tf.Tensor;
  /** `[batch, token]` or `[token]` int32: where each grid position lies in (visible tokens, then mask tokens). */
  readonly restore: tf.Tensor;
  /** `[batch, token]`: 1 where masked. */
  readonly mask?: tf.Tensor;
}

/** Returns the number of tokens along each axis of a patch. */
export function tokenGrid({ patchSize, tokenSize }: Pick<MaeSettings, "patchSize" | "tokenSize">): number[] {
  return patchSize.map((size) => size / tokenSize);
}

/** Returns fixed position embeddings `[1 + token, feature]`: sines and cosines along each axis, zeros for the class token. */
function positionEmbedding(grid: readonly number[], features: number): Float32Array {
  const waves = Math.floor(features / (2 * grid.length));
  const tokens = product(grid);
  const embedding = new Float32Array((tokens + 1) * features);
  for (let token = 0; token < tokens; token++) {
    let rest = token;
    for (const [axis, size] of [...grid.entries()].reverse()) {
      const position = rest % size;
      rest = Math.floor(rest / size);
      for (let wave = 0; wave < waves; wave++) {
        const angle = position / 10000 ** (wave / waves);
        const index = (token + 1) * features + 2 * axis * waves + wave;
        embedding[index] = Math.sin(angle);
        embedding[index + waves] = Math.cos(angle);
      }
    }
  }
  return embedding;
}

/** Returns rows of `x` `[batch, row, feature]` by `indices` `[batch, pick]`, or `[pick]` for the same rows of each sample. */
function pickRows(x: tf.Tensor, indices: tf.Tensor): tf.Tensor {
  if (indices.rank === 1) return x.gather(indices, 1);
  const [batch, rows, features] = exactly(x.shape, 3);
  const offsets = tf.tensor2d(
    Array.from({ length: batch }, (_, sample) => sample * rows),
    [batch, 1],
    "int32",
  );
  const flat = indices.add(offsets).reshape([-1]);
  return x
    .reshape([batch * rows, features])
    .gather(flat)
    .reshape([batch, at(indices.shape, 1), features]);
}

/** Initialization of the class token and the mask token. */
const embeddingStart = { kind: "normal", deviation: 0.02 } as const;

/** Declares the weights outside the transformer blocks. */
function weights(scope: Scope, settings: MaeSettings) {
  const { encoder, decoder } = settings;
  const grid = tokenGrid(settings);
  const tokens = product(grid);
  const position = (features: number) =>
    ({ kind: "values", values: () => positionEmbedding(grid, features) }) as const;
  return {
    classToken: scope.parameter("cls_token", [1, 1, encoder.features], embeddingStart),
    position: scope.state("pos_embed", [1, tokens + 1, encoder.features], position(encoder.features)),
    maskToken: scope.parameter("mask_token", [1, 1, decoder.features], embeddingStart),
    decoderPosition: scope.state(
      "decoder_pos_embed",
      [1, tokens + 1, decoder.features],
      position(decoder.features),
    ),
    projection: tokenProjection(scope.at("patch_embed.proj"), { ...settings, features: encoder.features }),
  };
}

/** Returns the encoder's tokens, the class token first: `[batch, 1 + visible, feature]`. */
function encode(
  scope: Scope,
  { encoder, epsilon, tokenSize }: MaeSettings,
  images: tf.Tensor,
  keep: tf.Tensor,
  weight: ReturnType<typeof weights>,
): tf.Tensor {
  const batch = batchOf(images);
  const embedded = projected(pickRows(patchify(images, tokenSize), keep), weight.projection);
  const positions = pickRows(weight.position.slice([0, 1, 0]).tile([batch, 1, 1]), keep);
  const classToken = weight.classToken.add(weight.position.slice([0, 0, 0], [1, 1, -1])).tile([batch, 1, 1]);
  let x = tf.concat([classToken, embedded.add(positions)], 1);
  for (let layer = 0; layer < encoder.layers; layer++) {
    x = transformerBlock(scope.at(`blocks.${layer}`), x, { ...encoder, epsilon });
  }
  return layerNorm(scope.at("norm"), x, epsilon);
}

/**
 * Returns the encoder's features of whole patches, with all tokens visible.
 *
 * @param images `[batch, (z,) y, x, channel]`
 * @returns `[batch, (z,) y, x, feature]`, one pixel for each token
 */
export function maeFeatures(scope: Scope, settings: MaeSettings, images: tf.Tensor): tf.Tensor {
  const grid = tokenGrid(settings);
  const tokens = product(grid);
  const batch = batchOf(images);
  const all = tf.tensor1d(
    Array.from({ length: tokens }, (_, token) => token),
    "int32",
  );
  const x = encode(scope, settings, images, all, weights(scope, settings));
  return x.slice([0, 1, 0]).reshape([batch, ...grid, settings.encoder.features]);
}

/**
 * Predicts the pixels of every token from the visible ones.
 *
 * @param images `[batch, (z,) y, x, channel]`
 * @returns `[batch, token, pixel · channel]`
 */
export function maePrediction(
  scope: Scope,
  settings: MaeSettings,
  images: tf.Tensor,
  { keep, restore }: TokenMask,
): tf.Tensor {
  const { decoder, epsilon, tokenSize, channels } = settings;
  const batch = batchOf(images);
  const weight = weights(scope, settings);
  const grid = tokenGrid(settings);
  const tokens = product(grid);
  const pixelCount = channels * tokenSize ** grid.length;

  let x = linear(scope.at("decoder_embed"), encode(scope, settings, images, keep, weight), decoder.features);
  const masked = weight.maskToken.tile([batch, tokens + 1 - at(x.shape, 1), 1]);
  const unshuffled = pickRows(tf.concat([x.slice([0, 1, 0]), masked], 1), restore);
  x = tf.concat([x.slice([0, 0, 0], [-1, 1, -1]), unshuffled], 1).add(weight.decoderPosition);
  for (let layer = 0; layer < decoder.layers; layer++) {
    x = transformerBlock(scope.at(`decoder_blocks.${layer}`), x, { ...decoder, epsilon });
  }
  x = layerNorm(scope.at("decoder_norm"), x, epsilon);
  return linear(scope.at("decoder_pred"), x, pixelCount).slice([0, 1, 0]);
}

/**
 * Returns images reconstructed from the visible tokens, the same in all patches: `[batch, (z,) y, x, channel]`. Normalized pixels are
 * scaled back by each token's mean and deviation.
 */
export function maeReconstruction(
  scope: Scope,
  settings: MaeSettings,
  images: tf.Tensor,
  mask: TokenMask,
): tf.Tensor {
  const predicted = maePrediction(scope, settings, images, mask);
  const pixels = settings.normalizePixels
    ? denormalizedTokens(predicted, patchify(images, settings.tokenSize))
    : predicted;
  return unpatchify(pixels, tokenGrid(settings), settings.tokenSize);
}

/** Returns the target of the prediction, `[batch, token, pixel · channel]`. */
export function maeTarget(settings: MaeSettings, images: tf.Tensor): tf.Tensor {
  const target = patchify(images, settings.tokenSize);
  if (!settings.normalizePixels) return target;
  const { mean, deviation } = tokenStatistics(target);
  return target.sub(mean).div(deviation);
}

/** Scales normalized pixels back by the mean and deviation of the image's tokens. */
export function denormalizedTokens(prediction: tf.Tensor, tokens: tf.Tensor): tf.Tensor {
  const { mean, deviation } = tokenStatistics(tokens);
  return prediction.mul(deviation).add(mean);
}

/** Returns each token's mean and standard deviation (from the unbiased variance), `[batch, token, 1]`. */
function tokenStatistics(tokens: tf.Tensor): { mean: tf.Tensor; deviation: tf.Tensor } {
  const pixels = at(tokens.shape, 2);
  const mean = tokens.mean(-1, true);
  const variance = tokens
    .sub(mean)
    .square()
    .sum(-1, true)
    .div(Math.max(pixels - 1, 1));
  return { mean, deviation: variance.add(1e-6).sqrt() };
}

/** Returns the mean squared error over the masked tokens of each patch, `[batch]`. */
export function maeLoss(prediction: tf.Tensor, target: tf.Tensor, mask: tf.Tensor): tf.Tensor {
  const perToken = prediction.squaredDifference(target).mean(-1);
  return perToken.mul(mask).sum(-1).div(mask.sum(-1));
}
