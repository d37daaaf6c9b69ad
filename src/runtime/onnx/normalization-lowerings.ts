/** How the normalization of channels and its gradient are written in ONNX: in as few passes over memory as its operators allow. */
import { channelsOf, spaceOf } from "../image-shape.ts";
import type { GraphBuilder, Value } from "./graph.ts";
import { channelsLast, image } from "./image-layout.ts";
import { plain, plainTensor, sizeOf, type Traced } from "./layout.ts";

/**
 * An image as lines that are each normalized alone, or with the same channel's lines of other samples: `[1, sample · channel, pixel]`
 * or `[sample, channel, pixel]`.
 */
interface Lines {
  readonly batch: number;
  readonly channels: number;
  readonly pixels: number;
  readonly space: readonly number[];
  /** Whether samples are looked at together. */
  readonly together: boolean;
  /** `[batch, channel]`, or `[1, channel]` when together: how statistics lie. */
  readonly groups: readonly [number, number];
  readonly stacked: readonly [number, number, number];
}

function linesOf(x: Traced, axes: readonly number[]): Lines {
  const [batch] = x.shape;
  const [channels, space] = [channelsOf(x), spaceOf(x)];
  const [together, pixels] = [axes.includes(0), sizeOf(space)];
  return {
    batch,
    channels,
    pixels,
    space,
    together,
    groups: [together ? 1 : batch, channels],
    stacked: together ? [batch, channels, pixels] : [1, batch * channels, pixels],
  };
}

const reshaped = (graph: GraphBuilder, value: Value, shape: readonly number[]) =>
  graph.add("Reshape", [value, graph.integers(shape)]);

const summed = (graph: GraphBuilder, value: Value, axis: number, keepdims: 0 | 1) =>
  graph.add("ReduceSum", [value, graph.integers([axis])], { attributes: { keepdims } });

/** The sum of a · b along each line, then over what is normalized together: `groups`. */
function products(graph: GraphBuilder, a: Value, b: Value, lines: Lines): Value {
  const { batch, channels, pixels, groups, stacked, together } = lines;
  if (graph.target === "gpu") {
    const product = graph.add("Mul", [reshaped(graph, a, stacked), reshaped(graph, b, stacked)]);
    return reshaped(graph, summed(graph, summed(graph, product, 2, 1), 0, 1), groups);
  }
  const rows = (value: Value) => reshaped(graph, value, [batch * channels, 1, pixels]);
  const each = graph.matrixProduct(
    { value: rows(a), rank: 3, swapped: false },
    { value: rows(b), rank: 3, swapped: true },
  );
  const table = reshaped(graph, each, [batch, channels]);
  return together ? reshaped(graph, summed(graph, table, 0, 0), groups) : table;
}

/** factor · x + shift for each line, both `groups`; `to`, where it is given, is added as well. */
function moved(graph: GraphBuilder, x: Value, factor: Value, shift: Value, lines: Lines, to?: Value): Value {
  const [, count] = lines.stacked;
  if (graph.target === "gpu") {
    const scaled = graph.add("Mul", [x, reshaped(graph, factor, [1, count, 1])]);
    const sum = graph.add("Add", [scaled, reshaped(graph, shift, [1, count, 1])]);
    return to === undefined ? sum : graph.add("Add", [sum, to]);
  }
  const inputs = [x, reshaped(graph, factor, [count, 1, 1]), reshaped(graph, shift, [count])];
  // A convolution of single pixels, each channel for itself, is the one operator that does both at once.
  const attributes = { group: count, kernel_shape: [1] };
  return to === undefined
    ? graph.add("Conv", inputs, { attributes })
    : graph.add("FusedConv", [...inputs, to], { attributes, domain: "com.microsoft" });
}

/** The same as one operator, whose attributes do not depend on the number of images. */
function instanceNormalization(graph: GraphBuilder, inputs: readonly Value[], epsilon: number): Value {
  return graph.add("InstanceNormalization", inputs, { attributes: { epsilon: { float: epsilon } } });
}

/** @returns normalized, mean, variance, centered, inverse deviation */
export function normalizeChannels(
  graph: GraphBuilder,
  { x, gamma, beta }: { x: Traced; gamma: Traced; beta: Traced },
  { axes, epsilon }: { axes: readonly number[]; epsilon: number },
): Traced[] {
  const lines = linesOf(x, axes);
  const { batch, channels, pixels, space, together, groups, stacked } = lines;
  const given = reshaped(graph, image(graph, x), stacked);
  const mean = graph.add("ReduceMean", [given, graph.integers(together ? [0, 2] : [2])], {
    attributes: { keepdims: 1 },
  });
  const centered = graph.add("Sub", [given, mean]);
  const count = pixels * (together ? batch : 1);
  const variance = graph.add("Mul", [products(graph, centered, centered, lines), graph.scalar(1 / count)]);
  const raised = graph.add("Add", [variance, graph.scalar(epsilon)]);
  const inverse = graph.add("Reciprocal", [graph.add("Sqrt", [raised])]);
  const factor = graph.add("Mul", [inverse, plain(graph, gamma)]);
  const shift = graph.add("Expand", [plain(graph, beta), graph.integers(groups)]);
  const normalized =
    graph.target === "portable" && !together
      ? instanceNormalization(graph, [image(graph, x), plain(graph, gamma), plain(graph, beta)], epsilon)
      : moved(graph, centered, factor, shift, lines);
  const whole = (value: Value) =>
    channelsLast(reshaped(graph, value, [batch, channels, ...space]), batch, space, channels);
  const ones = space.map(() => 1);
  const statistic = (value: Value) =>
    channelsLast(reshaped(graph, value, [...groups, ...ones]), groups[0], ones, channels);
  return [whole(normalized), statistic(mean), statistic(variance), whole(centered), statistic(inverse)];
}

/** @returns the gradients by x, gamma and beta */
export function normalizeChannelsGradient(
  graph: GraphBuilder,
  inputs: { dy: Traced; gamma: Traced; centered: Traced; inverseDeviation: Traced },
  { axes }: { axes: readonly number[] },
): Traced[] {
  const { dy, gamma, centered, inverseDeviation } = inputs;
  const lines = linesOf(dy, axes);
  const { batch, channels, pixels, space, together, groups, stacked } = lines;
  const slope = reshaped(graph, image(graph, dy), stacked);
  const values = reshaped(graph, image(graph, centered), stacked);
  const inverse = reshaped(graph, image(graph, inverseDeviation), groups);

  const lineSums = reshaped(graph, summed(graph, slope, 2, 0), [batch, channels]);
  const sums = together ? summed(graph, lineSums, 0, 1) : lineSums;
  const along = graph.add("Mul", [products(graph, slope, values, lines), inverse]);
  const total = (value: Value) => plainTensor(summed(graph, value, 0, 0), "float32", [channels]);

  // factor · (dy - mean(dy) - standardized · mean(dy · standardized)), gathered by dy and by the centered values.
  const factor = graph.add("Mul", [inverse, plain(graph, gamma)]);
  const share = graph.add("Mul", [factor, graph.scalar(-1 / (pixels * (together ? batch : 1)))]);
  const byValue = graph.add("Mul", [graph.add("Mul", [share, along]), inverse]);
  const scaled = graph.add("Mul", [slope, reshaped(graph, factor, [1, stacked[1], 1])]);
  const moving = moved(graph, values, byValue, graph.add("Mul", [share, sums]), lines, scaled);
  const x = reshaped(graph, moving, [batch, channels, ...space]);
  return [channelsLast(x, batch, space, channels), total(along), total(sums)];
}
