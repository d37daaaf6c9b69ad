/** The order of the values in a convolution's kernels. */
import { atLeast, lastOf, product } from "../../../facts/checked-lists.ts";
import type { GraphBuilder, Value } from "../graph.ts";
import { matrixOf } from "../matrix.ts";

/** Larger kernels are flipped by Slice: the product's work for each value grows with the kernel. */
const MAXIMUM_FLIPPED_BY_PRODUCT = 64;

/**
 * Flips kernels `[out, in, …kernel]` along all axes of space. On the CPU, a product with the reversed identity matrix takes an eighth of
 * Slice's time, which runs on one thread. On GPUs, a product may round.
 */
export function flipped(graph: GraphBuilder, weight: Value, shape: readonly number[]): Value {
  const [outputs, inputs, ...kernel] = atLeast(shape, 2);
  const values = product(kernel);
  if (values === 1) return weight;
  if (graph.target === "cpu" && values <= MAXIMUM_FLIPPED_BY_PRODUCT) {
    const rows = graph.reshape(weight, [outputs * inputs, values]);
    return graph.reshape(graph.add("MatMul", [rows, reversedMatrix(graph, values)]), shape);
  }
  const axes = kernel.map((_, axis) => axis + 2);
  const all = (value: number) => graph.integers(axes.map(() => value));
  return graph.add("Slice", [weight, all(-1), all(-(2 ** 31)), graph.integers(axes), all(-1)]);
}

/** A value's shape, and how its axes are moved. */
interface Move {
  readonly shape: readonly number[];
  readonly perm: readonly number[];
}

/** Adds some transpositions, one after another: moving rows and columns of large matrices is faster than moving single values. */
export const moved = (graph: GraphBuilder, value: Value, moves: readonly Move[]): Value =>
  moves.reduce(
    (given, { shape, perm }) =>
      graph.add("Transpose", [graph.reshape(given, shape)], { attributes: { perm } }),
    value,
  );

/**
 * Returns a gradient `[plane · out · row, in · column]` in the order of `[out, in, …kernel]`. Moving columns, then rows of `in` and
 * columns again takes a quarter of the time of moving single values.
 */
export function inKernelOrder(
  graph: GraphBuilder,
  gradient: Value,
  inputs: number,
  outputs: number,
  kernel: readonly number[],
): Value {
  const [rows, columns] = [kernel.at(-2) ?? 1, lastOf(kernel)];
  const planes = product(kernel) / (rows * columns);
  return moved(graph, gradient, [
    { shape: [planes * outputs * rows * inputs, columns], perm: [1, 0] },
    { shape: [columns, planes, outputs, rows, inputs], perm: [1, 3, 0, 2, 4] },
    { shape: [product(kernel), outputs * inputs], perm: [1, 0] },
  ]);
}

/** Adds the matrix that reverses the order of columns. */
export const reversedMatrix = (graph: GraphBuilder, size: number): Value =>
  graph.floats(matrixOf(size, size, (row, column) => (row + column === size - 1 ? 1 : 0)));

export const identityMatrix = (graph: GraphBuilder, size: number): Value =>
  graph.floats(matrixOf(size, size, (row, column) => (row === column ? 1 : 0)));
