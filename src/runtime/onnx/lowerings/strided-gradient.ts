/**
 * The gradient of a strided convolution by its input, which is also the transposed convolution, as one convolution for each phase: results
 * that lie a stride apart take the same values of the kernel. In 3D, ONNX's ConvTranspose takes four to eight times as long.
 */
import { at, atLeast, lastOf, product, zip } from "../../../facts/checked-lists.ts";
import type { ConvolutionAttributes } from "../../convolution.ts";
import type { GraphBuilder, Value } from "../graph.ts";
import { interleavedLines } from "./image-layout.ts";

/** What one axis contributes to a phase. */
interface AxisPhase {
  /** First value of the flipped kernel, and how many, a stride apart. */
  readonly first: number;
  readonly values: number;
  readonly before: number;
  readonly after: number;
}

/**
 * Returns the phases along an axis: results `stride · m + phase`, of which each phase has the same number.
 *
 * @returns undefined if a phase leaves out some of the gradient
 */
function phasesAlong(
  [pixels, size]: readonly [number, number],
  [width, stride, padding]: readonly [number, number, number],
): AxisPhase[] | undefined {
  const count = Math.ceil(size / stride);
  const phases = Array.from({ length: stride }, (_, phase) => {
    // Value k of the kernel brings pixel j of the gradient to the result stride · j + k - padding.
    const [lowest, skipped] = [(phase + padding) % stride, Math.floor((phase + padding) / stride)];
    const values = Math.ceil((width - lowest) / stride);
    const before = values - 1 - skipped;
    const after = count - pixels - before + values - 1;
    return { first: width - 1 - lowest - stride * (values - 1), values, before, after };
  });
  const fits = phases.every(({ values, before, after }) => values === 0 || (before >= 0 && after >= 0));
  return fits ? phases : undefined;
}

/** Returns all combinations of one element of each list, the last list's changing fastest. */
const combinations = <T>(lists: readonly (readonly T[])[]): T[][] =>
  lists.reduce<T[][]>((all, list) => all.flatMap((each) => list.map((next) => [...each, next])), [[]]);

/** Sizes of a gradient by the input. */
export interface StridedSizes {
  readonly batch: number;
  /** Channels of the result. */
  readonly channels: number;
  /** Space of the gradient that is given. */
  readonly space: readonly number[];
  readonly kernel: readonly number[];
}

/**
 * Adds the gradient `[batch, channel, …space]`.
 *
 * @param dy channels first
 * @param kernels flipped, `[channel, out, …kernel]`
 * @returns undefined where phases do not fit
 */
export function byPhases(
  graph: GraphBuilder,
  dy: Value,
  kernels: Value,
  { batch, channels, space, kernel }: StridedSizes,
  { stride, padding, dilation, size }: ConvolutionAttributes,
): Value | undefined {
  if (dilation.some((spacing) => spacing > 1)) return undefined;
  const axes: AxisPhase[][] = [];
  for (const [pixels, wanted, width, step, pad] of zip(space, size, kernel, stride, padding)) {
    const phases = phasesAlong([pixels, wanted], [width, step, pad]);
    if (phases === undefined) return undefined;
    axes.push(phases);
  }
  const counts = zip(size, stride).map(([wanted, step]) => Math.ceil(wanted / step));
  const results = combinations(axes).map((phase) => {
    // No value of the kernel reaches these results.
    if (phase.some(({ values }) => values === 0)) return graph.zeros([batch, channels, ...counts]);
    const firsts = phase.map(({ first }) => first);
    const ends = phase.map(({ first, values }, axis) => first + at(stride, axis) * (values - 1) + 1);
    const spaceAxes = phase.map((_, axis) => axis + 2);
    const bounds = [firsts, ends, spaceAxes, stride].map((each) => graph.integers(each));
    const part = graph.add("Slice", [kernels, ...bounds]);
    return graph.add("Conv", [dy, part], {
      attributes: {
        kernel_shape: phase.map(({ values }) => values),
        pads: [...phase.map(({ before }) => before), ...phase.map(({ after }) => after)],
        strides: phase.map(() => 1),
        dilations: phase.map(() => 1),
      },
    });
  });
  const whole = interleaved(graph, results, [batch, channels, ...counts], stride);
  const isWhole = zip(counts, stride, size).every(([count, step, wanted]) => count * step === wanted);
  if (isWhole) return whole;
  const spaceAxes = size.map((_, axis) => axis + 2);
  const bounds = [size.map(() => 0), size, spaceAxes].map((each) => graph.integers(each));
  return graph.add("Slice", [whole, ...bounds]);
}

/**
 * Returns an image whose phases are given, each `[batch, channel, …space]`: columns are joined as neighbors, and then whole lines are moved.
 *
 * @param phases the phase along the last axis changes fastest
 */
function interleaved(
  graph: GraphBuilder,
  phases: readonly Value[],
  shape: readonly number[],
  stride: readonly number[],
): Value {
  const [batch, channels, ...space] = atLeast(shape, 3);
  const [columns, rows] = [lastOf(stride), stride.slice(0, -1)];
  const wide = [...space.slice(0, -1), lastOf(space) * columns];
  const lines = Array.from({ length: product(rows) }, (_, row) => {
    const neighbors = phases
      .slice(row * columns, (row + 1) * columns)
      .map((each) => graph.reshape(each, [...shape, 1]));
    return graph.reshape(graph.concat(neighbors, shape.length), [batch, channels, 1, ...wide]);
  });
  return interleavedLines(graph, graph.concat(lines, 2), [batch, channels, ...wide], stride);
}
