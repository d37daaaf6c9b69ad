/**
 * The layers that convolutional networks share, in 2D and 3D alike: `x` is `[batch, (z,) y, x, channel]`, weights are named and
 * shaped as PyTorch's.
 */

import { at } from "../facts/checked-lists.ts";
import { gelu, silu } from "../runtime/activations.ts";
import { type ConvolutionWindow, convolution, transposedConvolution } from "../runtime/convolution.ts";
import { channelsOf, spaceOf } from "../runtime/image-shape.ts";
import { normalizeChannels, standardize } from "../runtime/normalization.ts";
import { alongAxis, type Resizing } from "../runtime/operators.ts";
import { type Initializer, ones, type Scope, zeros } from "../runtime/scope.ts";
import { tf } from "../runtime/tensor.ts";

const product = (sizes: readonly number[]) => sizes.reduce((all, each) => all * each, 1);

export interface ConvolutionSettings {
  /** Channels of the result. */
  readonly filters: number;
  /** Along each axis of space. */
  readonly kernel: readonly number[];
  readonly stride?: readonly number[];
  readonly dilation?: readonly number[];
  /** Pixels on either side; by itself as many as keep the size. */
  readonly padding?: readonly number[];
  readonly bias?: boolean;
  /** `pytorch` is PyTorch's own: uniform in ±1/√fanIn, bias included. By itself Glorot's, biases at zero. */
  readonly start?: "xavier" | "pytorch";
}

const xavier: Initializer = { kind: "xavier-uniform" };

/** A convolution; even kernels that keep the size reach one pixel further at the far side, as PyTorch's do. */
export function conv(scope: Scope, x: tf.Tensor, settings: ConvolutionSettings): tf.Tensor {
  const { filters, kernel, bias = true, start = "xavier" } = settings;
  const byFan: Initializer = { kind: "fan-in-uniform", fanIn: channelsOf(x) * product(kernel) };
  const [weightStart, biasStart] = start === "pytorch" ? [byFan, byFan] : [xavier, zeros];
  const weight = scope.parameter("weight", [filters, channelsOf(x), ...kernel], weightStart);
  const y = convolve(x, weight, settings);
  return bias ? y.add(scope.parameter("bias", [filters], biasStart)) : y;
}

/** A convolution that keeps the size and starts as PyTorch's do: what networks for super-resolution are made of. */
export function sameConv(scope: Scope, x: tf.Tensor, filters: number, size = 3): tf.Tensor {
  return conv(scope, x, { filters, kernel: spaceOf(x).map(() => size), start: "pytorch" });
}

/** The convolution alone, with a weight `[out, in, …kernel]`. */
export function convolve(
  x: tf.Tensor,
  weight: tf.Tensor,
  settings: Pick<ConvolutionSettings, "kernel" | "stride" | "dilation" | "padding">,
): tf.Tensor {
  const { kernel } = settings;
  const { stride = kernel.map(() => 1), dilation = kernel.map(() => 1) } = settings;
  const reach = kernel.map((size, axis) => dilation[axis] * (size - 1));
  const padding = settings.padding ?? reach.map((each) => Math.floor(each / 2));
  const window: ConvolutionWindow = { stride, padding, dilation };
  const uneven = settings.padding === undefined && reach.some((each) => each % 2 === 1);
  const input = uneven ? x.pad([[0, 0], ...reach.map((each): [number, number] => [0, each % 2]), [0, 0]]) : x;
  return convolution(input, weight, window);
}

/** A transposed convolution whose kernels lie side by side: every pixel becomes a window of `factors`. */
export function convTranspose(
  scope: Scope,
  x: tf.Tensor,
  {
    filters,
    factors,
    bias = true,
  }: { readonly filters: number; readonly factors: readonly number[]; readonly bias?: boolean },
): tf.Tensor {
  // PyTorch takes the fan of a transposed kernel by its second axis.
  const start: Initializer = { kind: "fan-in-uniform", fanIn: filters * product(factors) };
  const weight = scope.parameter("weight", [channelsOf(x), filters, ...factors], start);
  const window = { stride: factors, padding: factors.map(() => 0), dilation: factors.map(() => 1) };
  const size = spaceOf(x).map((each, axis) => each * factors[axis]);
  const y = transposedConvolution(x, weight, window, size);
  return bias ? y.add(scope.parameter("bias", [filters], start)) : y;
}

