/**
 * The gradient of a convolution by its weight, as few large matrix products: on the CPU by shifts, windows or kernel values, whichever
 * is fastest; on GPUs always by kernel values.
 */
import { at, atLeast, lastOf, product, zip } from "../../../facts/checked-lists.ts";
import type { ConvolutionAttributes } from "../../convolution.ts";
import { kernelIndices } from "../../depthwise.ts";
import { batchOf, channelsOf, spaceOf } from "../../image-shape.ts";
import { channelBlock } from "../blocked-convolutions.ts";
import type { GraphBuilder, Value } from "../graph.ts";
import { plain, plainTensor, sameSizes, type Traced } from "../layout.ts";
import { byBlockedTiles, fitsBlocks } from "./blocked-volume-weight-gradient.ts";
import { blockedWeightGradient } from "./blocked-weight-gradient.ts";
import { image, pixelsUnder } from "./image-layout.ts";
import { byTiles, fitsTiles } from "./volume-weight-gradient.ts";

/** @returns `[out, in, …kernel]` */
export function weightGradient(
  graph: GraphBuilder,
  { x, dy }: { readonly x: Traced; readonly dy: Traced },
  attributes: ConvolutionAttributes,
): Traced {
  const shape = [channelsOf(dy), channelsOf(x), ...attributes.size];
  return plainTensor(graph.reshape(weightProducts(graph, x, dy, attributes), shape), "float32", shape);
}

/** @returns the gradient's values in the order of `[out, in, …kernel]` */
function weightProducts(
  graph: GraphBuilder,
  x: Traced,
  dy: Traced,
  attributes: ConvolutionAttributes,
): Value {
  const { stride, padding, size: kernel } = attributes;
  if (graph.target === "gpu") return byLines(graph, x, dy, attributes);
  if (product(kernel) === 1) return byKernelValues(graph, x, dy, attributes);
  if (fitsTiles(dy, attributes)) return byVolumeTiles(graph, x, dy, attributes);
  const covered = zip(spaceOf(dy), kernel).map(([count, size]) => count * size);
  const isTiled =
    sameSizes(kernel, stride) && padding.every((pad) => pad === 0) && sameSizes(spaceOf(x), covered);
  if (isTiled) return byWindows(graph, x, dy, attributes);
  const blocked = blockedWeightGradient(graph, x, dy, attributes, channelBlock());
  if (blocked !== undefined) return blocked;
  const isDense = stride.every((step) => step === 1);
  return isDense ? byShifts(graph, x, dy, attributes) : byKernelValues(graph, x, dy, attributes);
}

/** For volumes: by tiles of planes, on channels in blocks where they fit. */
function byVolumeTiles(graph: GraphBuilder, x: Traced, dy: Traced, attributes: ConvolutionAttributes): Value {
  const block = channelBlock();
  if (fitsBlocks(x, dy, attributes, block)) return byBlockedTiles(graph, x, dy, attributes, block);
  const gradient = byTiles(graph, x, dy, attributes);
  return inKernelOrder(graph, gradient, channelsOf(x), channelsOf(dy), attributes.size);
}

/** Joins the gradients for each value of the kernel, `out · in` values each. Transposing them is faster than joining single values. */
function byKernelValue(graph: GraphBuilder, gradients: readonly Value[], pairs: number): Value {
  const rows = gradients.map((each) => graph.reshape(each, [1, pairs]));
  return graph.add("Transpose", [graph.concat(rows, 0)], { attributes: { perm: [1, 0] } });
}

/** Returns `[batch, a, pixel]` times `[batch, b, pixel]`, summed over batch and pixels: `[a, b]`, or `[1, a, b]`. */
function summedProduct(graph: GraphBuilder, batch: number, a: Value, b: Value): Value {
  const product = graph.matrixProduct(
    { value: a, rank: 3, swapped: false },
    { value: b, rank: 3, swapped: true },
  );
  if (batch === 1) return product;
  return graph.add("ReduceSum", [product, graph.integers([0])], { attributes: { keepdims: 0 } });
}

// ---- shifts: stride 1 ----------------------------------------------------------------------------------------------

/** Bytes that shifted copies may take. More would raise the peak at the start of the backward pass, and leave the cache. */
const MAXIMUM_BYTES = 32 * 2 ** 20;
/** For large images they may take this share of the image instead: thousands of small products take long to trace and to load. */
const MAXIMUM_SHARE = 0.5;
const BYTES = 4;

