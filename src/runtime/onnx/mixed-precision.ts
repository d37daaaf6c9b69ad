/**
 * Mixed precision by kernel, as PyTorch's `autocast` has it by operator. Matrix products and convolutions take float16. Kernels that
 * sum many values or grow fast take float32. All others compute in the type of their operands, the wider one where they differ.
 * Gradients are kernels of the same trace and follow the same rules.
 */
import type { GraphBuilder } from "./graph.ts";
import { splatTensor, type Traced } from "./layout.ts";
import type { Attributes, Lowering, Operands } from "./lowerings/lowering.ts";

type FloatType = "float32" | "float16";

/** Kernels that take float16, whatever the type of their operands. */
const HALF = new Set(["BatchMatMul", "Convolution", "ConvolutionInput", "ConvolutionWeight", "Depthwise"]);

/** Kernels that take float32, whatever the type of their operands. */
const SINGLE = new Set([
  "DepthwiseWeight",
  "Exp",
  "GeluGradient",
  "InSinglePrecision",
  "LayerNormalization",
  "LayerNormalizationGradient",
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

/** Kernels in {@link SINGLE} that return some results, those as large as an operand, in that operand's type. */
const SINGLE_INSIDE: Readonly<
  Record<string, { readonly operand: string; readonly results: readonly number[] }>
> = {
  NormalizeChannels: { operand: "x", results: [0, 3] },
  NormalizeChannelsGradient: { operand: "dy", results: [0] },
};

/** Kernels that take the type of this operand; their other operand is a constant table. */
const BY_OPERAND: Readonly<Record<string, string>> = { AlongAxis: "x" };

/** Kernels whose operands keep their types: an index is not cast to a float type. */
const UNCAST = new Set(["MaxUnpooling", "Cast"]);

/** The smallest and the largest magnitude that float16 represents in full precision. */
const SMALLEST = 2 ** -14;
const LARGEST = 65504;

const isFloat = (x: Traced) => x.type === "float32" || x.type === "float16";
const fitsHalf = (value: number) =>
  value === 0 || (Math.abs(value) >= SMALLEST && Math.abs(value) <= LARGEST);

/** Casts a tensor to a floating-point type. Integers and booleans are returned as they are. */
export function inType(graph: GraphBuilder, x: Traced, type: FloatType): Traced {
  if (!isFloat(x) || x.type === type) return x;
  if (x.splat !== undefined) return splatTensor(graph, x.splat, type, x.shape);
  return { ...x, type, value: graph.cast(x.value, x.type, type) };
}

/** Adds a kernel to the graph in the type that it has in mixed precision. */
export function lowerMixed(
  kernel: string,
  lowering: Lowering,
  graph: GraphBuilder,
  operands: Operands,
  attributes: Attributes,
): Traced | Traced[] {
  if (UNCAST.has(kernel)) return lowering.write(graph, operands, attributes);
  const type = typeOf(kernel, graph, operands);
  const cast = Object.entries(operands).map(([name, operand]) => [name, inType(graph, operand, type)]);
  const results = lowering.write(graph, Object.fromEntries(cast), attributes);
  const inside = SINGLE_INSIDE[kernel];
  if (inside === undefined || !Array.isArray(results) || operands[inside.operand]?.type !== "float16")
    return results;
  return results.map((result, index) =>
    inside.results.includes(index) ? inType(graph, result, "float16") : result,
  );
}

function typeOf(kernel: string, graph: GraphBuilder, operands: Operands): FloatType {
  if (HALF.has(kernel)) return "float16";
  if (SINGLE.has(kernel)) return "float32";
  const leader = operands[BY_OPERAND[kernel] ?? ""];
  if (leader !== undefined) return leader.type === "float16" ? "float16" : "float32";
  if (kernel === "Add" && isBiasOfHalf(operands)) return "float16";
  const floats = Object.values(operands).filter(isFloat);
  const numbers = floats.filter((each) => each.splat !== undefined);
  const tensors = floats.filter((each) => each.splat === undefined && !graph.isCastFromWhole(each.value));
  const isHalf =
    tensors.length > 0 &&
    tensors.every((each) => each.type === "float16") &&
    numbers.every(({ splat = 0 }) => fitsHalf(splat));
  return isHalf ? "float16" : "float32";
}

/** Whether an addition adds a bias to a product in float16: a bias is part of its product. */
function isBiasOfHalf({ a, b }: Operands): boolean {
  return a?.type === "float16" && b !== undefined && b.splat === undefined && b.shape.length === 1;
}
