/** Images in ONNX's channels-first layout and in the trace's channels-last one. */
import { zip } from "../../../facts/checked-lists.ts";
import type { ConvolutionWindow } from "../../convolution.ts";
import { batchOf, channelsOf, spaceOf } from "../../image-shape.ts";
import type { GraphBuilder, Value } from "../graph.ts";
import { arrangedTensor, sameSizes, stored, type Traced } from "../layout.ts";
import type { OnnxType } from "../model-proto.ts";

/** Returns the channels-first storage order of a tensor `[batch, …space, channel]`. */
const channelsFirst = (rank: number) => [0, ...Array.from({ length: rank - 2 }, (_, axis) => axis + 2), 1];

/** Returns the ONNX value of an image, channels-first. */
export const image = (graph: GraphBuilder, x: Traced): Value =>
  stored(graph, x, channelsFirst(x.shape.length));

/** Returns a channels-first value as the tensor `[batch, …space, channel]`. */
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

/** Pads a channels-first image with zeros at its far side up to `size`, where its input was no multiple of the stride. */
export function extended(graph: GraphBuilder, x: Traced, size: readonly number[]): Traced {
  if (sameSizes(spaceOf(x), size)) return x;
  const after = zip(size, spaceOf(x)).map(([wanted, present]) => wanted - present);
  const amounts = graph.integers([...x.shape.map(() => 0), 0, 0, ...after]);
  const value = graph.add("Pad", [x.value, amounts, graph.scalar(0, x.type)]);
  return channelsLast(value, batchOf(x), size, channelsOf(x), x.type);
}

/**
 * Moves the lines of phases (of pixels that lie a stride apart) to where they belong, as whole lines:
 * `[batch, channel, phase of each axis but the last, …space]` becomes `[batch, channel, …space]`.
 *
 * @param space of one phase, except for the last axis, whose pixels are in order already
 */
export function interleavedLines(
  graph: GraphBuilder,
  phases: Value,
  [batch, channels, ...space]: readonly [number, number, ...number[]],
  stride: readonly number[],
): Value {
  const axes = space.slice(1).map((_, axis) => axis);
  const order = axes.flatMap((axis) => [2 + axes.length + axis, 2 + axis]);
  const perm = [0, 1, ...order, 2 + 2 * axes.length];
  const rows = stride.slice(0, axes.length);
  const lines = graph.reshape(phases, [batch, channels, ...rows, ...space]);
  const whole = space.map((size, axis) => size * (rows[axis] ?? 1));
  return graph.reshape(graph.add("Transpose", [lines], { attributes: { perm } }), [
    batch,
    channels,
    ...whole,
  ]);
}

/**
 * Returns the pixels that one value of a kernel is multiplied with, as the kernel moves over an image.
 *
 * @param index of the value in the kernel
 * @param space of the convolution's result
 * @param axes the image's axes of space
 */
export function pixelsUnder(
  graph: GraphBuilder,
  image: Value,
  index: readonly number[],
  { stride, dilation }: ConvolutionWindow,
  space: readonly number[],
  axes: readonly number[],
): Value {
  const starts = zip(index, dilation).map(([each, spacing]) => each * spacing);
  const ends = zip(starts, space, stride).map(([start, size, step]) => start + (size - 1) * step + 1);
  return graph.add("Slice", [image, ...[starts, ends, axes, stride].map((each) => graph.integers(each))]);
}