/**
 * For stride 1. Both images are flattened on a common grid with zeros between lines, so that a value of the kernel is a shift of one
 * image against the other. `dy` shifted by each row of the kernel is stacked, and so is `x` shifted by each column: one product
 * multiplies every pair. Large images are processed in slabs.
 *
 * One product for each value of the kernel, of `dy` with a slice of `x`, takes 2 to 5 times as long. A convolution with `dy` as its
 * kernel takes 4 times as long.
 */
function byShifts(graph: GraphBuilder, x: Traced, dy: Traced, attributes: ConvolutionAttributes): Value {
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
 * Returns a gradient `[plane · out · row, in · column]` in the order of `[out, in, …kernel]`. Moving columns, then rows of `in` and
 * columns again takes a quarter of the time of moving single values.
 */
function inKernelOrder(
  graph: GraphBuilder,
  gradient: Value,
  inputs: number,
  outputs: number,
  kernel: readonly number[],
): Value {
  const [rows, columns] = [kernel.at(-2) ?? 1, lastOf(kernel)];
  const planes = product(kernel) / (rows * columns);
  const moves = [
    { shape: [planes * outputs * rows * inputs, columns], perm: [1, 0] },
    { shape: [columns, planes, outputs, rows, inputs], perm: [1, 3, 0, 2, 4] },
    { shape: [product(kernel), outputs * inputs], perm: [1, 0] },
  ];
  return moves.reduce(
    (value, { shape, perm }) =>
      graph.add("Transpose", [graph.reshape(value, shape)], { attributes: { perm } }),
    gradient,
  );
}

/** Lines of an image on the flat grid. */
interface FlatLines {
  /** `[batch, channel, pixel]` */
  readonly value: Value;
  /** Number of zeros before it, which it does not hold. */
  readonly before: number;
  readonly pixels: number;
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
    const zeros = graph.add("Expand", [graph.scalar(0), graph.integers(sizes.with(axis, amount))]);
    padded = graph.concat([padded, zeros], axis);
    sizes[axis] = at(sizes, axis) + amount;
  }
  return padded;
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
  const [batch, inputs, outputs] = [batchOf(x), channelsOf(x), channelsOf(dy)];
  const column = kernel.length - 1;
  const lineLength = at(strides, 0);
  const shiftsAlong = (axis: number) =>
    Array.from({ length: at(kernel, axis) }, (_, index) => index * at(dilation, axis) * at(strides, axis));
  // dy shifted by s and x shifted by t pair each pixel with the one s - t further on.
  const origin = zip(padding, strides)
    .slice(1)
    .reduce((sum, [pad, stride]) => sum + pad * stride, 0);
  const extra = Math.max(0, Math.max(...shiftsAlong(column)) - origin);
  const columnShifts = shiftsAlong(column).map((shift) => origin - shift + extra);
  const rowShiftsByPlane = (column > 1 ? shiftsAlong(0) : [0]).map((plane) =>
    shiftsAlong(column - 1).map((shift) => plane + shift + extra),
  );
  const reach = at(dilation, 0) * (at(kernel, 0) - 1);
  const [linesX, linesDy] = [to - from + reach, to - from];
  const length = Math.max(
    linesX * lineLength + Math.max(...columnShifts),
    linesDy * lineLength + Math.max(...rowShiftsByPlane.flat()),
  );

  /** Returns some lines on the flat grid, zeros where the image has none. */
  const flat = (tensor: Traced, first: number, lines: number): FlatLines => {
    const [all, ...rest] = atLeast(spaceOf(tensor), 1);
    const after = zip(rest, strides.slice(0, -1), strides.slice(1)).map(
      ([size, outer, inner]) => outer / inner - size,
    );
    const channels = channelsOf(tensor);
    const isWhole = first <= 0 && first + lines >= all;
    if (isWhole) {
      const value = withZerosAfter(graph, image(graph, tensor), [batch, channels, all, ...rest], after);
      const pixels = all * lineLength;
      return { value: graph.reshape(value, [batch, channels, pixels]), before: -first * lineLength, pixels };
    }
    const amounts = [0, 0, -first, ...rest.map(() => 0), 0, 0, first + lines - all, ...after];
    const value = graph.add("Pad", [image(graph, tensor), graph.integers(amounts), graph.scalar(0)]);
    const pixels = lines * lineLength;
    return { value: graph.reshape(value, [batch, channels, pixels]), before: 0, pixels };
  };
  /** Returns all shifts of each channel, with zeros before and after: `[batch, channel · shift, pixel]`. */
  const shifted = (
    { value, before, pixels }: FlatLines,
    channels: number,
    shifts: readonly number[],
  ): Value => {
    const gap = (size: number) =>
      size === 0 ? [] : [graph.add("Expand", [graph.scalar(0), graph.integers([batch, channels, size])])];
    const parts = shifts.flatMap((shift) => [
      ...gap(before + shift),
      value,
      ...gap(length - pixels - before - shift),
    ]);
    return graph.reshape(graph.concat(parts, 2), [batch, channels * shifts.length, length]);
  };

  const flatX = flat(x, from - at(padding, 0), linesX);
  const flatDy = flat(dy, from, linesDy);
  const right = shifted(flatX, inputs, columnShifts);
  const planes = rowShiftsByPlane.map((rowShifts) =>
    graph.reshape(summedProduct(graph, batch, shifted(flatDy, outputs, rowShifts), right), [
      outputs * rowShifts.length,
      inputs * columnShifts.length,
    ]),
  );
  return graph.concat(planes, 0);
}

