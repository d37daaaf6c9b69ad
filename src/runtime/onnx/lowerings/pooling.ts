/** Max pooling and its gradient: ONNX's operators on the CPU, elementary operators on GPUs, whose providers lack MaxUnpool. */
import { exactly, product, zip } from "../../../facts/checked-lists.ts";
import { batchOf, channelsOf, spaceOf } from "../../image-shape.ts";
import { MAX_POOLING, MAX_UNPOOLING } from "../../pooling.ts";
import type { GraphBuilder, Value } from "../graph.ts";
import { sameSizes, type Traced } from "../layout.ts";
import type { OnnxType } from "../model-proto.ts";
import { channelsLast, extended, image } from "./image-layout.ts";
import { type Lowering, lowering } from "./lowering.ts";
import { poolingRefusal } from "./operand-shapes.ts";

type Sizes = readonly number[];

const windowCounts = (space: Sizes, window: Sizes): number[] =>
  zip(space, window).map(([size, each]) => Math.floor(size / each));
const covered = (counts: Sizes, window: Sizes): number[] =>
  zip(counts, window).map(([count, each]) => count * each);

/** Returns the maximum of each window, and the index of the first pixel that has it. */
function maxPooling(graph: GraphBuilder, x: Traced, window: Sizes): Traced[] {
  if (graph.target === "gpu") return maxPoolingByWindows(graph, x, window);
  const size = windowCounts(spaceOf(x), window);
  const results = graph.addMany("MaxPool", [image(graph, x)], {
    attributes: { kernel_shape: [...window], strides: [...window] },
    outputs: 2,
  });
  const [largest, indices] = exactly(results, 2);
  const pooled = (value: Value, type: OnnxType) => channelsLast(value, batchOf(x), size, channelsOf(x), type);
  return [pooled(largest, "float32"), pooled(indices, "int64")];
}

function maxUnpooling(
  graph: GraphBuilder,
  { dy, indices }: { readonly dy: Traced; readonly indices: Traced },
  { window, size }: { readonly window: Sizes; readonly size: Sizes },
): Traced {
  if (graph.target === "gpu") return maxUnpoolingByWindows(graph, dy, indices, window, size);
  const [batch, channels] = [batchOf(dy), channelsOf(dy)];
  const shape = graph.integers([batch, channels, ...size]);
  const value = graph.add("MaxUnpool", [image(graph, dy), image(graph, indices), shape], {
    attributes: { kernel_shape: [...window], strides: [...window] },
  });
  return channelsLast(value, batch, size, channels);
}

// ---- GPU -----------------------------------------------------------------------------------------------------------

/** Returns sizes with each axis of space split into windows: `[batch, channel, count, pixel, count, pixel, …]`. */
const windowed = (batch: number, channels: number, counts: Sizes, window: Sizes) => [
  batch,
  channels,
  ...zip(counts, window).flat(),
];

/** Returns the number of each pixel in its window, the last axis fastest, shaped to compare with windowed values. */
function pixelNumbers(graph: GraphBuilder, window: Sizes): Value {
  const values = Float32Array.from({ length: product(window) }, (_, pixel) => pixel);
  const shape = [1, 1, ...window.flatMap((size) => [1, size])];
  return graph.floats({ shape, values });
}

/** Like {@link maxPooling}. An index is the pixel's number in its window, as a float. */
function maxPoolingByWindows(graph: GraphBuilder, x: Traced, window: Sizes): Traced[] {
  const [batch, channels] = [batchOf(x), channelsOf(x)];
  const counts = windowCounts(spaceOf(x), window);
  const whole = covered(counts, window);
  const axes = window.map((_, axis) => axis + 2);
  const cut = sameSizes(spaceOf(x), whole)
    ? image(graph, x)
    : graph.add("Slice", [
        image(graph, x),
        ...[axes.map(() => 0), whole, axes].map((each) => graph.integers(each)),
      ]);
  const split = graph.reshape(cut, windowed(batch, channels, counts, window));
  const inner = graph.integers(window.map((_, axis) => 3 + 2 * axis));
  const keep = { attributes: { keepdims: 1 } };
  const largest = graph.add("ReduceMax", [split, inner], keep);
  const isLargest = graph.add("Equal", [split, largest]);
  const candidates = graph.add("Where", [
    isLargest,
    pixelNumbers(graph, window),
    graph.scalar(product(window)),
  ]);
  const first = graph.add("ReduceMin", [candidates, inner], keep);
  const pooled = (value: Value, type: OnnxType) =>
    channelsLast(graph.reshape(value, [batch, channels, ...counts]), batch, counts, channels, type);
  return [pooled(largest, x.type), pooled(first, "float32")];
}

/** Puts each value of `dy` at its pixel in its window, and zeros elsewhere. */
function maxUnpoolingByWindows(
  graph: GraphBuilder,
  dy: Traced,
  indices: Traced,
  window: Sizes,
  size: Sizes,
): Traced {
  const [batch, channels, counts] = [batchOf(dy), channelsOf(dy), spaceOf(dy)];
  const ones = window.map(() => 1);
  const perWindow = (x: Traced) => graph.reshape(image(graph, x), windowed(batch, channels, counts, ones));
  const isLargest = graph.add("Equal", [pixelNumbers(graph, window), perWindow(indices)]);
  const spread = graph.add("Where", [isLargest, perWindow(dy), graph.scalar(0, dy.type)]);
  const whole = covered(counts, window);
  const joined = graph.reshape(spread, [batch, channels, ...whole]);
  return extended(graph, channelsLast(joined, batch, whole, channels, dy.type), size);
}

export const poolingLowerings: Readonly<Record<string, Lowering>> = {
  [MAX_POOLING.name]: lowering(
    MAX_POOLING,
    (graph, { x }, { window }) => maxPooling(graph, x, window),
    poolingRefusal,
  ),
  [MAX_UNPOOLING.name]: lowering(MAX_UNPOOLING, maxUnpooling),
};
