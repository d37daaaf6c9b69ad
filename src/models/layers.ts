/**
 * Layers that convolutional networks share, in 2D and 3D. Images are `[batch, (z,) y, x, channel]`. Weights have PyTorch's names and
 * shapes.
 */

import { at, entryOf, exactly, zip } from "../facts/checked-lists.ts";
import { gelu, silu } from "../runtime/activations.ts";
import { type ConvolutionWindow, convolution, transposedConvolution } from "../runtime/convolution.ts";
import { batchOf, channelsOf, spaceOf } from "../runtime/image-shape.ts";
import { normalizeChannels, standardize } from "../runtime/normalization.ts";
import { alongAxis, type Resizing } from "../runtime/operators.ts";
import { type Initializer, ones, type Scope, zeros } from "../runtime/scope.ts";
import { tf } from "../runtime/tensor.ts";

const product = (sizes: readonly number[]) => sizes.reduce((all, each) => all * each, 1);

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

/** Values of MODEL.NORMALIZATION: batch, synchronized batch, instance, group, none. */
export const NORMALIZATIONS = ["bn", "sync_bn", "in", "gn", "none"] as const;
export type Normalization = (typeof NORMALIZATIONS)[number];

const EPSILON = 1e-5;

/** Declares the learned scale and shift of each channel. */
function scaleAndShift(scope: Scope, x: tf.Tensor): [tf.Tensor, tf.Tensor] {
  const channels = [channelsOf(x)];
  return [scope.parameter("weight", channels, ones), scope.parameter("bias", channels, zeros)];
}

const spatialAxes = (x: tf.Tensor) => spaceOf(x).map((_, axis) => axis + 1);

/** Instance normalization (Ulyanov, Vedaldi & Lempitsky 2016): normalizes each channel of each sample. */
export function instanceNorm(scope: Scope, x: tf.Tensor): tf.Tensor {
  return normalizeChannels(x, ...scaleAndShift(scope, x), spatialAxes(x), EPSILON).normalized;
}

/** Group normalization (Wu & He 2018), with BiaPy's 16 groups in 2D and 8 in 3D. */
function groupNorm(scope: Scope, x: tf.Tensor): tf.Tensor {
  const groups = spaceOf(x).length === 2 ? 16 : 8;
  const grouped = x.reshape([...x.shape.slice(0, -1), groups, channelsOf(x) / groups]);
  const axes = [...spatialAxes(x), grouped.rank - 1];
  const [scale, shift] = scaleAndShift(scope, x);
  return standardize(grouped, axes, EPSILON).reshape(x.shape).mul(scale).add(shift);
}

const MOMENTUM = 0.1;

/** Batch normalization (Ioffe & Szegedy 2015). Running statistics are PyTorch's, with the unbiased variance. */
export function batchNorm(scope: Scope, x: tf.Tensor): tf.Tensor {
  const channels = [channelsOf(x)];
  const mean = scope.state("running_mean", channels, zeros);
  const variance = scope.state("running_var", channels, ones);
  const batches = scope.state("num_batches_tracked", [], zeros);
  const [scale, shift] = scaleAndShift(scope, x);
  if (!scope.training) {
    const factor = scale.mul(variance.add(EPSILON).rsqrt());
    return x.mul(factor).add(shift.sub(mean.mul(factor)));
  }
  const batch = normalizeChannels(x, scale, shift, [0, ...spatialAxes(x)], EPSILON);
  const count = product(x.shape.slice(0, -1));
  const running = (old: tf.Tensor, current: tf.Tensor) =>
    old.mul(1 - MOMENTUM).add(current.reshape(channels).mul(MOMENTUM));
  scope.updateState("running_mean", running(mean, batch.mean));
  scope.updateState("running_var", running(variance, batch.variance.mul(count / Math.max(count - 1, 1))));
  scope.updateState("num_batches_tracked", batches.add(1));
  return batch.normalized;
}

/** Normalizes with the next layer of a sequence. `none` is no layer. */
export function normalize(layers: Sequence, x: tf.Tensor, kind: Normalization): tf.Tensor {
  if (kind === "none") return x;
  const scope = layers.next();
  if (kind === "in") return instanceNorm(scope, x);
  return kind === "gn" ? groupNorm(scope, x) : batchNorm(scope, x);
}

