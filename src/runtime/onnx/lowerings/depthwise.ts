/**
 * Depthwise convolutions and their gradients in ONNX, as 2D convolutions with one group for each channel. In 3D, each slice of the
 * kernel is convolved with all slices of the image, since providers for GPUs have no grouped 3D convolution. Portable graphs use one.
 */
import { at, atLeast, exactly } from "../../../facts/checked-lists.ts";
import {
  DEPTHWISE,
  DEPTHWISE_WEIGHT,
  type DepthwiseAttributes,
  type DepthwiseWeightAttributes,
} from "../../depthwise.ts";
import { batchOf, channelsOf, spaceOf } from "../../image-shape.ts";
import type { GraphBuilder, Value } from "../graph.ts";
import { arrangedTensor, plain, plainTensor, stored, type Traced } from "../layout.ts";
import { BLOCK } from "./convolution.ts";
import { channelsLast, image } from "./image-layout.ts";
import { flipped } from "./kernel-order.ts";
import { type Lowering, lowering } from "./lowering.ts";

const halves = (kernel: readonly number[]) => kernel.map((size) => (size - 1) / 2);

/** Adds a 2D convolution that keeps the size, of `[batch, group, y, x]` by kernels `[group, 1, y, x]`. */
function grouped(
  graph: GraphBuilder,
  x: Value,
  kernels: Value,
  kernel: readonly number[],
  groups: number,
  padding = halves(kernel),
): Value {
  const attributes = { pads: [...padding, ...padding], kernel_shape: [...kernel], group: groups };
  const weightShape = groups % BLOCK === 0 ? [groups, 1, ...kernel] : undefined;
  return graph.add("Conv", [x, kernels], { attributes, weightShape });
}

function depthwise(
  graph: GraphBuilder,
  { x, weight }: { readonly x: Traced; readonly weight: Traced },
  { flipped: isFlipped }: DepthwiseAttributes,
): Traced {
  const kernel = weight.shape.slice(2);
  const channels = channelsOf(x);
  if (kernel.length === 2 || graph.target === "portable") {
    const kernels = isFlipped ? flipped(graph, plain(graph, weight), weight.shape) : plain(graph, weight);
    const value = grouped(graph, image(graph, x), kernels, kernel, channels);
    return channelsLast(value, batchOf(x), spaceOf(x), channels, x.type);
  }
  const plane = kernel.slice(1);
  const parts = slicesOf(graph, x, at(kernel, 0));
  const kernels = kernelSlices(graph, weight, isFlipped, parts.length);
  const products = parts.map(({ slices }, index) =>
    grouped(graph, slices, at(kernels, index), plane, channels),
  );
  const sum = products.length === 1 ? at(products, 0) : graph.add("Sum", products);
  return volume(graph, sum, x);
}

/** Convolves the image with `dy` as its kernel: every channel of every sample is a group. */
function depthwiseWeight(
  graph: GraphBuilder,
  { x, dy }: { readonly x: Traced; readonly dy: Traced },
  { size }: DepthwiseWeightAttributes,
): Traced {
  const channels = channelsOf(x);
  const [plane, kernel] = [spaceOf(x).slice(-2), size.slice(-2)];
  const is2D = size.length === 2;
  const images = is2D ? [{ slices: image(graph, x), place: 0 }] : slicesOf(graph, x, at(size, 0));
  const count = batchOf(x) * (is2D ? 1 : at(spaceOf(x), 0));
  const gradient = is2D ? image(graph, dy) : at(slicesOf(graph, dy, 1), 0).slices;
  const kernels = graph.reshape(gradient, [count * channels, 1, ...plane]);
  const none = graph.zeros([channels, 1, ...kernel], x.type);
  const slices = Array.from({ length: is2D ? 1 : at(size, 0) }, () => none);
  for (const { slices: each, place } of images) {
    const wide = graph.reshape(each, [1, count * channels, ...plane]);
    const product = grouped(graph, wide, kernels, plane, count * channels, halves(kernel));
    const perImage = graph.reshape(product, [count, channels, 1, ...kernel]);
    slices[place] = graph.add("ReduceSum", [perImage, graph.integers([0])], { attributes: { keepdims: 0 } });
  }
  const shape = [channels, 1, ...size];
  return plainTensor(graph.reshape(graph.concat(slices, 1), shape), x.type, shape);
}

// ---- volumes as slices ---------------------------------------------------------------------------------------------