/** MODEL.NORMALIZATION: batch, synchronized batch, instance, group, none. */
export type Normalization = "bn" | "sync_bn" | "in" | "gn" | "none";

const EPSILON = 1e-5;

/** What each channel is scaled and shifted by, learned. */
function scaleAndShift(scope: Scope, x: tf.Tensor): [tf.Tensor, tf.Tensor] {
  const channels = [channelsOf(x)];
  return [scope.parameter("weight", channels, ones), scope.parameter("bias", channels, zeros)];
}

const spatialAxes = (x: tf.Tensor) => spaceOf(x).map((_, axis) => axis + 1);

/** Instance normalization (Ulyanov, Vedaldi & Lempitsky 2016): each channel of each sample by itself. */
export function instanceNorm(scope: Scope, x: tf.Tensor): tf.Tensor {
  return normalizeChannels(x, ...scaleAndShift(scope, x), spatialAxes(x), EPSILON).normalized;
}

/** Group normalization (Wu & He 2018). */
function groupNorm(scope: Scope, x: tf.Tensor): tf.Tensor {
  const groups = spaceOf(x).length === 2 ? 16 : 8;
  const grouped = x.reshape([...x.shape.slice(0, -1), groups, channelsOf(x) / groups]);
  const axes = [...spatialAxes(x), grouped.rank - 1];
  const [scale, shift] = scaleAndShift(scope, x);
  return standardize(grouped, axes, EPSILON).reshape(x.shape).mul(scale).add(shift);
}

const MOMENTUM = 0.1;

/** Batch normalization (Ioffe & Szegedy 2015) with PyTorch's running statistics: the variance is kept unbiased. */
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
  const seen = normalizeChannels(x, scale, shift, [0, ...spatialAxes(x)], EPSILON);
  const count = product(x.shape.slice(0, -1));
  const moved = (old: tf.Tensor, now: tf.Tensor) =>
    old.mul(1 - MOMENTUM).add(now.reshape(channels).mul(MOMENTUM));
  scope.updateState("running_mean", moved(mean, seen.mean));
  scope.updateState("running_var", moved(variance, seen.variance.mul(count / Math.max(count - 1, 1))));
  scope.updateState("num_batches_tracked", batches.add(1));
  return seen.normalized;
}

/** Normalizes by the next layer of a sequence; `none` takes no place there. */
export function normalize(layers: Sequence, x: tf.Tensor, kind: Normalization): tf.Tensor {
  if (kind === "none") return x;
  const scope = layers.next();
  if (kind === "in") return instanceNorm(scope, x);
  return kind === "gn" ? groupNorm(scope, x) : batchNorm(scope, x);
}

/** Activations by the names that MODEL.ACTIVATION gives them. */
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
  return ACTIVATIONS[name](x);
}

/** Sets a share of all values to zero in training and scales up the others to make up for it (Srivastava et al. 2014). */
export function dropout(scope: Scope, x: tf.Tensor, rate: number): tf.Tensor {
  return dropped(scope, x, rate, x.shape);
}

/** Sets the whole of some samples to zero in training: the layer is skipped for them (Huang et al. 2016). */
export function stochasticDepth(scope: Scope, x: tf.Tensor, probability: number): tf.Tensor {
  return dropped(scope, x, probability, [x.shape[0], ...x.shape.slice(1).map(() => 1)]);
}

/** @param shape of the random numbers that decide, each over all values that it is broadcast to */
function dropped(scope: Scope, x: tf.Tensor, rate: number, shape: readonly number[]): tf.Tensor {
  if (!scope.training || rate <= 0) return x;
  const kept = scope.uniform(shape).greaterEqual(rate);
  return x.mul(kept.cast("float32")).mul(1 / (1 - rate));
}

