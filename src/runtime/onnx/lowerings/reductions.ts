/** Reductions along axes, and softmax. */
import { at, product } from "../../../facts/checked-lists.ts";
import { either, isBoolean, isNumber, optional, type Signature } from "../../kernel.ts";
import type { GraphBuilder, Value } from "../graph.ts";
import { arrangedTensor, fromStart, identity, permuted, stored, type Traced, toStored } from "../layout.ts";
import { isNumberOrNumbers, type Lowering, lowering } from "./lowering.ts";

type Axes = number | readonly number[] | null | undefined;
const isAxes = optional(either(isNumberOrNumbers, (value): value is null => value === null));

interface Reduction {
  /** All axes where absent. */
  readonly axis?: Axes;
  readonly keepDims?: boolean | undefined;
}
const REDUCTION: Signature<"x", Reduction> = {
  operands: ["x"],
  attributes: { axis: isAxes, keepDims: optional(isBoolean) },
};

/** Reduces along tensor axes, in the operand's own layout. */
export function reduce(
  graph: GraphBuilder,
  operator: string,
  x: Traced,
  { axis, keepDims = false }: Reduction,
): Traced {
  const rank = x.shape.length;
  const axes = [axis ?? identity(rank)].flat().map((each) => fromStart(each, rank));
  if (axes.length === 0) return x;
  const storedAxes = permuted(x.axes, axes).sort((a, b) => a - b);
  const attributes = { keepdims: keepDims ? 1 : 0 };
  const value =
    summedRows(graph, operator, x, storedAxes, keepDims) ??
    graph.add(operator, [stored(graph, x), graph.integers(storedAxes)], { attributes });
  if (keepDims) {
    const shape = x.shape.map((size, each) => (axes.includes(each) ? 1 : size));
    return arrangedTensor(value, x.type, shape, x.axes);
  }
  const kept = identity(rank).filter((each) => !axes.includes(each));
  const keptStored = permuted(x.axes, kept);
  // Stored axes move up by the reduced ones before them.
  const renumbered = keptStored.map((each) => keptStored.filter((other) => other < each).length);
  return arrangedTensor(value, x.type, permuted(x.shape, kept), renumbered);
}

/**
 * Returns a sum or mean over rows, as in the gradient of a bias, as the product of a row of equal numbers with `[image, row, column]`: 1.2 to 7
 * times as fast as onnxruntime's reduction, and closer to the exact sum. Returns undefined for others.
 */
function summedRows(
  graph: GraphBuilder,
  operator: string,
  x: Traced,
  storedAxes: readonly number[],
  keepDims: boolean,
): Value | undefined {
  const sizes = toStored(x.shape, x.axes);
  const [first = 0] = storedAxes;
  const end = first + storedAxes.length;
  const [before, rows, columns] = [
    sizes.slice(0, first),
    product(sizes.slice(first, end)),
    product(sizes.slice(end)),
  ];
  const images = product(before);
  const areNeighbors = storedAxes.every((axis, place) => axis === first + place);
  const isSum = operator === "ReduceSum" || operator === "ReduceMean";
  const isLarge = rows > 1 && columns > 1 && images <= rows;
  if (graph.target !== "cpu" || x.type !== "float32" || !isSum || !areNeighbors || !isLarge) return undefined;
  const factor = graph.scalar(operator === "ReduceSum" ? 1 : 1 / rows);
  const row = graph.add("Expand", [factor, graph.integers([1, rows])]);
  const matrices = graph.reshape(stored(graph, x), images === 1 ? [rows, columns] : [images, rows, columns]);
  const sum = graph.add("MatMul", [row, matrices]);
  return graph.reshape(sum, [...before, ...(keepDims ? storedAxes.map(() => 1) : []), ...sizes.slice(end)]);
}

const reduction = (operator: string) =>
  lowering(REDUCTION, (graph, { x }, attributes) => reduce(graph, operator, x, attributes));

/** TensorFlow.js names the axes of Max differently from those of Min. */
const MAX: Signature<"x", { readonly reductionIndices?: Axes; readonly keepDims?: boolean | undefined }> = {
  operands: ["x"],
  attributes: { reductionIndices: isAxes, keepDims: optional(isBoolean) },
};

const SOFTMAX: Signature<"logits", { readonly dim: number }> = {
  operands: ["logits"],
  attributes: { dim: isNumber },
};

function softmax(graph: GraphBuilder, logits: Traced, dim: number): Traced {
  const axis = at(logits.axes, fromStart(dim, logits.shape.length));
  const value = graph.add("Softmax", [stored(graph, logits)], { attributes: { axis } });
  return arrangedTensor(value, logits.type, logits.shape, logits.axes);
}

export const reductionLowerings: Readonly<Record<string, Lowering>> = {
  Sum: reduction("ReduceSum"),
  Mean: reduction("ReduceMean"),
  Min: reduction("ReduceMin"),
  Max: lowering(MAX, (graph, { x }, { reductionIndices: axis, keepDims }) =>
    reduce(graph, "ReduceMax", x, { axis, keepDims }),
  ),
  Softmax: lowering(SOFTMAX, (graph, { logits }, { dim }) => softmax(graph, logits, dim)),
};
