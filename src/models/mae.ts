/**
 * Masked autoencoder (He, Chen, Xie, Li, Dollár, Girshick: "Masked Autoencoders Are Scalable Vision Learners", CVPR 2022),
 * in 2D and 3D: the encoder sees the visible tokens only, a lighter decoder fills in the masked ones.
 */

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
  /** Reconstruct each token's pixels normalized by that token's own mean and deviation. */
  readonly normalizePixels: boolean;
}

export interface TransformerSettings {
  readonly features: number;
  readonly layers: number;
  readonly heads: number;
  readonly hidden: number;
}

/** Which tokens of each patch the encoder sees, as `tokenMask` draws them. */
export interface TokenMask {
  /** `[batch, visible]` int32: grid positions of the visible tokens; `[visible]` where they are the same in all patches. */
  readonly keep: tf.Tensor;
  /** `[batch, token]` or `[token]` int32: where each grid position lies in (visible tokens, then mask tokens). */
  readonly restore: tf.Tensor;
  /** `[batch, token]`: 1 where masked. */
  readonly mask?: tf.Tensor;
}

/** Tokens along each axis of a patch. */
export function tokenGrid({ patchSize, tokenSize }: Pick<MaeSettings, "patchSize" | "tokenSize">): number[] {
  return patchSize.map((size) => size / tokenSize);
}

/** The features that `features` / (2 · axes) sine and cosine waves along each axis give a token, zero for the class token. */
function positionEmbedding(grid: readonly number[], features: number): Float32Array {
  const waves = Math.floor(features / (2 * grid.length));
  const tokens = grid.reduce((product, size) => product * size, 1);
  const embedding = new Float32Array((tokens + 1) * features);
  for (let token = 0; token < tokens; token++) {
    let rest = token;
    for (let axis = grid.length - 1; axis >= 0; axis--) {
      const position = rest % grid[axis];
      rest = Math.floor(rest / grid[axis]);
      for (let wave = 0; wave < waves; wave++) {
        const angle = position / 10000 ** (wave / waves);
        const at = (token + 1) * features + 2 * axis * waves + wave;
        embedding[at] = Math.sin(angle);
        embedding[at + waves] = Math.cos(angle);
      }
    }
  }
  return embedding;
}

/** Rows of `x` `[batch, row, feature]` picked by `indices` `[batch, pick]`, or by `[pick]` the same ones of each sample. */
function pickRows(x: tf.Tensor, indices: tf.Tensor): tf.Tensor {
  if (indices.rank === 1) return x.gather(indices, 1);
  const [batch, rows, features] = x.shape;
  const offsets = tf.tensor2d(
    Array.from({ length: batch }, (_, sample) => sample * rows),
    [batch, 1],
    "int32",
  );
  const flat = indices.add(offsets).reshape([-1]);
  return x
    .reshape([batch * rows, features])
    .gather(flat)
    .reshape([batch, indices.shape[1] ?? 0, features]);
}

const embeddingStart = { kind: "normal", deviation: 0.02 } as const;

function weights(scope: Scope, settings: MaeSettings) {
  const { encoder, decoder } = settings;
  const grid = tokenGrid(settings);
  const tokens = grid.reduce((product, size) => product * size, 1);
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

/** The encoder's tokens, the class token first: `[batch, 1 + visible, feature]`. */
function encode(
  scope: Scope,
  { encoder, epsilon, tokenSize }: MaeSettings,
  images: tf.Tensor,
  keep: tf.Tensor,
  weight: ReturnType<typeof weights>,
): tf.Tensor {
  const batch = images.shape[0];
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
 * The encoder's features of whole patches, no token hidden.
 *
 * @param images `[batch, (z,) y, x, channel]`
 * @returns `[batch, (z,) y, x, feature]`, a pixel for each token
 */
export function maeFeatures(scope: Scope, settings: MaeSettings, images: tf.Tensor): tf.Tensor {
  const grid = tokenGrid(settings);
  const tokens = grid.reduce((product, size) => product * size, 1);
  const batch = images.shape[0];
  const all = tf.tensor1d(
    Array.from({ length: tokens }, (_, at) => at),
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
  const batch = images.shape[0];
  const weight = weights(scope, settings);
  const grid = tokenGrid(settings);
  const tokens = grid.reduce((product, size) => product * size, 1);
  const pixelCount = channels * tokenSize ** grid.length;

  let x = linear(scope.at("decoder_embed"), encode(scope, settings, images, keep, weight), decoder.features);
  const masked = weight.maskToken.tile([batch, tokens + 1 - (x.shape[1] ?? 0), 1]);
  const unshuffled = pickRows(tf.concat([x.slice([0, 1, 0]), masked], 1), restore);
  x = tf.concat([x.slice([0, 0, 0], [-1, 1, -1]), unshuffled], 1).add(weight.decoderPosition);
  for (let layer = 0; layer < decoder.layers; layer++) {
    x = transformerBlock(scope.at(`decoder_blocks.${layer}`), x, { ...decoder, epsilon });
  }
  x = layerNorm(scope.at("decoder_norm"), x, epsilon);
  return linear(scope.at("decoder_pred"), x, pixelCount).slice([0, 1, 0]);
}

/**
 * The images as they are reconstructed of the same visible tokens in all patches, `[batch, (z,) y, x, channel]`. A model of normalized
 * pixels gets each token's own mean and deviation back.
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

/** What the prediction is compared with, `[batch, token, pixel · channel]`. */
export function maeTarget(settings: MaeSettings, images: tf.Tensor): tf.Tensor {
  const target = patchify(images, settings.tokenSize);
  if (!settings.normalizePixels) return target;
  const { mean, deviation } = tokenStatistics(target);
  return target.sub(mean).div(deviation);
}

/** Pixels that were predicted in each token's normalized values, in the values of the image `tokens` again. */
export function denormalizedTokens(prediction: tf.Tensor, tokens: tf.Tensor): tf.Tensor {
  const { mean, deviation } = tokenStatistics(tokens);
  return prediction.mul(deviation).add(mean);
}

/** Each token's mean and deviation, with the unbiased variance: `[batch, token, 1]`. */
function tokenStatistics(tokens: tf.Tensor): { mean: tf.Tensor; deviation: tf.Tensor } {
  const pixels = tokens.shape[2] ?? 1;
  const mean = tokens.mean(-1, true);
  const variance = tokens
    .sub(mean)
    .square()
    .sum(-1, true)
    .div(Math.max(pixels - 1, 1));
  return { mean, deviation: variance.add(1e-6).sqrt() };
}

/** Mean squared error over the masked tokens, for each patch: `[batch]`. */
export function maeLoss(prediction: tf.Tensor, target: tf.Tensor, mask: tf.Tensor): tf.Tensor {
  const perToken = prediction.squaredDifference(target).mean(-1);
  return perToken.mul(mask).sum(-1).div(mask.sum(-1));
}
