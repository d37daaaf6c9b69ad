/**
 * Layers that convolutional networks share, in 2D and 3D. Images are `[batch, (z,) y, x, channel]`. Weights have PyTorch's names and
 * shapes.
 */

import type { Activation } from "../facts/architectures.ts";
import { product, zip } from "../facts/checked-lists.ts";
import { gelu, silu } from "../runtime/activations.ts";
import { type ConvolutionWindow, convolution, transposedConvolution } from "../runtime/convolution.ts";
import { batchOf, channelsOf, spaceOf, spatialAxes } from "../runtime/image-shape.ts";
import { type Initializer, type Scope, zeros } from "../runtime/scope.ts";
import type { tf } from "../runtime/tensor.ts";
import { enlarged } from "./resampling.ts";

export interface ConvolutionSettings {
  /** Channels of the result. */
  readonly filters: number;
  /** Size along each axis of space. */
  readonly kernel: readonly number[];
  /** Defaults to 1 along each axis, as `dilation` does. */
  readonly stride?: readonly number[];
  readonly dilation?: readonly number[];
  /** Pixels on either side. Defaults to as many as keep the size. */
  readonly padding?: readonly number[];
  /** Defaults to true. */
  readonly bias?: boolean;
  /**
   * `xavier` initializes weights by Glorot & Bengio 2010 and biases with zeros, `pytorch` both uniformly in ±1/√fanIn. Defaults to
   * `xavier`.
   */
  readonly start?: "xavier" | "pytorch";
}

const xavier: Initializer = { kind: "xavier-uniform" };

/** A convolution with its weights. Without explicit padding, an even kernel pads one pixel more at the far side, as in PyTorch. */
export function conv(scope: Scope, x: tf.Tensor, settings: ConvolutionSettings): tf.Tensor {
  const { filters, kernel, bias = true, start = "xavier" } = settings;
  const byFan: Initializer = { kind: "fan-in-uniform", fanIn: channelsOf(x) * product(kernel) };
  const [weightStart, biasStart] = start === "pytorch" ? [byFan, byFan] : [xavier, zeros];
  const weight = scope.parameter("weight", [filters, channelsOf(x), ...kernel], weightStart);
  const y = convolve(x, weight, settings);
  return bias ? y.add(scope.parameter("bias", [filters], biasStart)) : y;
}

/** A convolution that keeps the size, with PyTorch's default initialization: the layer of super-resolution networks. */
export function sameConv(scope: Scope, x: tf.Tensor, filters: number, size = 3): tf.Tensor {
  return conv(scope, x, { filters, kernel: spaceOf(x).map(() => size), start: "pytorch" });
}

/** A convolution with a given weight `[out, in, …kernel]`, without bias. */
export function convolve(
  x: tf.Tensor,
  weight: tf.Tensor,
  settings: Pick<ConvolutionSettings, "kernel" | "stride" | "dilation" | "padding">,
): tf.Tensor {
  const { kernel } = settings;
  const { stride = kernel.map(() => 1), dilation = kernel.map(() => 1) } = settings;
  const reach = zip(kernel, dilation).map(([size, spacing]) => spacing * (size - 1));
  const padding = settings.padding ?? reach.map((each) => Math.floor(each / 2));
  const window: ConvolutionWindow = { stride, padding, dilation };
  const uneven = settings.padding === undefined && reach.some((each) => each % 2 === 1);
  const input = uneven ? x.pad([[0, 0], ...reach.map((each): [number, number] => [0, each % 2]), [0, 0]]) : x;
  return convolution(input, weight, window);
}

/** A transposed convolution whose kernels do not overlap: every pixel becomes a window of size `factors`. */
export function convTranspose(
  scope: Scope,
  x: tf.Tensor,
  {
    filters,
    factors,
    bias = true,
  }: { readonly filters: number; readonly factors: readonly number[]; readonly bias?: boolean },
): tf.Tensor {
  // PyTorch computes the fan of a transposed kernel from its second axis.
  const start: Initializer = { kind: "fan-in-uniform", fanIn: filters * product(factors) };
  const weight = scope.parameter("weight", [channelsOf(x), filters, ...factors], start);
  const window = { stride: factors, padding: factors.map(() => 0), dilation: factors.map(() => 1) };
  const y = transposedConvolution(x, weight, window, enlarged(x, factors));
  return bias ? y.add(scope.parameter("bias", [filters], start)) : y;
}

const FUNCTIONS: Readonly<Record<Activation, (x: tf.Tensor) => tf.Tensor>> = {
  relu: (x) => x.relu(),
  tanh: (x) => x.tanh(),
  leaky_relu: (x) => x.leakyRelu(0.01),
  elu: (x) => x.elu(),
  gelu: (x) => gelu(x),
  silu: (x) => silu(x),
  sigmoid: (x) => x.sigmoid(),
  softmax: (x) => x.softmax(),
  softplus: (x) => x.softplus(),
  linear: (x) => x,
  none: (x) => x,
};

/** Applies an activation by its name in MODEL.ACTIVATION. */
export function activate(x: tf.Tensor, name: Activation): tf.Tensor {
  return FUNCTIONS[name](x);
}

/** Dropout: in training, sets a share of all values to zero and scales up the others (Srivastava et al. 2014). */
export function dropout(scope: Scope, x: tf.Tensor, rate: number): tf.Tensor {
  return dropped(scope, x, rate, x.shape);
}

/** Stochastic depth: in training, sets all values of some samples to zero, so that they skip the layer (Huang et al. 2016). */
export function stochasticDepth(scope: Scope, x: tf.Tensor, probability: number): tf.Tensor {
  return dropped(scope, x, probability, [batchOf(x), ...x.shape.slice(1).map(() => 1)]);
}

/** @param shape of the random numbers; each decides for all values that it is broadcast to */
function dropped(scope: Scope, x: tf.Tensor, rate: number, shape: readonly number[]): tf.Tensor {
  if (!scope.training || rate <= 0) return x;
  const kept = scope.uniform(shape).greaterEqual(rate);
  return x.mul(kept.cast("float32")).mul(1 / (1 - rate));
}

/** Returns the mean of each channel over space, `[batch, 1, …, channel]`. */
export const channelMeans = (x: tf.Tensor): tf.Tensor => x.mean(spatialAxes(x), true);

/** y = x Wᵀ without a bias. `x` `[row, in]` → `[row, out]` */
function project(scope: Scope, x: tf.Tensor, outputs: number): tf.Tensor {
  return x.matMul(scope.parameter("weight", [outputs, channelsOf(x)], xavier), false, true);
}

const REDUCTION = 16;

/** Squeeze and excitation (Hu, Shen & Sun 2018): weights each channel by the means of all channels. */
export function squeezeExcitation(scope: Scope, x: tf.Tensor): tf.Tensor {
  const channels = channelsOf(x);
  const excitation = scope.at("excitation");
  const squeezed = x.mean(spatialAxes(x));
  const hidden = project(excitation.at("0"), squeezed, Math.floor(channels / REDUCTION)).relu();
  const weights = project(excitation.at("2"), hidden, channels).sigmoid();
  return x.mul(weights.reshape([batchOf(x), ...spaceOf(x).map(() => 1), channels]));
}
