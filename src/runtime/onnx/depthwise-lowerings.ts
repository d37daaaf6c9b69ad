/**
 * How depthwise convolutions and their gradients are written in ONNX: as convolutions with a group for each channel, flat ones: in 3D each
 * slice of the kernel meets all slices of the image, since providers for GPUs have no convolution of volumes by groups.
 */
import type { DepthwiseAttributes, DepthwiseWeightAttributes } from "../depthwise.ts";
import { channelsOf, spaceOf } from "../image-shape.ts";
import { flipped } from "./convolution-lowerings.ts";
import type { GraphBuilder, Value } from "./graph.ts";
import { channelsLast, image } from "./image-layout.ts";
import { arrangedTensor, plain, plainTensor, stored, type Traced } from "./layout.ts";

const halves = (kernel: readonly number[]) => kernel.map((size) => (size - 1) / 2);

/** A flat convolution that keeps the size, `[n, group, y, x]` by `[group, 1, y, x]`. */
function grouped(
  graph: GraphBuilder,
  x: Value,
  kernels: Value,
  kernel: readonly number[],
  groups: number,
  padding = halves(kernel),
) {
  const attributes = { pads: [...padding, ...padding], kernel_shape: [...kernel], group: groups };
  return graph.add("Conv", [x, kernels], { attributes });
}

export function depthwiseLowering(
  graph: GraphBuilder,
  { x, weight }: { x: Traced; weight: Traced },
  { turned }: DepthwiseAttributes,
): Traced {
  const kernel = weight.shape.slice(2);
  const channels = channelsOf(x);
  const factors = turned ? flipped(graph, plain(graph, weight), kernel) : plain(graph, weight);
  if (kernel.length === 2 || graph.target === "portable") {
    const value = grouped(graph, image(graph, x), factors, kernel, channels);
    return channelsLast(value, x.shape[0], spaceOf(x), channels, x.type);
  }
  const parts = slicesOf(graph, x, kernel[0]).map((slices, place) =>
    grouped(
      graph,
      slices,
      slice(graph, factors, place, 2, [channels, 1, ...kernel.slice(1)]),
      kernel.slice(1),
      channels,
    ),
  );
  const sum = parts.length === 1 ? parts[0] : graph.add("Sum", parts);
  const [batch, depth, ...plane] = [x.shape[0], ...spaceOf(x)];
  const value = graph.add("Reshape", [sum, graph.integers([batch, depth, channels, ...plane])]);
  return arrangedTensor(value, x.type, x.shape, SLICES);
}

/** The image convolved with `dy` as its kernel: every channel of every sample is a group. */
export function depthwiseWeightLowering(
  graph: GraphBuilder,
  { x, dy }: { x: Traced; dy: Traced },
  { size }: DepthwiseWeightAttributes,
): Traced {
  const channels = channelsOf(x);
  const plane = spaceOf(x).slice(-2);
  const flat = size.length === 2;
  const planes = flat ? [image(graph, x)] : slicesOf(graph, x, size[0]);
  const count = x.shape[0] * (flat ? 1 : x.shape[1]);
  const gradient = flat ? image(graph, dy) : stored(graph, dy, SLICES);
  const kernels = graph.add("Reshape", [gradient, graph.integers([count * channels, 1, ...plane])]);
  const kernel = size.slice(-2);
  const places = planes.map((each) => {
    const wide = graph.add("Reshape", [each, graph.integers([1, count * channels, ...plane])]);
    const product = grouped(graph, wide, kernels, plane, count * channels, halves(kernel));
    const perPlane = graph.add("Reshape", [product, graph.integers([count, channels, 1, ...kernel])]);
    return graph.add("ReduceSum", [perPlane, graph.integers([0])], { attributes: { keepdims: 0 } });
  });
  const all = places.length === 1 ? places[0] : graph.add("Concat", places, { attributes: { axis: 1 } });
  const shape = [channels, 1, ...size];
  return plainTensor(graph.add("Reshape", [all, graph.integers(shape)]), x.type, shape);
}

/** Storage order of a volume `[batch, z, y, x, channel]` as slices `[batch, z, channel, y, x]`. */
const SLICES = [0, 1, 3, 4, 2];

/** One place along an axis, in another shape. */
function slice(graph: GraphBuilder, x: Value, place: number, axis: number, shape: readonly number[]): Value {
  const cut = graph.add("Slice", [
    x,
    graph.integers([place]),
    graph.integers([place + 1]),
    graph.integers([axis]),
  ]);
  return graph.add("Reshape", [cut, graph.integers(shape)]);
}

/** All slices of a volume as each of `depth` places of a kernel along z sees them: `[batch · z, channel, y, x]`. */
function slicesOf(graph: GraphBuilder, x: Traced, depth: number): Value[] {
  const [batch, lines, ...plane] = x.shape.slice(0, -1);
  const whole = stored(graph, x, SLICES);
  const shape = graph.integers([batch * lines, channelsOf(x), ...plane]);
  if (depth === 1) return [graph.add("Reshape", [whole, shape])];
  const half = (depth - 1) / 2;
  const amounts = graph.integers([0, half, 0, 0, 0, 0, half, 0, 0, 0]);
  const wide = graph.add("Pad", [whole, amounts, graph.scalar(0, x.type)]);
  return Array.from({ length: depth }, (_, place) => {
    const ends = [graph.integers([place]), graph.integers([place + lines]), graph.integers([1])];
    return graph.add("Reshape", [graph.add("Slice", [wide, ...ends]), shape]);
  });
}