/** Where pixel `place` of `to` lies among `from` pixels. */
type PixelGrid = (place: number, from: number, to: number) => number;

/** Both images cover the same area. */
const byArea: PixelGrid = (place, from, to) => ((place + 0.5) * from) / to - 0.5;
/** The centers of the first and last pixels coincide: PyTorch's `align_corners=True`. */
const byCorners: PixelGrid = (place, from, to) => (to > 1 ? (place * (from - 1)) / (to - 1) : 0);
/** The pixel that covers the place: PyTorch's `nearest`. */
const byNearest: PixelGrid = (place, from, to) => Math.floor((place * from) / to);

/** The matrix `[from, to]` of linear interpolation between pixel centers; beyond the border lies the border pixel. */
function interpolation(from: number, to: number, grid: PixelGrid): tf.Tensor {
  const weights = new Float32Array(from * to);
  for (let place = 0; place < to; place++) {
    const at = Math.max(grid(place, from, to), 0);
    const below = Math.min(Math.floor(at), from - 1);
    const above = Math.min(below + 1, from - 1);
    weights[below * to + place] += 1 - (at - below);
    weights[above * to + place] += at - below;
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

const enlarged = (x: tf.Tensor, factors: readonly number[]) =>
  spaceOf(x).map((size, axis) => size * factors[axis]);

/** Enlarges by linear interpolation along each axis of space: PyTorch's bilinear and trilinear `Upsample`. */
export const upsample = (x: tf.Tensor, factors: readonly number[]): tf.Tensor =>
  resample(x, enlarged(x, factors), "area");

/** Enlarges by repeating pixels. */
export const upsampleNearest = (x: tf.Tensor, factors: readonly number[]): tf.Tensor =>
  resample(x, enlarged(x, factors), "nearest");

/** Brings an image to another size by linear interpolation between its corner pixels. */
export const resizeByCorners = (x: tf.Tensor, size: readonly number[]): tf.Tensor =>
  resample(x, size, "corners");

/** Channels spread over space: `[…, y, x, channel · factor²]` becomes `factor` times as large along y and x (Shi et al. 2016). */
export function pixelShuffle(x: tf.Tensor, factor: number): tf.Tensor {
  if (factor === 1) return x;
  const [batch, height, width, all] = x.shape;
  const channels = all / factor ** 2;
  return x
    .reshape([batch, height, width, channels, factor, factor])
    .transpose([0, 1, 4, 2, 5, 3])
    .reshape([batch, height * factor, width * factor, channels]);
}

/** The mean of each channel over space, `[batch, 1, …, channel]`. */
export const channelMeans = (x: tf.Tensor): tf.Tensor => x.mean(spatialAxes(x), true);

/** y = x Wᵀ without a bias. `x` `[row, in]` → `[row, out]` */
function project(scope: Scope, x: tf.Tensor, outputs: number): tf.Tensor {
  return x.matMul(scope.parameter("weight", [outputs, x.shape[1] ?? 0], xavier), false, true);
}

const REDUCTION = 16;

/** Squeeze and excitation (Hu, Shen & Sun 2018): each channel is weighed by what all of them show as a whole. */
export function squeezeExcitation(scope: Scope, x: tf.Tensor): tf.Tensor {
  const channels = channelsOf(x);
  const excitation = scope.at("excitation");
  const squeezed = x.mean(spatialAxes(x));
  const hidden = project(excitation.at("0"), squeezed, Math.floor(channels / REDUCTION)).relu();
  const weights = project(excitation.at("2"), hidden, channels).sigmoid();
  return x.mul(weights.reshape([x.shape[0], ...spaceOf(x).map(() => 1), channels]));
}

/** The places of a PyTorch `Sequential`: every layer takes the next, those without weights too. */
export class Sequence {
  private place = 0;
  constructor(private readonly scope: Scope) {}

  next(): Scope {
    return this.scope.at(String(this.place++));
  }
}
