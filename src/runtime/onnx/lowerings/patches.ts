/**
 * Convolutions whose windows do not overlap, of images that are stored channels-last: matrix products of patches, without a transposition.
 * Neighboring pixels of a line lie next to each other already, so only the kernel's rows are taken apart or joined, as whole lines.
 */
import { at, atLeast, lastOf, product, zip } from "../../../facts/checked-lists.ts";
import type { ConvolutionWindow } from "../../convolution.ts";
import { batchOf, channelsOf, spaceOf } from "../../image-shape.ts";
import type { GraphBuilder, Value } from "../graph.ts";
import { identity, plain, plainTensor, sameSizes, type Traced } from "../layout.ts";
import { moved } from "./kernel-order.ts";

/**
 * Whether a convolution is a product of patches.
 *
 * @param x the image that is read: the convolution's, or the gradient of its result
 * @param space of the convolution's image
 */
export function isOfPatches(
  graph: GraphBuilder,
  x: Traced,
  kernel: readonly number[],
  space: readonly number[],
  { stride, padding, dilation }: ConvolutionWindow,
): boolean {
  const isLast = sameSizes(x.axes, identity(x.shape.length)) && sameSizes(x.stored, x.shape);
  const isWhole = zip(space, kernel).every(([size, width]) => size % width === 0);
  const isDense =
    padding.every((each) => each === 0) && (product(kernel) === 1 || dilation.every((each) => each === 1));
  return (
    graph.target === "cpu" &&
    x.type === "float32" &&
    isLast &&
    isWhole &&
    isDense &&
    sameSizes(kernel, stride)
  );
}

/** Adds the convolution of an image with a weight `[out, in, …kernel]`. */
export function patchConvolution(graph: GraphBuilder, x: Traced, weight: Traced): Traced {
  const [outputs, , ...kernel] = atLeast(weight.shape, 2);
  const lines = takenApart(graph, x, kernel);
  const products = weightRows(graph, weight).map((row, place) =>
    graph.add("Gemm", [at(lines, place), row], { attributes: { transB: 1 } }),
  );
  const sum = products.reduce((total, each) => graph.add("Add", [total, each]));
  const shape = [batchOf(x), ...zip(spaceOf(x), kernel).map(([size, width]) => size / width), outputs];
  return plainTensor(graph.reshape(sum, shape), x.type, shape);
}

/** Adds the gradient by the image, which is also the transposed convolution. */
export function patchConvolutionInput(graph: GraphBuilder, dy: Traced, weight: Traced): Traced {
  const [outputs, channels, ...kernel] = atLeast(weight.shape, 2);
  const pixels = graph.reshape(plain(graph, dy), [product(dy.shape) / outputs, outputs]);
  const lines = weightRows(graph, weight).map((row) => graph.add("Gemm", [pixels, row]));
  const space = zip(spaceOf(dy), kernel).map(([size, width]) => size * width);
  const shape = [batchOf(dy), ...space, channels];
  return plainTensor(joined(graph, lines, shape, kernel), dy.type, shape);
}

/** Adds the gradient by the weight, `[out, in, …kernel]`. */
export function patchConvolutionWeight(
  graph: GraphBuilder,
  x: Traced,
  dy: Traced,
  kernel: readonly number[],
): Traced {
  const [outputs, channels] = [channelsOf(dy), channelsOf(x)];
  const pixels = graph.reshape(plain(graph, dy), [product(dy.shape) / outputs, outputs]);
  const width = lastOf(kernel) * channels;
  const rows = takenApart(graph, x, kernel).map((line) =>
    graph.reshape(graph.add("Gemm", [pixels, line], { attributes: { transA: 1 } }), [1, outputs, width]),
  );
  const lines = product(kernel) / lastOf(kernel);
  const all = graph.concat(rows, 0);
  const shape = [outputs, channels, ...kernel];
  if (product(kernel) === 1) return plainTensor(graph.reshape(all, shape), x.type, shape);
  const value = moved(graph, all, [
    { shape: [lines, outputs, lastOf(kernel), channels], perm: [0, 2, 1, 3] },
    { shape: [product(kernel), outputs * channels], perm: [1, 0] },
  ]);
  return plainTensor(graph.reshape(value, shape), x.type, shape);
}

/** Returns the rows of a weight `[out, in, …kernel]`, each as a matrix `[out, column · in]`. */
function weightRows(graph: GraphBuilder, weight: Traced): readonly Value[] {
  const [outputs, channels, ...kernel] = atLeast(weight.shape, 2);
  const columns = lastOf(kernel);
  const count = product(kernel) / columns;
  const given = plain(graph, weight);
  const width = columns * channels;
  if (width === channels && count === 1) return [graph.reshape(given, [outputs, width])];
  // Moving columns and then rows takes a fifth of the time of moving single values.
  const rows = moved(graph, given, [
    { shape: [outputs * channels, product(kernel)], perm: [1, 0] },
    { shape: [count, columns, outputs, channels], perm: [0, 2, 1, 3] },
  ]);
  return split(graph, rows, [1, count, outputs * width]).map((row) => graph.reshape(row, [outputs, width]));
}

/** Returns the axes that the kernel's rows lie along, with the number of windows up to each axis and of values behind it. */
function rowAxes(shape: readonly number[], kernel: readonly number[]) {
  return kernel.slice(0, -1).map((width, axis) => ({
    width,
    before: product(shape.slice(0, axis + 2)) / product(kernel.slice(0, axis + 1)),
    behind: product(shape.slice(axis + 2)),
  }));
}

/** Takes an image apart into the lines that each row of the kernel meets: for each row `[pixel of the result, column · channel]`. */
function takenApart(graph: GraphBuilder, x: Traced, kernel: readonly number[]): Value[] {
  const lines = rowAxes(x.shape, kernel).reduce<Value[]>(
    (values, { width, before, behind }) =>
      values.flatMap((value) => split(graph, value, [before, width, behind])),
    [plain(graph, x)],
  );
  const width = lastOf(kernel) * channelsOf(x);
  const pixels = product(x.shape) / channelsOf(x) / product(kernel);
  return lines.map((line) => graph.reshape(line, [pixels, width]));
}

/** Joins the lines of each row of the kernel to an image. The opposite of {@link takenApart}. */
function joined(
  graph: GraphBuilder,
  lines: readonly Value[],
  shape: readonly number[],
  kernel: readonly number[],
): Value {
  const whole = rowAxes(shape, kernel).reduceRight<readonly Value[]>(
    (values, { width, before, behind }) =>
      Array.from({ length: values.length / width }, (_, place) =>
        graph.concat(
          values
            .slice(place * width, (place + 1) * width)
            .map((value) => graph.reshape(value, [before, 1, behind])),
          1,
        ),
      ),
    lines,
  );
  return graph.reshape(at(whole, 0), shape);
}

/** Splits a value of this shape along its second axis. */
function split(
  graph: GraphBuilder,
  value: Value,
  shape: readonly [number, number, number],
): readonly Value[] {
  const [, count] = shape;
  if (count === 1) return [value];
  return graph.addMany(
    "Split",
    [graph.reshape(value, shape), graph.integers(new Array<number>(count).fill(1))],
    { attributes: { axis: 1 }, outputs: count },
  );
}
