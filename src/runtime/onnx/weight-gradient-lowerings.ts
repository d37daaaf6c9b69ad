/** The gradient of a convolution by its weight, as few large matrix products. */
import { type Attributes, channelsOf, image, offsets, spaceOf } from "./convolution-lowerings.ts";
import type { GraphBuilder, Value } from "./graph.ts";
import { plainTensor, sizeOf, type Traced } from "./layout.ts";

/** @returns `[out, in, …kernel]` */
export function weightGradient(graph: GraphBuilder, x: Traced, dy: Traced, attributes: Attributes): Traced {
  const { stride, padding, size: kernel } = attributes;
  const unmoved = stride.every((each) => each === 1);
  const tiles =
    kernel.every((each, axis) => each === stride[axis] && padding[axis] === 0) &&
    spaceOf(x).every((each, axis) => each === spaceOf(dy)[axis] * kernel[axis]);
  const gradient =
    unmoved && sizeOf(kernel) > 1 ? byShifts : tiles && sizeOf(kernel) > 1 ? byWindows : byPlaces;
  const shape = [channelsOf(dy), channelsOf(x), ...kernel];
  const value = graph.add("Reshape", [gradient(graph, x, dy, attributes), graph.integers(shape)]);
  return plainTensor(value, "float32", shape);
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

/**
 * Where the kernel moves pixel by pixel. Both images lie flat on a common grid with zeros between lines, where a place in the kernel
 * is a shift of one against the other. `dy` shifted by each row of the kernel and `x` by each column lie one below the other, so that
 * one product multiplies each with each. (A product for each place, of `dy` with a slice of `x`, takes 2 to 5 times as long; a
 * convolution with `dy` as its kernel 4 times.)
 */
function byShifts(
  graph: GraphBuilder,
  x: Traced,
  dy: Traced,
  { padding, dilation, size: kernel }: Attributes,
): Value {
  const [batch] = x.shape;
  const [inputs, outputs] = [channelsOf(x), channelsOf(dy)];
  const [from, to] = [spaceOf(x), spaceOf(dy)];
  const grid = kernel.map((_, axis) => Math.max(from[axis] + (axis === 0 ? 0 : padding[axis]), to[axis]));
  const steps = grid.map((_, axis) => sizeOf(grid.slice(axis + 1)));
  const length = sizeOf(grid);
  const shiftOf = (place: readonly number[]) =>
    place.reduce((sum, at, axis) => sum + at * dilation[axis] * steps[axis], 0);
  const column = kernel.length - 1;
  const along = (axis: number) =>
    Array.from({ length: kernel[axis] }, (_, at) => at * dilation[axis] * steps[axis]);
  // dy moved by s and x by t pair each pixel with the one s - t further on.
  const origin = padding.reduce((sum, pad, axis) => sum + pad * steps[axis], 0);
  const extra = Math.max(0, Math.max(...along(column)) - origin);
  const columns = along(column).map((shift) => origin - shift + extra);
  const planes = offsets(kernel.slice(0, column - 1)).map((plane) =>
    along(column - 1).map((shift) => shiftOf(plane) + shift + extra),
  );
  const whole = length + Math.max(...columns, ...planes.flat());

  const flat = (tensor: Traced, channels: number): Value => {
    const after = grid.map((size, axis) => size - spaceOf(tensor)[axis]);
    const amounts = graph.integers([0, 0, ...grid.map(() => 0), 0, 0, ...after]);
    const wide = after.some((each) => each > 0)
      ? graph.add("Pad", [image(graph, tensor), amounts, graph.scalar(0)])
      : image(graph, tensor);
    return graph.add("Reshape", [wide, graph.integers([batch, channels, length])]);
  };
  /** `[batch, channel · shift, pixel]`: all shifts of a channel side by side in one line, zeros between them. */
  const shifted = (value: Value, channels: number, shifts: readonly number[]): Value => {
    const gap = (size: number) =>
      size === 0 ? [] : [graph.add("Expand", [graph.scalar(0), graph.integers([batch, channels, size])])];
    const parts = shifts.flatMap((shift) => [...gap(shift), value, ...gap(whole - length - shift)]);
    const line = joined(graph, parts, 2);
    return graph.add("Reshape", [line, graph.integers([batch, channels * shifts.length, whole])]);
  };

  const [flatX, flatDy] = [flat(x, inputs), flat(dy, outputs)];
  const right = shifted(flatX, inputs, columns);
  const products = planes.map((rows) => {
    const product = summedProduct(graph, batch, shifted(flatDy, outputs, rows), right);
    return graph.add("Reshape", [product, graph.integers([outputs, rows.length, inputs, columns.length])]);
  });
  const all = products.map((product) => {
    const turned = graph.add("Transpose", [product], { attributes: { perm: [0, 2, 1, 3] } });
    return graph.add("Reshape", [turned, graph.integers([outputs, inputs, 1, sizeOf(kernel.slice(-2))])]);
  });
  return joined(graph, all, 2);
}

/**
 * Where windows lie side by side. Along the last axis they come apart by a split of neighbours, along the others by moving whole lines:
 * cutting every second pixel out is slow.
 */
function byWindows(graph: GraphBuilder, x: Traced, dy: Traced, { size: kernel }: Attributes): Value {
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
function byPlaces(
  graph: GraphBuilder,
  x: Traced,
  dy: Traced,
  { stride, padding, dilation, size: kernel }: Attributes,
): Value {
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
  const places = offsets(kernel).map((offset) => {
    const starts = offset.map((each, axis) => each * dilation[axis]);
    const ends = starts.map((start, axis) => start + (space[axis] - 1) * stride[axis] + 1);
    const bounds = [starts, ends, axes, stride].map((each) => graph.integers(each));
    const moved = all ? wide : graph.add("Slice", [wide, ...bounds]);
    const rows = graph.add("Reshape", [moved, graph.integers([batch, inputs, pixels])]);
    const product = summedProduct(graph, batch, given, rows);
    return graph.add("Reshape", [product, graph.integers([outputs, inputs, 1])]);
  });
  return joined(graph, places, 2);
}