/** Activations by their names in MODEL.ACTIVATION. */
const ACTIVATIONS: Readonly<Record<string, (x: tf.Tensor) => tf.Tensor>> = {
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

export type Activation = keyof typeof ACTIVATIONS;

export function activate(x: tf.Tensor, name: Activation): tf.Tensor {
  return entryOf(ACTIVATIONS, name)(x);
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

/** Returns the position of an output pixel in the input, in pixels, for an axis resized from `from` to `to` pixels. */
type PixelGrid = (pixel: number, from: number, to: number) => number;

/** Both images cover the same area. */
const byArea: PixelGrid = (pixel, from, to) => ((pixel + 0.5) * from) / to - 0.5;
/** The centers of the first and last pixels coincide: PyTorch's `align_corners=True`. */
const byCorners: PixelGrid = (pixel, from, to) => (to > 1 ? (pixel * (from - 1)) / (to - 1) : 0);
/** The input pixel that covers the position: PyTorch's `nearest`. */
const byNearest: PixelGrid = (pixel, from, to) => Math.floor((pixel * from) / to);

/** Returns the matrix `[from, to]` of linear interpolation between pixel centers. The border pixel is repeated beyond the border. */
function interpolation(from: number, to: number, grid: PixelGrid): tf.Tensor {
  const weights = new Float32Array(from * to);
  const add = (row: number, column: number, weight: number) => {
    weights[row * to + column] = (weights[row * to + column] ?? 0) + weight;
  };
  for (let pixel = 0; pixel < to; pixel++) {
    const position = Math.max(grid(pixel, from, to), 0);
    const below = Math.min(Math.floor(position), from - 1);
    const above = Math.min(below + 1, from - 1);
    add(below, pixel, 1 - (position - below));
    add(above, pixel, position - below);
  }
  return tf.tensor2d(weights, [from, to]);
}

const GRIDS: Readonly<Record<Resizing, PixelGrid>> = { area: byArea, corners: byCorners, nearest: byNearest };

function resample(x: tf.Tensor, size: readonly number[], resizing: Resizing): tf.Tensor {
  return size.reduce((current, to, space) => {
    const from = at(current.shape, space + 1);
    if (from === to) return current;
    return alongAxis(current, space + 1, interpolation(from, to, GRIDS[resizing]), resizing);
  }, x);
}

const enlarged = (x: tf.Tensor, factors: readonly number[]): number[] =>
  zip(spaceOf(x), factors).map(([size, factor]) => size * factor);

/** Enlarges by linear interpolation along each axis of space: PyTorch's bilinear and trilinear `Upsample`. */
export const upsample = (x: tf.Tensor, factors: readonly number[]): tf.Tensor =>
  resample(x, enlarged(x, factors), "area");

/** Enlarges by repeating pixels. */
export const upsampleNearest = (x: tf.Tensor, factors: readonly number[]): tf.Tensor =>
  resample(x, enlarged(x, factors), "nearest");

/** Resizes an image by linear interpolation, with corner pixels aligned. */
export const resizeByCorners = (x: tf.Tensor, size: readonly number[]): tf.Tensor =>
  resample(x, size, "corners");

/** Pixel shuffle (Shi et al. 2016): `[batch, y, x, channel · factor²]` becomes `[batch, y · factor, x · factor, channel]`. */
export function pixelShuffle(x: tf.Tensor, factor: number): tf.Tensor {
  if (factor === 1) return x;
  const [batch, height, width, inputs] = exactly(x.shape, 4, "The shape of a 2D image");
  const channels = inputs / factor ** 2;
  return x
    .reshape([batch, height, width, channels, factor, factor])
    .transpose([0, 1, 4, 2, 5, 3])
    .reshape([batch, height * factor, width * factor, channels]);
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

/** The numbered layers of a PyTorch `Sequential`. Every layer takes a number, one without weights too. */
export class Sequence {
  private index = 0;
  constructor(private readonly scope: Scope) {}

  next(): Scope {
    return this.scope.at(String(this.index++));
  }
}
