/** Normalizations along images and their gradients in ONNX, in as few passes over memory as its operators allow. */
import { product } from "../../../facts/checked-lists.ts";
import { batchOf, channelsOf, spaceOf } from "../../image-shape.ts";
import { NORMALIZE_CHANNELS, NORMALIZE_CHANNELS_GRADIENT, STANDARDIZE } from "../../normalization.ts";
import type { GraphBuilder, Value } from "../graph.ts";
import { plain, plainTensor, splatTensor, type Traced } from "../layout.ts";
import { elementwise, unary } from "./elementwise.ts";
import { channelsLast, image } from "./image-layout.ts";
import { type Lowering, lowering, type Unary } from "./lowering.ts";
import { perChannelRefusal } from "./operand-shapes.ts";
import { reduce } from "./reductions.ts";

interface Affine extends Unary {
  readonly gamma: Traced;
  readonly beta: Traced;
}
interface Statistics {
  readonly axes: readonly number[];
  readonly epsilon: number;
}

/** @returns standardized, mean, variance */
function standardize(graph: GraphBuilder, { x }: Unary, { axes, epsilon }: Statistics): Traced[] {
  const mean = reduce(graph, "ReduceMean", x, { axis: axes, keepDims: true });
  const centered = elementwise(graph, "Sub", [x, mean], x.type);
  const square = elementwise(graph, "Mul", [centered, centered], x.type);
  const variance = reduce(graph, "ReduceMean", square, { axis: axes, keepDims: true });
  const raised = elementwise(graph, "Add", [variance, splatTensor(graph, epsilon, x.type, [])], x.type);
  const deviation = unary(graph, "Sqrt", raised);
  return [elementwise(graph, "Div", [centered, deviation], x.type), mean, variance];
}

// ---- channels ------------------------------------------------------------------------------------------------------

/**
 * An image as lines, one for each channel of each sample. A line is normalized alone, or together with the same channel's lines of
 * the other samples.
 */
interface Lines {
  readonly batch: number;
  readonly channels: number;
  readonly pixels: number;
  readonly space: readonly number[];
  /** Whether all samples are normalized together. */
  readonly together: boolean;
  /** Shape of the statistics: `[batch, channel]`, or `[1, channel]` when samples are normalized together. */
  readonly groups: readonly [number, number];
  /** Shape of the lines: `[1, batch · channel, pixel]`, or `[batch, channel, pixel]` when samples are normalized together. */
  readonly stacked: readonly [number, number, number];
}

