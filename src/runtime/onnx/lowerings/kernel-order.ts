/** The order of the values in a convolution's kernels. */
import { atLeast, product } from "../../../facts/checked-lists.ts";
import type { GraphBuilder, Value } from "../graph.ts";

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

/** Adds the matrix that reverses the order of columns. */
export const reversedMatrix = (graph: GraphBuilder, size: number): Value =>
  permutationMatrix(graph, size, (column) => size - 1 - column);

export const identityMatrix = (graph: GraphBuilder, size: number): Value =>
  permutationMatrix(graph, size, (column) => column);

function permutationMatrix(graph: GraphBuilder, size: number, from: (column: number) => number): Value {
  const matrix = Float32Array.from({ length: size * size }, (_, at) =>
    Math.floor(at / size) === from(at % size) ? 1 : 0,
  );
  return graph.constant("float32", [size, size], new Uint8Array(matrix.buffer));
}
