import type { GraphBuilder, Value } from "./graph.ts";
import type { OnnxType } from "./model-proto.ts";

/**
 * A tensor of the traced computation, and how its ONNX value stores it.
 *
 * TensorFlow.js is channels-last and ONNX channels-first, so a transposition or a broadcast is only noted here and
 * carried out when an operation needs it: whole networks stay in one layout.
 */
export interface Traced {
  readonly value: Value;
  readonly type: OnnxType;
  /** As TensorFlow.js sees it. */
  readonly shape: readonly number[];
  /** Axis `i` of `shape` is stored as axis `axes[i]`. */
  readonly axes: readonly number[];
  /** Sizes as stored; 1 along an axis that `shape` repeats. */
  readonly stored: readonly number[];
  /** Set when every element has this one value. */
  readonly splat?: number;
}

export const identity = (rank: number): number[] => Array.from({ length: rank }, (_, axis) => axis);
export const sizeOf = (shape: readonly number[]): number =>
  shape.reduce((product, size) => product * size, 1);
const equal = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((n, i) => n === b[i]);

/** A tensor that is stored whole, its axes arranged in this way. */
export function arrangedTensor(
  value: Value,
  type: OnnxType,
  shape: readonly number[],
  axes: readonly number[],
): Traced {
  return { value, type, shape, axes, stored: toStored(shape, axes) };
}

/** A tensor stored exactly as its shape says. */
export function plainTensor(value: Value, type: OnnxType, shape: readonly number[]): Traced {
  return arrangedTensor(value, type, shape, identity(shape.length));
}

/** What becomes of a tensor by an operation on each element: stored as the tensor is, repeated axes still not. */
export function mapped(tensor: Traced, value: Value): Traced {
  return { ...tensor, splat: undefined, value };
}

/** A tensor whose elements all have one value: stored once. */
export function splatTensor(
  graph: GraphBuilder,
  splat: number,
  type: OnnxType,
  shape: readonly number[],
): Traced {
  const value = graph.scalar(splat, type);
  return { value, type, shape, axes: identity(shape.length), stored: shape.map(() => 1), splat };
}

/** The inverse permutation: which tensor axis is stored at each place. */
function storedOrder(axes: readonly number[]): number[] {
  const order = new Array<number>(axes.length);
  axes.forEach((place, axis) => {
    order[place] = axis;
  });
  return order;
}

/** Permutes `shape` (by tensor axis) into storage order. */
export function toStored(shape: readonly number[], axes: readonly number[]): number[] {
  return storedOrder(axes).map((axis) => shape[axis]);
}

/** The sizes of a tensor as it is stored, in another arrangement. */
export function storedSizes({ axes, stored }: Traced, arrangement: readonly number[]): number[] {
  return toStored(
    axes.map((place) => stored[place]),
    arrangement,
  );
}

/** An axis that may be counted from the end, `-1` the last, as counted from the start. */
export const fromStart = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** The tensor repeated to a larger shape, without storing the copies. */
export function broadcastTo(tensor: Traced, shape: readonly number[]): Traced {
  if (equal(tensor.shape, shape)) return tensor;
  const added = shape.length - tensor.shape.length;
  const rankKept = added === 0;
  const axes = rankKept ? tensor.axes : [...identity(added), ...tensor.axes.map((place) => place + added)];
  const stored = rankKept ? tensor.stored : [...new Array<number>(added).fill(1), ...tensor.stored];
  return { ...tensor, shape, axes, stored };
}

/**
 * The ONNX value that stores `tensor` in the given arrangement of `axes.length` axes, repeated axes left at size 1
 * (or leading ones left out): ready for an operation that broadcasts.
 */
export function arranged(graph: GraphBuilder, tensor: Traced, axes: readonly number[]): Value {
  if (sizeOf(tensor.stored) === 1) return tensor.value;
  const padded = broadcastTo(tensor, [
    ...new Array<number>(axes.length - tensor.shape.length).fill(1),
    ...tensor.shape,
  ]);
  if (equal(padded.axes, axes)) return tensor.value;
  const perLogical = padded.axes.map((place) => padded.stored[place]);
  const target = toStored(perLogical, axes);
  const significant = (order: readonly number[]) => order.filter((axis) => perLogical[axis] !== 1);
  if (equal(significant(storedOrder(padded.axes)), significant(storedOrder(axes)))) {
    return graph.add("Reshape", [tensor.value, graph.integers(target)]);
  }
  const source =
    tensor.shape.length === axes.length
      ? tensor.value
      : graph.add("Reshape", [tensor.value, graph.integers(padded.stored)]);
  return graph.add("Transpose", [source], {
    attributes: { perm: storedOrder(axes).map((axis) => padded.axes[axis]) },
  });
}

/** The ONNX value that stores the whole `tensor`, repeated parts included, in the given arrangement. */
export function stored(graph: GraphBuilder, tensor: Traced, axes: readonly number[] = tensor.axes): Value {
  const target = toStored(tensor.shape, axes);
  const value = arranged(graph, tensor, axes);
  const complete = equal(storedSizes(tensor, axes), target);
  if (complete && (tensor.splat === undefined || tensor.shape.length === 0)) return value;
  return graph.add("Expand", [value, graph.integers(target)]);
}

/** The ONNX value that stores the whole `tensor` in its own order of axes. */
export function plain(graph: GraphBuilder, tensor: Traced): Value {
  return stored(graph, tensor, identity(tensor.shape.length));
}
