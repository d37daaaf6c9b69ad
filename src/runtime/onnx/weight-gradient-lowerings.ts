/** The gradient of a convolution by its weight, as few large matrix products. */
import type { ConvolutionAttributes } from "../convolution.ts";
import { channelsOf, spaceOf } from "../image-shape.ts";
import type { GraphBuilder, Value } from "./graph.ts";
import { image, pixelsAt, placesOf } from "./image-layout.ts";
import { plainTensor, sizeOf, type Traced } from "./layout.ts";

/** @returns `[out, in, …kernel]` */
export function weightGradient(
  graph: GraphBuilder,
  x: Traced,
  dy: Traced,
  attributes: ConvolutionAttributes,
): Traced {
  const gradient = productsFor(x, dy, attributes);
  const shape = [channelsOf(dy), channelsOf(x), ...attributes.size];
  const value = graph.add("Reshape", [gradient(graph, x, dy, attributes), graph.integers(shape)]);
  return plainTensor(value, "float32", shape);
}

/** The products that take the least time for a kernel that moves so. */
function productsFor(x: Traced, dy: Traced, { stride, padding, size: kernel }: ConvolutionAttributes) {
  if (sizeOf(kernel) === 1) return byPlaces;
  if (stride.every((each) => each === 1)) return byShifts;
  const tiles =
    kernel.every((each, axis) => each === stride[axis] && padding[axis] === 0) &&
    spaceOf(x).every((each, axis) => each === spaceOf(dy)[axis] * kernel[axis]);
  return tiles ? byWindows : byPlaces;
}

/** `[batch, a, pixel]` times `[batch, b, pixel]`, summed over both batch and pixels: `[a, b]`, or `[1, a, b]`. */
function summedProduct(graph: GraphBuilder, batch: number, a: Value, b: Value): Value {
  const product = graph.matrixProduct(
    { value: a, rank: 3, swapped: false },
    { value: b, rank: 3, swapped: true },
  );
  if (batch === 1) return product;
  return graph.add("ReduceSum", [product, graph.integers([0])], { attributes: { keepdims: 0 } });
}

const joined = (graph: GraphBuilder, values: readonly Value[], axis: number) =>
  values.length === 1 ? values[0] : graph.add("Concat", values, { attributes: { axis } });

/** Bytes that shifted copies may take: more would add to the peak, at the start of the backward pass, and leave the cache. */
const ROOM = 32 * 2 ** 20;
/** For large images they may take this share of the image instead: thousands of small products take long to trace and to load. */
const SHARE = 0.5;
const BYTES = 4;

/**
 * Where the kernel moves pixel by pixel. Both images lie flat on a common grid with zeros between lines, where a place in the kernel
 * is a shift of one against the other. `dy` shifted by each row of the kernel and `x` by each column lie one below the other, so that
 * one product multiplies each with each. (A product for each place, of `dy` with a slice of `x`, takes 2 to 5 times as long; a
 * convolution with `dy` as its kernel 4 times.) Large images are taken slab by slab.
 */
function byShifts(graph: GraphBuilder, x: Traced, dy: Traced, attributes: ConvolutionAttributes): Value {
  const { padding, size: kernel } = attributes;
  const lines = dy.shape[1];
  const grid = spaceOf(x).map((each, axis) => Math.max(each + padding[axis], spaceOf(dy)[axis]));
  const copies = channelsOf(x) * (kernel.at(-1) ?? 1) + channelsOf(dy) * (kernel.at(-2) ?? 1);
  const room = Math.max(ROOM, SHARE * BYTES * Math.min(sizeOf(x.shape), sizeOf(dy.shape)));
  const count = Math.ceil((lines * x.shape[0] * sizeOf(grid.slice(1)) * copies * BYTES) / room);
  const thick = Math.ceil(lines / Math.min(count, lines));
  const slabs: Value[] = [];
  // How far a step along each axis goes on the flat grid.
  const steps = grid.map((_, axis) => sizeOf(grid.slice(axis + 1)));
  for (let from = 0; from < lines; from += thick)
    slabs.push(slab(graph, x, dy, attributes, steps, [from, Math.min(from + thick, lines)]));
  return slabs.length === 1 ? slabs[0] : graph.add("Sum", slabs);
}

