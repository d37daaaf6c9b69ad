/**
 * The gradient of a convolution by its weight, as few large matrix products: on the CPU by shifts, windows or kernel values, whichever
 * is fastest; on GPUs always by kernel values.
 */
import { at, atLeast, lastOf, product, zip } from "../../../facts/checked-lists.ts";
import type { ConvolutionAttributes } from "../../convolution.ts";
import { kernelIndices } from "../../depthwise.ts";
import { batchOf, channelsOf, spaceOf } from "../../image-shape.ts";
import type { GraphBuilder, Value } from "../graph.ts";
import { plain, plainTensor, sameSizes, type Traced } from "../layout.ts";
import { image, pixelsUnder } from "./image-layout.ts";

/** @returns `[out, in, …kernel]` */
export function weightGradient(
  graph: GraphBuilder,
  { x, dy }: { readonly x: Traced; readonly dy: Traced },
  attributes: ConvolutionAttributes,
): Traced {
  const products = graph.target === "gpu" ? byLines : fastestProducts(x, dy, attributes);
  const shape = [channelsOf(dy), channelsOf(x), ...attributes.size];
  return plainTensor(graph.reshape(products(graph, x, dy, attributes), shape), "float32", shape);
}

/** @returns the gradient's values in the order of `[out, in, …kernel]` */
type Products = (graph: GraphBuilder, x: Traced, dy: Traced, attributes: ConvolutionAttributes) => Value;

function fastestProducts(
  x: Traced,
  dy: Traced,
  { stride, padding, size: kernel }: ConvolutionAttributes,
): Products {
  if (product(kernel) === 1) return byKernelValues;
  if (stride.every((step) => step === 1)) return byShifts;
  const covered = zip(spaceOf(dy), kernel).map(([count, size]) => count * size);
  const isTiled =
    sameSizes(kernel, stride) && padding.every((pad) => pad === 0) && sameSizes(spaceOf(x), covered);
  return isTiled ? byWindows : byKernelValues;
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
  return slabs.length === 1 ? at(slabs, 0) : graph.add("Sum", slabs);
}

/**
 * Returns what some lines of `dy` add to the gradient.
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

  /** Returns some lines on the flat grid, `[batch, channel, pixel]`, zeros where the image has none. */
  const flat = (tensor: Traced, first: number, lines: number): Value => {
    const [all, ...rest] = atLeast(spaceOf(tensor), 1);
    const after = zip(rest, strides.slice(0, -1), strides.slice(1)).map(
      ([size, outer, inner]) => outer / inner - size,
    );
    const amounts = [0, 0, -first, ...rest.map(() => 0), 0, 0, first + lines - all, ...after];
    const padded = amounts.some((each) => each !== 0)
      ? graph.add("Pad", [image(graph, tensor), graph.integers(amounts), graph.scalar(0)])
      : image(graph, tensor);
    return graph.reshape(padded, [batch, channelsOf(tensor), lines * lineLength]);
  };
  /** Returns all shifts of each channel, with zeros before and after: `[batch, channel · shift, pixel]`. */
  const shifted = (value: Value, channels: number, pixels: number, shifts: readonly number[]): Value => {
    const gap = (size: number) =>
      size === 0 ? [] : [graph.add("Expand", [graph.scalar(0), graph.integers([batch, channels, size])])];
    const parts = shifts.flatMap((shift) => [...gap(shift), value, ...gap(length - pixels - shift)]);
    return graph.reshape(graph.concat(parts, 2), [batch, channels * shifts.length, length]);
  };

  const flatX = flat(x, from - at(padding, 0), linesX);
  const flatDy = flat(dy, from, linesDy);
  const right = shifted(flatX, inputs, linesX * lineLength, columnShifts);
  const planes = rowShiftsByPlane.map((rowShifts) => {
    const left = shifted(flatDy, outputs, linesDy * lineLength, rowShifts);
    const sizes = graph.integers([outputs, rowShifts.length, inputs, columnShifts.length]);
    const values = graph.add("Reshape", [summedProduct(graph, batch, left, right), sizes]);
    const swapped = graph.add("Transpose", [values], { attributes: { perm: [0, 2, 1, 3] } });
    return graph.reshape(swapped, [outputs, inputs, 1, product(kernel.slice(-2))]);
  });
  return graph.concat(planes, 2);
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
    return graph.reshape(summedProduct(graph, batch, gradient, matrix), [outputs, inputs * product(rows), 1]);
  });
  return graph.concat(products, 2);
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
  const [batch, inputs, outputs, space] = [batchOf(x), channelsOf(x), channelsOf(dy), spaceOf(dy)];
  const pixels = product(space);
  const gradient = graph.reshape(image(graph, dy), [batch, outputs, pixels]);
  const padded = padding.some((pad) => pad > 0)
    ? graph.add("Pad", [
        image(graph, x),
        graph.integers([0, 0, ...padding, 0, 0, ...padding]),
        graph.scalar(0),
      ])
    : image(graph, x);
  const axes = kernel.map((_, axis) => axis + 2);
  const usesAllPixels = product(kernel) === 1 && product(spaceOf(x)) === pixels;
  const products = kernelIndices(kernel).map((index) => {
    const under = usesAllPixels ? padded : pixelsUnder(graph, padded, index, attributes, space, axes);
    const rows = graph.reshape(under, [batch, inputs, pixels]);
    return graph.reshape(summedProduct(graph, batch, gradient, rows), [outputs, inputs, 1]);
  });
  return graph.concat(products, 2);
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
