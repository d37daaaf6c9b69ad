/**
 * Mixed precision by kernel, as PyTorch's `autocast` has it by operator: matrix products and convolutions take float16, what adds up
 * many values or grows fast takes float32, and the rest computes in what its operands are in, the wider where they differ. Gradients
 * are kernels of the same trace and follow by themselves.
 */
import type { GraphBuilder } from "./graph.ts";
import { splatTensor, type Traced } from "./layout.ts";
import type { Lowering } from "./lowerings.ts";

type FloatType = "float32" | "float16";
type Inputs = Readonly<Record<string, Traced | readonly Traced[]>>;

/** Taken in float16, whatever the operands are in. */
const HALF = new Set(["BatchMatMul", "Convolution", "ConvolutionInput", "ConvolutionWeight", "Depthwise"]);

/** Taken in float32, whatever the operands are in. */
const SINGLE = new Set([
  "DepthwiseWeight",
  "Exp",
  "InSinglePrecision",
  "LayerNormalization",
  "Log",
  "Mean",
  "NormalizeChannels",
  "NormalizeChannelsGradient",
  "Pow",
  "Reciprocal",
  "Rsqrt",
  "Softmax",
  "Softplus",
  "SquaredDifference",
  "Standardize",
  "Sum",
  "UnsortedSegmentSum",
]);

/** Of kernels in {@link SINGLE}: the operand, and the results as large as it, which go back to its type. */
const SINGLE_INSIDE: Readonly<
  Record<string, { readonly operand: string; readonly results: readonly number[] }>
> = {
  NormalizeChannels: { operand: "x", results: [0, 3] },
  NormalizeChannelsGradient: { operand: "dy", results: [0] },
};

/** Taken in the type of one operand; the other is a table. */
const BY_OPERAND: Readonly<Record<string, string>> = { AlongAxis: "x" };

/** Whose operands have a type each: the number of a pixel is no value to compute with. */
const APART = new Set(["MaxUnpooling", "Cast"]);

/** The nearest to zero that float16 has in full precision, and the furthest from it. */
const SMALLEST = 2 ** -14;
const LARGEST = 65504;

const isFloat = (x: Traced) => x.type === "float32" || x.type === "float16";
const fitsHalf = (value: number) =>
  value === 0 || (Math.abs(value) >= SMALLEST && Math.abs(value) <= LARGEST);

/** A tensor in a floating-point type; whole numbers and truths stay what they are. */
export function inType(graph: GraphBuilder, x: Traced, type: FloatType): Traced {
  if (!isFloat(x) || x.type === type) return x;
  if (x.splat !== undefined) return splatTensor(graph, x.splat, type, x.shape);
  return { ...x, type, value: graph.cast(x.value, x.type, type) };
}

/** Writes a kernel into the graph in the type that it has in mixed precision. */
export function lowerMixed(
  kernel: string,
  lowering: Lowering,
  graph: GraphBuilder,
  inputs: Inputs,
  attributes: object,
): Traced | Traced[] {
  const lower = (given: Inputs) => lowering(graph, given as never, attributes as never);
  if (APART.has(kernel)) return lower(inputs);
  const type = typeOf(kernel, graph, inputs);
  const results = lower(
    Object.fromEntries(
      Object.entries(inputs).map(([name, value]) => [
        name,
        isList(value) ? value.map((each) => inType(graph, each, type)) : value && inType(graph, value, type),
      ]),
    ),
  );
  const inside = SINGLE_INSIDE[kernel];
  const operand = inside && inputs[inside.operand];
  if (operand === undefined || isList(operand) || operand.type !== "float16" || !Array.isArray(results))
    return results;
  return results.map((result, index) =>
    inside.results.includes(index) ? inType(graph, result, "float16") : result,
  );
}

const isList = (value: Traced | readonly Traced[]): value is readonly Traced[] => Array.isArray(value);

function typeOf(kernel: string, graph: GraphBuilder, inputs: Inputs): FloatType {
  if (HALF.has(kernel)) return "float16";
  if (SINGLE.has(kernel)) return "float32";
  const leader = BY_OPERAND[kernel] && inputs[BY_OPERAND[kernel]];
  if (leader) return !isList(leader) && leader.type === "float16" ? "float16" : "float32";
  if (kernel === "Add" && isBiasOfHalf(inputs)) return "float16";
  const floats = Object.values(inputs)
    .flat()
    .filter((each) => each != null && isFloat(each));
  const numbers = floats.filter((each) => each.splat !== undefined);
  const tensors = floats.filter((each) => each.splat === undefined && !graph.isCastFromWhole(each.value));
  const half =
    tensors.length > 0 &&
    tensors.every((each) => each.type === "float16") &&
    numbers.every(({ splat = 0 }) => fitsHalf(splat));
  return half ? "float16" : "float32";
}

/** A bias is part of its product. */
function isBiasOfHalf({ a, b }: Inputs): boolean {
  return !isList(a) && !isList(b) && a.type === "float16" && b.splat === undefined && b.shape.length === 1;
}