/** Storage order of a volume `[batch, z, y, x, channel]` as slices `[batch, z, channel, y, x]`. */
const SLICES = [0, 1, 3, 4, 2];
/** The permutations between slices `[slice, y, x, channel]` and `[slice, channel, y, x]`. */
const [TO_FIRST, TO_LAST] = [
  [0, 3, 1, 2],
  [0, 2, 3, 1],
];

/** Returns the `count` slices in the middle of kernels `[channel, 1, z, y, x]`, from the first to the last: `[channel, 1, y, x]`. */
function kernelSlices(graph: GraphBuilder, weight: Traced, isFlipped: boolean, count: number): Value[] {
  const [channels, , depth, ...plane] = atLeast(weight.shape, 3);
  const first = (depth - count) / 2;
  const whole = graph.reshape(plain(graph, weight), [channels, depth, ...plane]);
  const range = [first, first + count, 1].map((each) => graph.integers([each]));
  const middle = count === depth ? whole : graph.add("Slice", [whole, ...range]);
  const flat = isFlipped ? flipped(graph, middle, [channels, count, ...plane]) : middle;
  const all = graph.add("Transpose", [flat], { attributes: { perm: [1, 0, 2, 3] } });
  const sizes = graph.integers(new Array<number>(count).fill(1));
  const slices =
    count === 1 ? [all] : graph.addMany("Split", [all, sizes], { attributes: { axis: 0 }, outputs: count });
  const shaped = slices.map((slice) => graph.reshape(slice, [channels, 1, ...plane]));
  return isFlipped ? shaped.reverse() : shaped;
}

/** The slices of a volume that one slice of a kernel is multiplied with. */
interface ShiftedSlices {
  /** `[batch · z, channel, y, x]` */
  readonly slices: Value;
  /** Place of the kernel's slice. */
  readonly place: number;
}

/** Returns all slices of a volume, shifted for each of the kernel's `depth` slices that meets the volume at all. */
function slicesOf(graph: GraphBuilder, x: Traced, depth: number): ShiftedSlices[] {
  const [batch, count, height, width, channels] = exactly(x.shape, 5, "The shape of a volume");
  const isLast = graph.target === "cpu";
  const pixels = isLast ? [height, width, channels] : [channels, height, width];
  const whole = isLast ? plain(graph, x) : stored(graph, x, SLICES);
  // Channels move to the front slice by slice: blocks of channels (blocked-images.ts) are made of channels-last slices.
  const images = (value: Value) =>
    isLast ? graph.add("Transpose", [value], { attributes: { perm: TO_FIRST } }) : value;
  const flat = (value: Value) => images(graph.reshape(value, [batch * count, ...pixels]));
  const half = (depth - 1) / 2;
  const border = Math.min(half, count - 1);
  if (border === 0) return [{ slices: flat(whole), place: half }];
  const zeros = graph.zeros([batch, border, ...pixels], x.type);
  const padded = graph.concat([zeros, whole, zeros], 1);
  const part = (value: Value, start: number, axis: number) =>
    graph.add("Slice", [value, ...[start, start + count, axis].map((each) => graph.integers([each]))]);
  // Slices of a single volume are a batch of images, of which some are taken.
  const batched = graph.reshape(padded, [batch * (count + 2 * border), ...pixels]);
  return Array.from({ length: 2 * border + 1 }, (_, start) => ({
    slices: batch === 1 ? images(part(batched, start, 0)) : flat(part(padded, start, 1)),
    place: start + half - border,
  }));
}

/** Returns slices `[batch · z, channel, y, x]` as a volume of the shape of `x`. */
function volume(graph: GraphBuilder, slices: Value, x: Traced): Traced {
  if (graph.target === "cpu") {
    const last = graph.add("Transpose", [slices], { attributes: { perm: TO_LAST } });
    return plainTensor(graph.reshape(last, x.shape), x.type, x.shape);
  }
  const [batch, depth, height, width, channels] = exactly(x.shape, 5, "The shape of a volume");
  const value = graph.reshape(slices, [batch, depth, channels, height, width]);
  return arrangedTensor(value, x.type, x.shape, SLICES);
}

export const depthwiseLowerings: Readonly<Record<string, Lowering>> = {
  [DEPTHWISE.name]: lowering(DEPTHWISE, depthwise),
  [DEPTHWISE_WEIGHT.name]: lowering(DEPTHWISE_WEIGHT, depthwiseWeight),
};
