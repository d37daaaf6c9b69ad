/** ConvNeXt blocks (Liu et al. 2022, figure 4; V2: Woo et al. 2023, figure 5). `x` is `[batch, (z,) y, x, channel]`. */

import { gelu } from "../runtime/activations.ts";
import { depthwiseConvolution } from "../runtime/depthwise.ts";
import { channelsOf } from "../runtime/image-shape.ts";
import { type Scope, zeros } from "../runtime/scope.ts";
import type { tf } from "../runtime/tensor.ts";
import { stochasticDepth } from "./layers.ts";
import { Sequence } from "./sequence.ts";
import { layerNorm, linear } from "./transformer.ts";

export interface ConvNextSettings {
  /** Size of the depthwise convolution along each axis of space. */
  readonly kernel: readonly number[];
  /** Probability that a sample skips the block in training. */
  readonly skipped: number;
  /** V1 only: initial value of the learned scale of each channel; 0 for no scale. */
  readonly layerScale: number;
}

/** A ConvNeXt block. The result has the shape of `x`. */
export type ConvNextBlock = (scope: Scope, x: tf.Tensor, settings: ConvNextSettings) => tf.Tensor;

const EPSILON = 1e-6;
/** How many times wider a block is inside. */
const EXPANSION = 4;

/** A depthwise convolution with its weights. */
function depthwise(scope: Scope, x: tf.Tensor, kernel: readonly number[]): tf.Tensor {
  const channels = channelsOf(x);
  const weight = scope.parameter("weight", [channels, 1, ...kernel], { kind: "xavier-uniform" });
  return depthwiseConvolution(x, weight).add(scope.parameter("bias", [channels], zeros));
}

/**
 * A depthwise convolution with a large kernel, then an MLP on each pixel.
 *
 * @param inside changes the hidden features of the MLP
 */
function block(
  layers: Sequence,
  x: tf.Tensor,
  kernel: readonly number[],
  inside?: (scope: Scope, hidden: tf.Tensor) => tf.Tensor,
): tf.Tensor {
  const channels = channelsOf(x);
  const mixed = depthwise(layers.next(), x, kernel);
  layers.next();
  const normalized = layerNorm(layers.next(), mixed, EPSILON);
  const hidden = gelu(linear(layers.next(), normalized, EXPANSION * channels));
  layers.next();
  const changed = inside === undefined ? hidden : inside(layers.next(), hidden);
  return linear(layers.next(), changed, channels);
}

/** The block of V1, with a learned scale of each channel. */
export const convNextV1: ConvNextBlock = (scope, x, { kernel, skipped, layerScale }) => {
  const y = block(new Sequence(scope.at("block")), x, kernel);
  if (layerScale <= 0) return x.add(stochasticDepth(scope, y, skipped));
  const channels = channelsOf(x);
  const start = { kind: "constant", value: layerScale } as const;
  const scale = scope.parameter("layer_scale", [channels, ...kernel.map(() => 1)], start);
  return x.add(stochasticDepth(scope, y.mul(scale.reshape([channels])), skipped));
};

/** The block of V2, with global response normalization. */
export const convNextV2: ConvNextBlock = (scope, x, { kernel, skipped }) => {
  const y = block(new Sequence(scope.at("block")), x, kernel, responseNormalization);
  return x.add(stochasticDepth(scope, y, skipped));
};

/**
 * Global response normalization (Woo et al. 2023, section 4): divides each channel's response by the mean response of all channels.
 * BiaPy sums over the first two axes of space only, in 3D too.
 */
function responseNormalization(scope: Scope, x: tf.Tensor): tf.Tensor {
  const shape = [1, 1, 1, channelsOf(x)];
  const gamma = scope.parameter("gamma", shape, zeros).reshape([channelsOf(x)]);
  const beta = scope.parameter("beta", shape, zeros).reshape([channelsOf(x)]);
  // The small constant keeps the square root's gradient finite at zero.
  const response = x.square().sum([1, 2], true).add(1e-20).sqrt();
  const share = response.div(response.mean(-1, true).add(1e-6));
  // One factor for x · share · γ + x: fewer passes over x.
  return x.mul(share.mul(gamma).add(1)).add(beta);
}
