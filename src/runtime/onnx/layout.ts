import { at, product } from "../../facts/checked-lists.ts";
import type { GraphBuilder, Value } from "./graph.ts";
import type { OnnxType } from "./model-proto.ts";

/**
 * A tensor of the traced computation, and how its ONNX value stores it.
 *
 * TensorFlow.js is channels-last and ONNX channels-first. A transposition or a broadcast is therefore only recorded here, and carried
 * out when an operator needs it: whole networks stay in one layout.
 */
export interface Traced {
  readonly value: Value;
  readonly type: OnnxType;
  /** Sizes as TensorFlow.js sees them. */
  readonly shape: readonly number[];
  /** Axis `i` of `shape` is stored as axis `axes[i]`. */
  readonly axes: readonly number[];
  /** Sizes as stored: 1 along an axis that `shape` broadcasts. The value has all of these axes, unless it is a {@link splat}. */
  readonly stored: readonly number[];
  /** The value of every element, where all are equal. It is stored as a scalar. */
  readonly splat?: number;
}

/** Returns the axes of a tensor in their own order: `[0, 1, …]`. */
export const identity = (rank: number): number[] => Array.from({ length: rank }, (_, axis) => axis);
/** Returns the elements of a list at the given axes. */
export const permuted = (list: readonly number[], axes: readonly number[]): number[] =>
  axes.map((axis) => at(list, axis));
export const sameSizes = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((size, axis) => size === b[axis]);

/** Returns a tensor that is stored without broadcast axes, in the given order of axes. */
export function arrangedTensor(
  value: Value,
  type: OnnxType,
  shape: readonly number[],
  axes: readonly number[],
): Traced {
  return { value, type, shape, axes, stored: toStored(shape, axes) };
}

/** Returns a tensor that is stored exactly as its shape says. */
export function plainTensor(value: Value, type: OnnxType, shape: readonly number[]): Traced {
  return arrangedTensor(value, type, shape, identity(shape.length));
}

/**
 * Returns the result of an elementwise operation on `tensor`: the same layout, with broadcast axes still not stored.
 *
 * @param value the operation's result on `tensor.value`
 */
export function mapped(graph: GraphBuilder, tensor: Traced, value: Value): Traced {
  const isScalar = tensor.splat !== undefined && tensor.shape.length > 0;
  return { ...tensor, splat: undefined, value: isScalar ? graph.reshape(value, tensor.stored) : value };
}

/** Returns a tensor whose elements all have one value, stored once. */
export function splatTensor(
  graph: GraphBuilder,
  splat: number,
  type: OnnxType,
  shape: readonly number[],
): Traced {
  const value = graph.scalar(splat, type);
  return { value, type, shape, axes: identity(shape.length), stored: shape.map(() => 1), splat };
}

/** Returns which tensor axis each stored axis holds: the inverse permutation of `axes`. */
function storedOrder(axes: readonly number[]): number[] {
  const order = new Array<number>(axes.length);
  axes.forEach((storedAxis, axis) => {
    order[storedAxis] = axis;
  });
  return order;
}

/** Permutes `shape` (by tensor axis) into stored order. */
export function toStored(shape: readonly number[], axes: readonly number[]): number[] {
  return permuted(shape, storedOrder(axes));
}

/** Returns the stored sizes of a tensor in another order of axes. */
export function storedSizes({ axes, stored }: Traced, arrangement: readonly number[]): number[] {
  return toStored(permuted(stored, axes), arrangement);
}

/** Returns an axis counted from the start. A negative one counts from the end: -1 is the last. */
export const fromStart = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/**
 * Broadcasts a tensor to a larger shape, without storing the copies. Leading axes that it adds are not in the value: operators that
 * broadcast do not need them, all others take {@link broadcast}.
 */
export function broadcastTo(tensor: Traced, shape: readonly number[]): Traced {
  if (sameSizes(tensor.shape, shape)) return tensor;
  const added = shape.length - tensor.shape.length;
  const keepsRank = added === 0;
  const axes = keepsRank ? tensor.axes : [...identity(added), ...tensor.axes.map((axis) => axis + added)];
  const stored = keepsRank ? tensor.stored : [...new Array<number>(added).fill(1), ...tensor.stored];
  return { ...tensor, shape, axes, stored };
}

/** Like {@link broadcastTo}. The value has all axes. */
export function broadcast(graph: GraphBuilder, tensor: Traced, shape: readonly number[]): Traced {
  const wide = broadcastTo(tensor, shape);
  const isComplete = tensor.splat !== undefined || tensor.shape.length === shape.length;
  return isComplete ? wide : { ...wide, value: graph.reshape(tensor.value, wide.stored) };
}

/**
 * Returns the ONNX value that stores `tensor` in the given order of axes, ready for an operator that broadcasts: broadcast axes have
 * size 1, leading ones may be left out.
 */
export function arranged(graph: GraphBuilder, tensor: Traced, axes: readonly number[]): Value {
  if (product(tensor.stored) === 1) return tensor.value;
  const padded = broadcastTo(tensor, [
    ...new Array<number>(axes.length - tensor.shape.length).fill(1),
    ...tensor.shape,
  ]);
  if (sameSizes(padded.axes, axes)) return tensor.value;
  const sizes = permuted(padded.stored, padded.axes);
  const target = toStored(sizes, axes);
  const significant = (order: readonly number[]) => order.filter((axis) => sizes[axis] !== 1);
  if (sameSizes(significant(storedOrder(padded.axes)), significant(storedOrder(axes)))) {
    return graph.add("Reshape", [tensor.value, graph.integers(target)]);
  }
  const source =
    tensor.shape.length === axes.length
      ? tensor.value
      : graph.add("Reshape", [tensor.value, graph.integers(padded.stored)]);
  return graph.add("Transpose", [source], {
    attributes: { perm: permuted(padded.axes, storedOrder(axes)) },
  });
}

/** Returns the ONNX value that stores all of `tensor`, broadcast axes included, in the given order of axes. */
export function stored(graph: GraphBuilder, tensor: Traced, axes: readonly number[] = tensor.axes): Value {
  const target = toStored(tensor.shape, axes);
  const value = arranged(graph, tensor, axes);
  const complete = sameSizes(storedSizes(tensor, axes), target);
  if (complete && (tensor.splat === undefined || tensor.shape.length === 0)) return value;
  return graph.add("Expand", [value, graph.integers(target)]);
}

/** Returns the ONNX value that stores all of `tensor` in its own order of axes. */
export function plain(graph: GraphBuilder, tensor: Traced): Value {
  return stored(graph, tensor, identity(tensor.shape.length));
}