// ---- windows: kernels that do not overlap --------------------------------------------------------------------------

/**
 * For kernels that do not overlap. Windows are separated along the last axis by a split of neighbors, along the others by moving whole
 * lines: cutting out every second pixel is slow.
 */
function byWindows(
  graph: GraphBuilder,
  x: Traced,
  dy: Traced,
  { size: kernel }: ConvolutionAttributes,
): Value {
  const [batch, inputs, outputs] = [batchOf(x), channelsOf(x), channelsOf(dy)];
  const counts = spaceOf(dy);
  const pixels = product(counts);
  const [columns, rows] = [lastOf(kernel), kernel.slice(0, -1)];
  const pairs = zip(counts.slice(0, -1), rows).flat();
  const split = graph.reshape(image(graph, x), [batch, inputs, ...pairs, lastOf(counts), columns]);
  const parts = graph.addMany("Split", [split, graph.integers(new Array<number>(columns).fill(1))], {
    attributes: { axis: 2 + pairs.length + 1 },
    outputs: columns,
  });
  const axes = rows.map((_, axis) => axis);
  const order = [
    0,
    1,
    ...axes.map((axis) => 3 + 2 * axis),
    ...axes.map((axis) => 2 + 2 * axis),
    2 + pairs.length,
  ];
  const gradient = graph.reshape(image(graph, dy), [batch, outputs, pixels]);
  const products = parts.map((part) => {
    const lines = graph.reshape(part, [batch, inputs, ...pairs, lastOf(counts)]);
    const separated = graph.add("Transpose", [lines], { attributes: { perm: order } });
    const matrix = graph.reshape(separated, [batch, inputs * product(rows), pixels]);
    return summedProduct(graph, batch, gradient, matrix);
  });
  return byKernelValue(graph, products, outputs * inputs * product(rows));
}

// ---- kernel values: any stride -------------------------------------------------------------------------------------

/** For any stride: for each value of the kernel, the product of `dy` with the pixels of `x` under that value. */
function byKernelValues(
  graph: GraphBuilder,
  x: Traced,
  dy: Traced,
  attributes: ConvolutionAttributes,
): Value {
  const { padding, size: kernel } = attributes;
  const [batch, inputs, outputs, pixels] = [batchOf(x), channelsOf(x), channelsOf(dy), product(spaceOf(dy))];
  const gradient = graph.reshape(image(graph, dy), [batch, outputs, pixels]);
  const usesAllPixels =
    product(kernel) === 1 && product(spaceOf(x)) === pixels && padding.every((pad) => pad === 0);
  const pixelsAt = product(kernel) === 1 ? pixelsOnce : stridedPixels;
  const under = usesAllPixels ? () => image(graph, x) : pixelsAt(graph, x, attributes, spaceOf(dy));
  const products = kernelIndices(kernel).map((index) => {
    const rows = graph.reshape(under(index), [batch, inputs, pixels]);
    return summedProduct(graph, batch, gradient, rows);
  });
  return byKernelValue(graph, products, outputs * inputs);
}

/** Adds zeros before and after an image along each axis of space: `[batch, channel, …space]`. */
function withBorder(
  graph: GraphBuilder,
  x: Traced,
  before: readonly number[],
  after: readonly number[],
): Value {
  if ([...before, ...after].every((amount) => amount === 0)) return image(graph, x);
  const amounts = graph.integers([0, 0, ...before, 0, 0, ...after]);
  return graph.add("Pad", [image(graph, x), amounts, graph.scalar(0)]);
}

