/**
 * The gradient of a convolution by its weight, for stride 1, by shifted copies (shifted-copies.ts). `dy` shifted by each row of the kernel is
 * stacked, and so is `x` shifted by each column: one product multiplies every pair. Large images are processed in slabs.
 *
 * One product for each value of the kernel, of `dy` with a slice of `x`, takes 2 to 5 times as long. A convolution with `dy` as its
 * kernel takes 4 times as long, without blocks of channels (blocked-weight-gradient.ts).
 */
import { at, atLeast, product, zip } from "../../../facts/checked-lists.ts";
import type { ConvolutionAttributes } from "../../convolution.ts";
import { batchOf, channelsOf, spaceOf } from "../../image-shape.ts";
import type { GraphBuilder, Value } from "../graph.ts";
import type { Traced } from "../layout.ts";
import { image } from "./image-layout.ts";
import { inKernelOrder } from "./kernel-order.ts";
import { summedProduct } from "./matrix-products.ts";
import { type FlatLines, shiftedCopies, shiftsOf } from "./shifted-copies.ts";

/** Bytes that shifted copies may take. More would raise the peak at the start of the backward pass, and leave the cache. */
const MAXIMUM_BYTES = 32 * 2 ** 20;
/** For large images they may take this share of the image instead: thousands of small products take long to trace and to load. */
const MAXIMUM_SHARE = 0.5;
const BYTES = 4;

/** @returns the gradient's values in the order of `[out, in, …kernel]` */
export function byShifts(
  graph: GraphBuilder,
  x: Traced,
  dy: Traced,
  attributes: ConvolutionAttributes,
): Value {
  const { padding, size: kernel } = attributes;
  const grid = zip(spaceOf(x), padding, spaceOf(dy)).map(([size, pad, sizeDy]) =>
    Math.max(size + pad, sizeDy),
  );
  const lines = at(spaceOf(dy), 0);
  const copies = channelsOf(x) * (kernel.at(-1) ?? 1) + channelsOf(dy) * (kernel.at(-2) ?? 1);
  const bytes = lines * batchOf(x) * product(grid.slice(1)) * copies * BYTES;
  const room = Math.max(MAXIMUM_BYTES, MAXIMUM_SHARE * BYTES * Math.min(product(x.shape), product(dy.shape)));
  const thickness = Math.ceil(lines / Math.min(Math.ceil(bytes / room), lines));
  // Distance between neighbors along each axis, on the flat grid.
  const strides = grid.map((_, axis) => product(grid.slice(axis + 1)));
  const slabs: Value[] = [];
  for (let from = 0; from < lines; from += thickness)
    slabs.push(slab(graph, x, dy, attributes, strides, [from, Math.min(from + thickness, lines)]));
  const sum = slabs.length === 1 ? at(slabs, 0) : graph.add("Sum", slabs);
  return inKernelOrder(graph, sum, channelsOf(x), channelsOf(dy), kernel);
}

/**
 * Returns what some lines of `dy` add to the gradient: `[plane · out · row, in · column]`.
 *
 * @param strides distance between neighbors along each axis, on the flat grid
 * @param range first line and the one after the last, along the first axis of space
 */
function slab(
  graph: GraphBuilder,
  x: Traced,
  dy: Traced,
  { padding, dilation, size: kernel }: ConvolutionAttributes,
  strides: readonly number[],
  [from, to]: readonly [number, number],
): Value {
  const [batch, column, lineLength] = [batchOf(x), kernel.length - 1, at(strides, 0)];
  const along = (axis: number) =>
    Array.from({ length: at(kernel, axis) }, (_, index) => index * at(dilation, axis) * at(strides, axis));
  const origin = zip(padding, strides)
    .slice(1)
    .reduce((sum, [pad, stride]) => sum + pad * stride, 0);
  const rowsByPlane = (column > 1 ? along(0) : [0]).map((plane) =>
    along(column - 1).map((shift) => plane + shift),
  );
  const { columnShifts, rowShifts } = shiftsOf(along(column), rowsByPlane.flat(), origin);
  const linesX = to - from + at(dilation, 0) * (at(kernel, 0) - 1);
  const length = Math.max(
    linesX * lineLength + Math.max(...columnShifts),
    (to - from) * lineLength + Math.max(...rowShifts),
  );
  const flatX = flatLines(graph, x, strides, from - at(padding, 0), linesX);
  const flatDy = flatLines(graph, dy, strides, from, to - from);
  const right = shiftedCopies(graph, flatX, columnShifts, length);
  const rows = at(kernel, column - 1);
  const planes = rowsByPlane.map((_, plane) => {
    const shifts = rowShifts.slice(plane * rows, (plane + 1) * rows);
    const product = summedProduct(graph, batch, shiftedCopies(graph, flatDy, shifts, length), right);
    return graph.reshape(product, [channelsOf(dy) * rows, channelsOf(x) * columnShifts.length]);
  });
  return graph.concat(planes, 0);
}

/** Returns some lines of an image on the flat grid, zeros where the image has none. */
function flatLines(
  graph: GraphBuilder,
  tensor: Traced,
  strides: readonly number[],
  first: number,
  lines: number,
): FlatLines {
  const [batch, channels, lineLength] = [batchOf(tensor), channelsOf(tensor), at(strides, 0)];
  const [all, ...rest] = atLeast(spaceOf(tensor), 1);
  const after = zip(rest, strides.slice(0, -1), strides.slice(1)).map(
    ([size, outer, inner]) => outer / inner - size,
  );
  const flat = (value: Value, count: number, before: number) => {
    const pixels = count * lineLength;
    const shaped = graph.reshape(value, [batch, channels, pixels]);
    return { value: shaped, stack: batch, channels, pixels, before };
  };
  const isWhole = first <= 0 && first + lines >= all;
  if (isWhole) {
    const value = withZerosAfter(graph, image(graph, tensor), [batch, channels, all, ...rest], after);
    return flat(value, all, -first * lineLength);
  }
  const amounts = [0, 0, -first, ...rest.map(() => 0), 0, 0, first + lines - all, ...after];
  const value = graph.add("Pad", [image(graph, tensor), graph.integers(amounts), graph.scalar(0)]);
  return flat(value, lines, 0);
}

/** Adds zeros after the values along each axis of space but the first. Joining them is faster than Pad, which runs on one thread. */
function withZerosAfter(
  graph: GraphBuilder,
  value: Value,
  shape: readonly number[],
  amounts: readonly number[],
): Value {
  const sizes = [...shape];
  let padded = value;
  for (const [index, amount] of amounts.entries()) {
    const axis = shape.length - amounts.length + index;
    if (amount === 0) continue;
    padded = graph.concat([padded, graph.zeros(sizes.with(axis, amount))], axis);
    sizes[axis] = at(sizes, axis) + amount;
  }
  return padded;
}
