/** Reductions along axes, and softmax. */
import { at } from "../../../facts/checked-lists.ts";
import { either, isBoolean, isNumber, optional, type Signature } from "../../kernel.ts";
import type { GraphBuilder } from "../graph.ts";
import { arrangedTensor, fromStart, identity, permuted, stored, type Traced } from "../layout.ts";
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
  const value = graph.add(operator, [stored(graph, x), graph.integers(storedAxes)], {
    attributes: { keepdims: keepDims ? 1 : 0 },
  });
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
