/** ConvNeXt blocks (Liu et al. 2022, figure 4; V2: Woo et al. 2023, figure 5). `x` is `[batch, (z,) y, x, channel]`. */

import { gelu } from "../runtime/activations.ts";
import { depthwiseConvolution } from "../runtime/depthwise.ts";
import { channelsOf } from "../runtime/image-shape.ts";
import { type Scope, zeros } from "../runtime/scope.ts";
import type { tf } from "../runtime/tensor.ts";
import { Sequence, stochasticDepth } from "./layers.ts";
import { layerNorm, linear } from "./transformer.ts";

export interface ConvNextSettings {
  /** Of the depthwise convolution, along each axis of space. */
  readonly kernel: readonly number[];
  /** Probability that training skips the block for a sample. */
  readonly skipped: number;
  /** V1 only: what each channel of the block is multiplied by at first; 0 for no such scale. */
  readonly layerScale: number;
}

export type ConvNextBlock = (scope: Scope, x: tf.Tensor, settings: ConvNextSettings) => tf.Tensor;

const EPSILON = 1e-6;
/** How many times wider a block is inside. */
const EXPANSION = 4;

/** A convolution with a kernel for each channel. */
function depthwise(scope: Scope, x: tf.Tensor, kernel: readonly number[]): tf.Tensor {
  const channels = channelsOf(x);
  const weight = scope.parameter("weight", [channels, 1, ...kernel], { kind: "xavier-uniform" });
  return depthwiseConvolution(x, weight).add(scope.parameter("bias", [channels], zeros));
}

/** Large kernels for each channel, then an inner network for each pixel; `inside` changes its hidden features. */
function block(
  layers: Sequence,
  x: tf.Tensor,
  kernel: readonly number[],
  inside?: (scope: Scope, hidden: tf.Tensor) => tf.Tensor,
): tf.Tensor {
  const channels = channelsOf(x);
  const seen = depthwise(layers.next(), x, kernel);
  layers.next();
  const normalized = layerNorm(layers.next(), seen, EPSILON);
  const hidden = gelu(linear(layers.next(), normalized, EXPANSION * channels));
  layers.next();
  const changed = inside === undefined ? hidden : inside(layers.next(), hidden);
  return linear(layers.next(), changed, channels);
}

export const convNextV1: ConvNextBlock = (scope, x, { kernel, skipped, layerScale }) => {
  const y = block(new Sequence(scope.at("block")), x, kernel);
  if (layerScale <= 0) return x.add(stochasticDepth(scope, y, skipped));
  const channels = channelsOf(x);
  const start = { kind: "constant", value: layerScale } as const;
  const scale = scope.parameter("layer_scale", [channels, ...kernel.map(() => 1)], start);
  return x.add(stochasticDepth(scope, y.mul(scale.reshape([channels])), skipped));
};

export const convNextV2: ConvNextBlock = (scope, x, { kernel, skipped }) => {
  const y = block(new Sequence(scope.at("block")), x, kernel, responseNormalization);
  return x.add(stochasticDepth(scope, y, skipped));
};

/**
 * Global response normalization (Woo et al. 2023, section 4): each channel against the mean response of all. BiaPy sums over the first
 * two axes of space only, in 3D too.
 */
function responseNormalization(scope: Scope, x: tf.Tensor): tf.Tensor {
  const shape = [1, 1, 1, channelsOf(x)];
  const [gamma, beta] = ["gamma", "beta"].map((name) =>
    scope.parameter(name, shape, zeros).reshape([channelsOf(x)]),
  );
  // The tiny addition keeps the root's slope finite at zero.
  const response = x.square().sum([1, 2], true).add(1e-20).sqrt();
  const share = response.div(response.mean(-1, true).add(1e-6));
  return x.mul(share).mul(gamma).add(beta).add(x);
}
