/** Convolution and pooling written otherwise where a GPU's providers lack an operator, or would be slow at it. */
import type { ConvolutionAttributes } from "../convolution.ts";
import { channelsOf, spaceOf } from "../image-shape.ts";
import type { GraphBuilder, Value } from "./graph.ts";
import { channelsLast, extended, image, pixelsAt, placesOf } from "./image-layout.ts";
import { plain, plainTensor, sizeOf, type Traced } from "./layout.ts";
import type { OnnxType } from "./model-proto.ts";

/**
 * The gradient by a convolution's weight: for each place in the kernel, the product of `dy` with the input moved by that place. Lines
 * of pixels are products of their own, added up after: one long product of small matrices would keep few of a GPU's cores busy.
 */
export function weightGradientByLines(
  graph: GraphBuilder,
  x: Traced,
  dy: Traced,
  attributes: ConvolutionAttributes,
): Traced {
  const { padding, size: kernel } = attributes;
  const space = spaceOf(dy);
  const [batch, lines, ...rest] = dy.shape.slice(0, -1);
  const [inputs, outputs, pixels] = [channelsOf(x), channelsOf(dy), sizeOf(rest)];
  const given = graph.add("Reshape", [image(graph, dy), graph.integers([batch, outputs, lines, pixels])]);
  const gradient = graph.add("Transpose", [given], { attributes: { perm: [0, 2, 1, 3] } });
  const pads = graph.integers([0, ...padding, 0, 0, ...padding, 0]);
  const wide = padding.some((each) => each > 0)
    ? graph.add("Pad", [plain(graph, x), pads, graph.scalar(0, x.type)])
    : plain(graph, x);
  const axes = kernel.map((_, axis) => axis + 1);
  const places = placesOf(kernel).map((place) => {
    const moved = pixelsAt(graph, wide, place, attributes, space, axes);
    const rows = graph.add("Reshape", [moved, graph.integers([batch, lines, pixels, inputs])]);
    const product = graph.cast(graph.add("MatMul", [gradient, rows]), x.type, "float32");
    const summed = graph.add("ReduceSum", [product, graph.integers([0, 1])], { attributes: { keepdims: 0 } });
    return graph.add("Reshape", [summed, graph.integers([outputs, inputs, 1])]);
  });
  const all = places.length === 1 ? places[0] : graph.add("Concat", places, { attributes: { axis: 2 } });
  const shape = [outputs, inputs, ...kernel];
  return plainTensor(graph.add("Reshape", [all, graph.integers(shape)]), "float32", shape);
}

/** Sizes with each axis of space apart in windows: `[batch, channel, count, pixel, count, pixel, …]`. */
const windowed = (batch: number, channels: number, counts: readonly number[], window: readonly number[]) => [
  batch,
  channels,
  ...counts.flatMap((count, axis) => [count, window[axis]]),
];

/** The number of each pixel in its window, the last axis fastest, to be compared with windowed values. */
function pixelNumbers(graph: GraphBuilder, window: readonly number[]): Value {
  const numbers = Float32Array.from({ length: sizeOf(window) }, (_, at) => at);
  const shape = [1, 1, ...window.flatMap((size) => [1, size])];
  return graph.constant("float32", shape, new Uint8Array(numbers.buffer));
}

/** The largest value of each window, and the number of the first pixel that has it, as a float. */
export function maxPoolingByWindows(graph: GraphBuilder, x: Traced, window: readonly number[]): Traced[] {
  const [batch, channels] = [x.shape[0], channelsOf(x)];
  const counts = spaceOf(x).map((each, axis) => Math.floor(each / window[axis]));
  const whole = counts.map((count, axis) => count * window[axis]);
  const axes = window.map((_, axis) => axis + 2);
  const cut = spaceOf(x).every((each, axis) => each === whole[axis])
    ? image(graph, x)
    : graph.add("Slice", [
        image(graph, x),
        ...[axes.map(() => 0), whole, axes].map((each) => graph.integers(each)),
      ]);
  const split = graph.add("Reshape", [cut, graph.integers(windowed(batch, channels, counts, window))]);
  const inner = graph.integers(window.map((_, axis) => 3 + 2 * axis));
  const keep = { attributes: { keepdims: 1 } };
  const largest = graph.add("ReduceMax", [split, inner], keep);
  const hit = graph.add("Equal", [split, largest]);
  const candidates = graph.add("Where", [hit, pixelNumbers(graph, window), graph.scalar(sizeOf(window))]);
  const first = graph.add("ReduceMin", [candidates, inner], keep);
  const pooled = (value: Value, type: OnnxType) =>
    channelsLast(
      graph.add("Reshape", [value, graph.integers([batch, channels, ...counts])]),
      batch,
      counts,
      channels,
      type,
    );
  return [pooled(largest, x.type), pooled(first, "float32")];
}

/** Each value at its place in its window, zeros elsewhere. */
export function maxUnpoolingByWindows(
  graph: GraphBuilder,
  dy: Traced,
  places: Traced,
  window: readonly number[],
  size: readonly number[],
): Traced {
  const [batch, channels, counts] = [dy.shape[0], channelsOf(dy), spaceOf(dy)];
  const ones = window.map(() => 1);
  const apart = (x: Traced) =>
    graph.add("Reshape", [image(graph, x), graph.integers(windowed(batch, channels, counts, ones))]);
  const hit = graph.add("Equal", [pixelNumbers(graph, window), apart(places)]);
  const spread = graph.add("Where", [hit, apart(dy), graph.scalar(0, dy.type)]);
  const whole = counts.map((count, axis) => count * window[axis]);
  const joined = graph.add("Reshape", [spread, graph.integers([batch, channels, ...whole])]);
  const result = channelsLast(joined, batch, whole, channels, dy.type);
  return size.every((each, axis) => each === whole[axis]) ? result : extended(graph, result, size);
}
