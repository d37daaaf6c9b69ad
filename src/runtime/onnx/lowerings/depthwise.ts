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
import { BLOCK, flipped } from "./convolution.ts";
import { channelsLast, image } from "./image-layout.ts";
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
  const kernels = isFlipped ? flipped(graph, plain(graph, weight), weight.shape) : plain(graph, weight);
  if (kernel.length === 2 || graph.target === "portable") {
    const value = grouped(graph, image(graph, x), kernels, kernel, channels);
    return channelsLast(value, batchOf(x), spaceOf(x), channels, x.type);
  }
  const [kernelDepth, ...plane] = atLeast(kernel, 1);
  const parts = slicesOf(graph, x, kernelDepth).map((slices, z) =>
    grouped(graph, slices, kernelSlice(graph, kernels, z, [channels, 1, ...plane]), plane, channels),
  );
  const sum = parts.length === 1 ? at(parts, 0) : graph.add("Sum", parts);
  const [depth, ...space] = atLeast(spaceOf(x), 1);
  const value = graph.reshape(sum, [batchOf(x), depth, channels, ...space]);
  return arrangedTensor(value, x.type, x.shape, SLICES);
}

/** Convolves the image with `dy` as its kernel: every channel of every sample is a group. */
function depthwiseWeight(
  graph: GraphBuilder,
  { x, dy }: { readonly x: Traced; readonly dy: Traced },
  { size }: DepthwiseWeightAttributes,
): Traced {
  const channels = channelsOf(x);
  const space = spaceOf(x);
  const [plane, kernel] = [space.slice(-2), size.slice(-2)];
  const is2D = size.length === 2;
  const images = is2D ? [image(graph, x)] : slicesOf(graph, x, at(size, 0));
  const count = batchOf(x) * (is2D ? 1 : at(space, 0));
  const gradient = is2D ? image(graph, dy) : stored(graph, dy, SLICES);
  const kernels = graph.reshape(gradient, [count * channels, 1, ...plane]);
  const slices = images.map((each) => {
    const wide = graph.reshape(each, [1, count * channels, ...plane]);
    const product = grouped(graph, wide, kernels, plane, count * channels, halves(kernel));
    const perImage = graph.reshape(product, [count, channels, 1, ...kernel]);
    return graph.add("ReduceSum", [perImage, graph.integers([0])], { attributes: { keepdims: 0 } });
  });
  const shape = [channels, 1, ...size];
  return plainTensor(graph.reshape(graph.concat(slices, 1), shape), x.type, shape);
}

/** Storage order of a volume `[batch, z, y, x, channel]` as slices `[batch, z, channel, y, x]`. */
const SLICES = [0, 1, 3, 4, 2];

/** Returns one slice of 3D kernels `[channel, 1, z, y, x]`. */
function kernelSlice(graph: GraphBuilder, kernels: Value, z: number, shape: readonly number[]): Value {
  const cut = graph.add("Slice", [
    kernels,
    graph.integers([z]),
    graph.integers([z + 1]),
    graph.integers([2]),
  ]);
  return graph.reshape(cut, shape);
}

/** Returns all slices of a volume, shifted for each of the kernel's `depth` slices: `[batch · z, channel, y, x]`. */
function slicesOf(graph: GraphBuilder, x: Traced, depth: number): Value[] {
  const [batch, slices, height, width, channels] = exactly(x.shape, 5, "The shape of a volume");
  const whole = stored(graph, x, SLICES);
  const shape = graph.integers([batch * slices, channels, height, width]);
  if (depth === 1) return [graph.add("Reshape", [whole, shape])];
  const half = (depth - 1) / 2;
  const amounts = graph.integers([0, half, 0, 0, 0, 0, half, 0, 0, 0]);
  const padded = graph.add("Pad", [whole, amounts, graph.scalar(0, x.type)]);
  return Array.from({ length: depth }, (_, z) => {
    const range = [graph.integers([z]), graph.integers([z + slices]), graph.integers([1])];
    return graph.add("Reshape", [graph.add("Slice", [padded, ...range]), shape]);
  });
}

export const depthwiseLowerings: Readonly<Record<string, Lowering>> = {
  [DEPTHWISE.name]: lowering(DEPTHWISE, depthwise),
  [DEPTHWISE_WEIGHT.name]: lowering(DEPTHWISE_WEIGHT, depthwiseWeight),
};
