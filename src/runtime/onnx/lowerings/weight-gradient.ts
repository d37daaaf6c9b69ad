/**
 * The gradient of a convolution by its weight: on the CPU by tiles, windows, blocks of channels, shifts or kernel values, whichever is fastest;
 * on GPUs always by kernel values.
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
import { inKernelOrder } from "./kernel-order.ts";
import { summedProduct } from "./matrix-products.ts";
import { byShifts } from "./shifted-weight-gradient.ts";
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
