/** Images as ONNX stores them, channels-first, and as the traced computation sees them, channels-last. */
import type { ConvolutionWindow } from "../convolution.ts";
import { channelsOf } from "../image-shape.ts";
import type { GraphBuilder, Value } from "./graph.ts";
import { arrangedTensor, stored, type Traced } from "./layout.ts";
import type { OnnxType } from "./model-proto.ts";

/** Storage order channels-first of a tensor `[batch, …space, channel]`. */
const channelsFirst = (rank: number) => [0, ...Array.from({ length: rank - 2 }, (_, axis) => axis + 2), 1];

/** The ONNX value of a tensor, channels-first. */
export const image = (graph: GraphBuilder, x: Traced) => stored(graph, x, channelsFirst(x.shape.length));

/** A channels-first value as the tensor `[batch, …space, channel]` that it is. */
export function channelsLast(
  value: Value,
  batch: number,
  size: readonly number[],
  channels: number,
  type: OnnxType = "float32",
): Traced {
  const shape = [batch, ...size, channels];
  return arrangedTensor(value, type, shape, channelsFirst(shape.length));
}

/** Zeros at the far side, where an input was not a multiple of the stride. */
export function extended(graph: GraphBuilder, x: Traced, size: readonly number[]): Traced {
  const after = size.map((each, axis) => each - x.shape[axis + 1]);
  const amounts = graph.integers([...x.shape.map(() => 0), 0, 0, ...after]);
  const value = graph.add("Pad", [x.value, amounts, graph.scalar(0, x.type)]);
  return channelsLast(value, x.shape[0], size, channelsOf(x), x.type);
}

/** The pixels that a place in a kernel meets as it moves over all of `space`, out of an image whose axes of space are `axes`. */
export function pixelsAt(
  graph: GraphBuilder,
  image: Value,
  place: readonly number[],
  { stride, dilation }: ConvolutionWindow,
  space: readonly number[],
  axes: readonly number[],
): Value {
  const starts = place.map((each, axis) => each * dilation[axis]);
  const ends = starts.map((start, axis) => start + (space[axis] - 1) * stride[axis] + 1);
  return graph.add("Slice", [image, ...[starts, ends, axes, stride].map((each) => graph.integers(each))]);
}

/** All places in a kernel, the last axis fastest. */
export function placesOf(kernel: readonly number[]): number[][] {
  return kernel.reduce<number[][]>(
    (known, size) => known.flatMap((place) => Array.from({ length: size }, (_, at) => [...place, at])),
    [[]],
  );
}