function linesOf(x: Traced, axes: readonly number[]): Lines {
  const [batch, channels, space] = [batchOf(x), channelsOf(x), spaceOf(x)];
  const [together, pixels] = [axes.includes(0), product(space)];
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

const summed = (graph: GraphBuilder, value: Value, axis: number, keepdims: 0 | 1) =>
  graph.add("ReduceSum", [value, graph.integers([axis])], { attributes: { keepdims } });

/** Returns the sum of a · b over what is normalized together, of shape `groups`. */
function products(graph: GraphBuilder, a: Value, b: Value, lines: Lines): Value {
  const { batch, channels, pixels, groups, stacked, together } = lines;
  if (graph.target === "gpu") {
    const product = graph.add("Mul", [graph.reshape(a, stacked), graph.reshape(b, stacked)]);
    return graph.reshape(summed(graph, summed(graph, product, 2, 1), 0, 1), groups);
  }
  // With an axis before the channels, these are images, whose products can be summed in blocks of channels (operators-in-blocks.ts).
  const rows = (value: Value) => graph.reshape(value, [1, batch * channels, 1, pixels]);
  const each = graph.matrixProduct(
    { value: rows(a), rank: 4, swapped: false },
    { value: rows(b), rank: 4, swapped: true },
  );
  const table = graph.reshape(each, [batch, channels]);
  return together ? graph.reshape(summed(graph, table, 0, 0), groups) : table;
}

/**
 * Returns factor · x + shift for each line.
 *
 * @param factor of shape `groups`, as `shift` is
 * @param added an image to add as well
 */
function scaledAndShifted(
  graph: GraphBuilder,
  x: Value,
  factor: Value,
  shift: Value,
  lines: Lines,
  added?: Value,
): Value {
  const [, count] = lines.stacked;
  if (graph.target === "gpu") {
    const scaled = graph.add("Mul", [x, graph.reshape(factor, [1, count, 1])]);
    const sum = graph.add("Add", [scaled, graph.reshape(shift, [1, count, 1])]);
    return added === undefined ? sum : graph.add("Add", [sum, added]);
  }
  const inputs = [x, graph.reshape(factor, [count, 1, 1]), graph.reshape(shift, [count])];
  // A depthwise convolution with kernels of one pixel is the only operator that scales and shifts at once.
  const attributes = { group: count, kernel_shape: [1] };
  return added === undefined
    ? graph.add("Conv", inputs, { attributes })
    : graph.add("FusedConv", [...inputs, added], { attributes, domain: "com.microsoft" });
}

/** Normalizes with one operator, whose attributes do not depend on the number of images. */
function instanceNormalization(graph: GraphBuilder, inputs: readonly Value[], epsilon: number): Value {
  return graph.add("InstanceNormalization", inputs, { attributes: { epsilon: { float: epsilon } } });
}

/** @returns normalized, mean, variance, centered, inverse deviation */
function normalizeChannels(
  graph: GraphBuilder,
  { x, gamma, beta }: Affine,
  { axes, epsilon }: Statistics,
): Traced[] {
  const lines = linesOf(x, axes);
  const { batch, channels, pixels, space, together, groups, stacked } = lines;
  const given = graph.reshape(image(graph, x), stacked);
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
      : scaledAndShifted(graph, centered, factor, shift, lines);
  const whole = (value: Value) =>
    channelsLast(graph.reshape(value, [batch, channels, ...space]), batch, space, channels);
  const ones = space.map(() => 1);
  const statistic = (value: Value) =>
    channelsLast(graph.reshape(value, [...groups, ...ones]), groups[0], ones, channels);
  return [whole(normalized), statistic(mean), statistic(variance), whole(centered), statistic(inverse)];
}

/** @returns the gradients by x, gamma and beta */
function normalizeChannelsGradient(
  graph: GraphBuilder,
  {
    dy,
    gamma,
    centered,
    inverseDeviation,
  }: Readonly<Record<"dy" | "gamma" | "centered" | "inverseDeviation", Traced>>,
  { axes }: Statistics,
): Traced[] {
  const lines = linesOf(dy, axes);
  const { batch, channels, pixels, space, together, groups, stacked } = lines;
  const slope = graph.reshape(image(graph, dy), stacked);
  const values = graph.reshape(image(graph, centered), stacked);
  const inverse = graph.reshape(image(graph, inverseDeviation), groups);

  const lineSums = graph.reshape(summed(graph, slope, 2, 0), [batch, channels]);
  const sums = together ? summed(graph, lineSums, 0, 1) : lineSums;
  const along = graph.add("Mul", [products(graph, slope, values, lines), inverse]);
  const total = (value: Value) => plainTensor(summed(graph, value, 0, 0), "float32", [channels]);

  // factor · (dy - mean(dy) - standardized · mean(dy · standardized)), with its terms in dy and in the centered values collected.
  const factor = graph.add("Mul", [inverse, plain(graph, gamma)]);
  const share = graph.add("Mul", [factor, graph.scalar(-1 / (pixels * (together ? batch : 1)))]);
  const byValue = graph.add("Mul", [graph.add("Mul", [share, along]), inverse]);
  const scaled = graph.add("Mul", [slope, graph.reshape(factor, [1, stacked[1], 1])]);
  const moving = scaledAndShifted(graph, values, byValue, graph.add("Mul", [share, sums]), lines, scaled);
  const x = graph.reshape(moving, [batch, channels, ...space]);
  return [channelsLast(x, batch, space, channels), total(along), total(sums)];
}

export const normalizationLowerings: Readonly<Record<string, Lowering>> = {
  [STANDARDIZE.name]: lowering(STANDARDIZE, standardize),
  [NORMALIZE_CHANNELS.name]: lowering(NORMALIZE_CHANNELS, normalizeChannels, perChannelRefusal),
  [NORMALIZE_CHANNELS_GRADIENT.name]: lowering(NORMALIZE_CHANNELS_GRADIENT, normalizeChannelsGradient),
};