/** As {@link stridedPixels}, for kernels of one value: cutting out its pixels needs no copy of all the others. */
function pixelsOnce(
  graph: GraphBuilder,
  x: Traced,
  attributes: ConvolutionAttributes,
  space: readonly number[],
): (index: readonly number[]) => Value {
  const { padding } = attributes;
  const padded = withBorder(graph, x, padding, padding);
  const axes = padding.map((_, axis) => axis + 2);
  return (index) => pixelsUnder(graph, padded, index, attributes, space, axes);
}

/**
 * Returns a function that adds the pixels of `x` under a value of the kernel, of which only each `stride`-th is used. Columns are
 * separated once, by one transposition, and then whole lines are taken: cutting out single pixels takes several times as long.
 *
 * @param space of the convolution's result
 */
function stridedPixels(
  graph: GraphBuilder,
  x: Traced,
  { stride, padding, dilation }: ConvolutionAttributes,
  space: readonly number[],
): (index: readonly number[]) => Value {
  const [batch, inputs] = [batchOf(x), channelsOf(x)];
  const counts = zip(spaceOf(x), padding, stride).map(([size, pad, step]) =>
    Math.ceil((size + 2 * pad) / step),
  );
  const after = zip(counts, stride, spaceOf(x), padding).map(
    ([count, step, size, pad]) => count * step - size - pad,
  );
  const padded = withBorder(graph, x, padding, after);
  const step = lastOf(stride);
  const neighbors = graph.reshape(padded, [
    batch * inputs * product(counts) * (product(stride) / step),
    step,
  ]);
  const columns = graph.add("Transpose", [neighbors], { attributes: { perm: [1, 0] } });
  // The last axis of space is separated into the first axis and the last one, the others into neighbors.
  const axes = counts.length - 1;
  const lines = zip(counts, stride).slice(0, axes).flat();
  const separated = graph.reshape(columns, [step, batch, inputs, ...lines, lastOf(counts)]);
  return (index) => {
    const ranges = zip(index, dilation, stride, space).map(([each, spacing, jump, size]) => {
      const [first, phase] = [Math.floor((each * spacing) / jump), (each * spacing) % jump];
      return { first: [first, first + size], phase: [phase, phase + 1] };
    });
    const { first, phase } = lastOf(ranges);
    const cut = [phase, ...ranges.slice(0, axes).flatMap((range) => [range.first, range.phase]), first];
    const cutAxes = [0, ...cut.slice(1).map((_, axis) => axis + 3)];
    const bounds = [cut.map((range) => at(range, 0)), cut.map((range) => at(range, 1)), cutAxes];
    return graph.add("Slice", [separated, ...bounds.map((each) => graph.integers(each))]);
  };
}

/**
 * For GPUs: as {@link byKernelValues}, with one product for each line of pixels, summed afterwards. One long product of small matrices
 * would keep few of a GPU's cores busy.
 */
function byLines(graph: GraphBuilder, x: Traced, dy: Traced, attributes: ConvolutionAttributes): Value {
  const { padding, size: kernel } = attributes;
  const [batch, inputs, outputs, space] = [batchOf(dy), channelsOf(x), channelsOf(dy), spaceOf(dy)];
  const [lines, ...rest] = atLeast(space, 1);
  const pixels = product(rest);
  const given = graph.reshape(image(graph, dy), [batch, outputs, lines, pixels]);
  const gradient = graph.add("Transpose", [given], { attributes: { perm: [0, 2, 1, 3] } });
  const pads = graph.integers([0, ...padding, 0, 0, ...padding, 0]);
  const padded = padding.some((pad) => pad > 0)
    ? graph.add("Pad", [plain(graph, x), pads, graph.scalar(0, x.type)])
    : plain(graph, x);
  const axes = kernel.map((_, axis) => axis + 1);
  const products = kernelIndices(kernel).map((index) => {
    const under = pixelsUnder(graph, padded, index, attributes, space, axes);
    const rows = graph.reshape(under, [batch, lines, pixels, inputs]);
    const product = graph.cast(graph.add("MatMul", [gradient, rows]), x.type, "float32");
    const sum = graph.add("ReduceSum", [product, graph.integers([0, 1])], { attributes: { keepdims: 0 } });
    return graph.reshape(sum, [outputs, inputs, 1]);
  });
  return graph.concat(products, 2);
}