/** What the lines `from` to `to` of `dy`, along its first axis of space, add to the gradient. */
function slab(
  graph: GraphBuilder,
  x: Traced,
  dy: Traced,
  { padding, dilation, size: kernel }: ConvolutionAttributes,
  steps: readonly number[],
  [from, to]: readonly [number, number],
): Value {
  const [batch] = x.shape;
  const [inputs, outputs] = [channelsOf(x), channelsOf(dy)];
  const column = kernel.length - 1;
  const along = (axis: number) =>
    Array.from({ length: kernel[axis] }, (_, at) => at * dilation[axis] * steps[axis]);
  // dy moved by s and x by t pair each pixel with the one s - t further on.
  const origin = padding.reduce((sum, pad, axis) => sum + (axis === 0 ? 0 : pad * steps[axis]), 0);
  const extra = Math.max(0, Math.max(...along(column)) - origin);
  const columns = along(column).map((shift) => origin - shift + extra);
  const planes = (column > 1 ? along(0) : [0]).map((plane) =>
    along(column - 1).map((shift) => plane + shift + extra),
  );
  const reach = dilation[0] * (kernel[0] - 1);
  const [linesX, linesDy] = [to - from + reach, to - from];
  const whole = Math.max(
    linesX * steps[0] + Math.max(...columns),
    linesDy * steps[0] + Math.max(...planes.flat()),
  );

  /** `[batch, channel, pixel]`: some lines on the grid; where the image has none, zeros. */
  const flat = (tensor: Traced, first: number, lines: number): Value => {
    const [all, ...rest] = spaceOf(tensor);
    const after = rest.map((size, axis) => steps[axis] / steps[axis + 1] - size);
    const amounts = [0, 0, -first, ...rest.map(() => 0), 0, 0, first + lines - all, ...after];
    const wide = amounts.some((each) => each !== 0)
      ? graph.add("Pad", [image(graph, tensor), graph.integers(amounts), graph.scalar(0)])
      : image(graph, tensor);
    return graph.add("Reshape", [wide, graph.integers([batch, channelsOf(tensor), lines * steps[0]])]);
  };
  /** `[batch, channel · shift, pixel]`: all shifts of a channel side by side in one line, zeros between them. */
  const shifted = (value: Value, channels: number, length: number, shifts: readonly number[]): Value => {
    const gap = (size: number) =>
      size === 0 ? [] : [graph.add("Expand", [graph.scalar(0), graph.integers([batch, channels, size])])];
    const parts = shifts.flatMap((shift) => [...gap(shift), value, ...gap(whole - length - shift)]);
    const line = joined(graph, parts, 2);
    return graph.add("Reshape", [line, graph.integers([batch, channels * shifts.length, whole])]);
  };

  const [flatX, flatDy] = [flat(x, from - padding[0], linesX), flat(dy, from, linesDy)];
  const right = shifted(flatX, inputs, linesX * steps[0], columns);
  const products = planes.map((rows) => {
    const left = shifted(flatDy, outputs, linesDy * steps[0], rows);
    const sizes = graph.integers([outputs, rows.length, inputs, columns.length]);
    const product = graph.add("Reshape", [summedProduct(graph, batch, left, right), sizes]);
    const turned = graph.add("Transpose", [product], { attributes: { perm: [0, 2, 1, 3] } });
    return graph.add("Reshape", [turned, graph.integers([outputs, inputs, 1, sizeOf(kernel.slice(-2))])]);
  });
  return joined(graph, products, 2);
}

/**
 * Where windows lie side by side. Along the last axis they come apart by a split of neighbors, along the others by moving whole lines:
 * cutting every second pixel out is slow.
 */
function byWindows(
  graph: GraphBuilder,
  x: Traced,
  dy: Traced,
  { size: kernel }: ConvolutionAttributes,
): Value {
  const [batch] = x.shape;
  const [inputs, outputs, counts] = [channelsOf(x), channelsOf(dy), spaceOf(dy)];
  const pixels = sizeOf(counts);
  const column = kernel.length - 1;
  const pairs = kernel.slice(0, column).flatMap((size, axis) => [counts[axis], size]);
  const split = graph.add("Reshape", [
    image(graph, x),
    graph.integers([batch, inputs, ...pairs, counts[column], kernel[column]]),
  ]);
  const parts = graph.addMany("Split", [split, graph.integers(new Array(kernel[column]).fill(1))], {
    attributes: { axis: 2 + pairs.length + 1 },
    outputs: kernel[column],
  });
  const axes = kernel.slice(0, column).map((_, axis) => axis);
  const order = [
    0,
    1,
    ...axes.map((axis) => 3 + 2 * axis),
    ...axes.map((axis) => 2 + 2 * axis),
    2 + pairs.length,
  ];
  const given = graph.add("Reshape", [image(graph, dy), graph.integers([batch, outputs, pixels])]);
  const products = parts.map((part) => {
    const lines = graph.add("Reshape", [part, graph.integers([batch, inputs, ...pairs, counts[column]])]);
    const apart = graph.add("Transpose", [lines], { attributes: { perm: order } });
    const rows = sizeOf(kernel.slice(0, column));
    const matrix = graph.add("Reshape", [apart, graph.integers([batch, inputs * rows, pixels])]);
    return graph.add("Reshape", [
      summedProduct(graph, batch, given, matrix),
      graph.integers([outputs, inputs * rows, 1]),
    ]);
  });
  return joined(graph, products, 2);
}

/** Any stride: for each place in the kernel, the product of `dy` with the pixels of `x` that this place meets. */
function byPlaces(graph: GraphBuilder, x: Traced, dy: Traced, attributes: ConvolutionAttributes): Value {
  const { padding, size: kernel } = attributes;
  const [batch] = x.shape;
  const [inputs, outputs, space] = [channelsOf(x), channelsOf(dy), spaceOf(dy)];
  const pixels = sizeOf(space);
  const given = graph.add("Reshape", [image(graph, dy), graph.integers([batch, outputs, pixels])]);
  const wide = padding.some((each) => each > 0)
    ? graph.add("Pad", [
        image(graph, x),
        graph.integers([0, 0, ...padding, 0, 0, ...padding]),
        graph.scalar(0),
      ])
    : image(graph, x);
  const axes = kernel.map((_, axis) => axis + 2);
  const all = sizeOf(kernel) === 1 && sizeOf(spaceOf(x)) === pixels;
  const places = placesOf(kernel).map((place) => {
    const moved = all ? wide : pixelsAt(graph, wide, place, attributes, space, axes);
    const rows = graph.add("Reshape", [moved, graph.integers([batch, inputs, pixels])]);
    const product = summedProduct(graph, batch, given, rows);
    return graph.add("Reshape", [product, graph.integers([outputs, inputs, 1])]);
  });
  return joined(graph, places, 2);
}
