/** Operations on each element: activations, arithmetic, comparisons, casts. */
import { at, product } from "../../../facts/checked-lists.ts";
import { GELU, GELU_GRADIENT, SILU } from "../../activations.ts";
import { isNumber, type Signature } from "../../kernel.ts";
import { CLIPPED_GRADIENT, IN_SINGLE_PRECISION, WITHOUT_GRADIENT } from "../../operators.ts";
import type { GraphBuilder, Value } from "../graph.ts";
import {
  arranged,
  broadcast,
  broadcastTo,
  identity,
  mapped,
  splatTensor,
  storedSizes,
  type Traced,
} from "../layout.ts";
import type { OnnxType } from "../model-proto.ts";
import {
  BINARY,
  type Binary,
  isTensorType,
  type Lowering,
  lowering,
  type TensorType,
  UNARY,
  type Unary,
} from "./lowering.ts";
import { onNarrowRows } from "./narrow-rows.ts";
import { broadcastRefusal } from "./operand-shapes.ts";

/** Returns the shape that two shapes broadcast to. */
export function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  const size = (shape: readonly number[], axis: number) => shape[axis - rank + shape.length] ?? 1;
  return identity(rank).map((axis) => (size(a, axis) === 1 ? size(b, axis) : size(a, axis)));
}

/**
 * Adds an elementwise operator of several operands. The result has the layout of the operand that stores most, and broadcast axes that
 * all operands share are still not stored.
 *
 * @param further inputs of the operator after the operands
 */
export function elementwise(
  graph: GraphBuilder,
  operator: string,
  operands: readonly Traced[],
  type: OnnxType,
  further: readonly Value[] = [],
): Traced {
  const shape = operands.map((operand) => operand.shape).reduce(broadcastShape);
  const wide = operands.map((operand) => broadcastTo(operand, shape));
  const { axes } = wide.reduce((best, each) => (product(each.stored) > product(best.stored) ? each : best));
  const values = operands.map((operand) => arranged(graph, operand, axes));
  const sizes = wide.map((operand) => storedSizes(operand, axes));
  const stored = axes.map((_, axis) => Math.max(...sizes.map((each) => at(each, axis))));
  const narrow =
    type === "float32" && further.length === 0
      ? onNarrowRows(
          graph,
          operator,
          values.map((value, place) => ({ value, sizes: at(sizes, place) })),
        )
      : undefined;
  if (narrow !== undefined) return { value: graph.reshape(narrow, stored), type, shape, axes, stored };
  const result = graph.add(operator, [...values, ...further]);
  // A scalar stands for each splat: without an operand that has all axes, the result lacks some.
  const isComplete = operands.some((each) => each.splat === undefined && each.shape.length === shape.length);
  const value = isComplete || shape.length === 0 ? result : graph.reshape(result, stored);
  return { value, type, shape, axes, stored };
}

// ---- one operand ---------------------------------------------------------------------------------------------------

/** Adds a unary operator, in whatever layout the operand has. */
export function unary(graph: GraphBuilder, operator: string, x: Traced): Traced {
  return mapped(graph, x, graph.add(operator, [x.value]));
}

/** @param known the operation on a number, to fold constants */
function unaryLowering(operator: string, known?: (x: number) => number): Lowering {
  return lowering(UNARY, (graph, { x }) =>
    known !== undefined && x.splat !== undefined
      ? splatTensor(graph, known(x.splat), x.type, x.shape)
      : unary(graph, operator, x),
  );
}

const unchanged = (_: GraphBuilder, { x }: Unary): Traced => x;

const CAST: Signature<"x", { readonly dtype: TensorType }> = {
  operands: ["x"],
  attributes: { dtype: isTensorType },
};

function cast(graph: GraphBuilder, { x }: Unary, { dtype }: { readonly dtype: TensorType }): Traced {
  // TensorFlow.js has one name for both floating-point types.
  if (dtype === x.type || (dtype === "float32" && x.type === "float16")) return x;
  if (x.splat !== undefined) return splatTensor(graph, x.splat, dtype, x.shape);
  return { ...x, type: dtype, value: graph.cast(x.value, x.type, dtype) };
}

interface Slope {
  readonly alpha: number;
}
const SLOPE: Signature<"x", Slope> = { operands: ["x"], attributes: { alpha: isNumber } };

function leakyRelu(graph: GraphBuilder, { x }: Unary, { alpha }: Slope): Traced {
  return mapped(graph, x, graph.add("LeakyRelu", [x.value], { attributes: { alpha: { float: alpha } } }));
}

interface Range {
  readonly clipValueMin: number;
  readonly clipValueMax: number;
}
const RANGE: Signature<"x", Range> = {
  operands: ["x"],
  attributes: { clipValueMin: isNumber, clipValueMax: isNumber },
};

function clip(graph: GraphBuilder, { x }: Unary, { clipValueMin, clipValueMax }: Range): Traced {
  const limits = [graph.scalar(clipValueMin, x.type), graph.scalar(clipValueMax, x.type)];
  return mapped(graph, x, graph.add("Clip", [x.value, ...limits]));
}

/** Adds max(0, min(1, factor · x + shift)), in one pass. */
function ramp(graph: GraphBuilder, x: Traced, factor: number, shift: number): Traced {
  const attributes = { alpha: { float: factor }, beta: { float: shift } };
  return mapped(graph, x, graph.add("HardSigmoid", [x.value], { attributes }));
}

/** A ramp's factor that makes it a step. */
const STEEP = 1e38;

/** Adds the derivative of ReLU and leaky ReLU: 1 above zero, `alpha` below. */
function step(graph: GraphBuilder, { x }: Unary, { alpha }: Slope): Traced {
  // The larger of a step and the slope is right only between 0 and 1.
  if (graph.target === "cpu" && alpha >= 0 && alpha <= 1) {
    const isPositive = ramp(graph, x, STEEP, 0);
    if (alpha === 0) return isPositive;
    return mapped(graph, x, graph.add("Max", [isPositive.value, graph.scalar(alpha)]));
  }
  const isPositive = graph.add("Greater", [x.value, graph.scalar(0, x.type)]);
  return mapped(
    graph,
    x,
    graph.add("Where", [isPositive, graph.scalar(1, x.type), graph.scalar(alpha, x.type)]),
  );
}

/** Adds x · Φ(x). ONNX has it as one operator since opset 20. Portable graphs use an older one. */
function gelu(graph: GraphBuilder, { x }: Unary): Traced {
  if (graph.target !== "portable") return unary(graph, "Gelu", x);
  const number = (value: number) => graph.scalar(value, x.type);
  const erf = graph.add("Erf", [graph.add("Mul", [x.value, number(Math.SQRT1_2)])]);
  const cumulative = graph.add("Mul", [graph.add("Add", [erf, number(1)]), number(0.5)]);
  return mapped(graph, x, graph.add("Mul", [x.value, cumulative]));
}

/**
 * Adds dy · (Φ(x) + x φ(x)), where φ is the density of the normal distribution. With s = x / √2, Φ(x) is (1 + erf(s)) / 2, and x φ(x) is
 * s exp(ln(1 / √π) - s²).
 */
function geluGradient(graph: GraphBuilder, { dy, x }: { readonly dy: Traced; readonly x: Traced }): Traced {
  const number = (value: number) => splatTensor(graph, value, x.type, []);
  const binary = (operator: string, a: Traced, b: Traced) => elementwise(graph, operator, [a, b], x.type);
  const scaled = binary("Mul", x, number(Math.SQRT1_2));
  const erf = unary(graph, "Erf", scaled);
  const cumulative =
    graph.target === "cpu"
      ? ramp(graph, erf, 0.5, 0.5)
      : binary("Mul", binary("Add", erf, number(1)), number(0.5));
  const exponent = binary("Sub", number(-Math.log(Math.PI) / 2), binary("Mul", scaled, scaled));
  const density = binary("Mul", unary(graph, "Exp", exponent), scaled);
  return binary("Mul", binary("Add", cumulative, density), dy);
}

function silu(graph: GraphBuilder, { x }: Unary): Traced {
  if (graph.target !== "cpu") return elementwise(graph, "Mul", [x, unary(graph, "Sigmoid", x)], x.type);
  const value = graph.add("QuickGelu", [x.value], {
    attributes: { alpha: { float: 1 } },
    domain: "com.microsoft",
  });
  return mapped(graph, x, value);
}

// ---- several operands ----------------------------------------------------------------------------------------------

type Fold = (a: number, b: number) => number;
type Simplify = (a: Traced, b: Traced) => Traced | undefined;

/**
 * @param known the operation on two numbers, to fold constants
 * @param simplify returns the operand that the result equals, or undefined
 */
function arithmetic(operator: string, known: Fold, simplify?: Simplify): Lowering {
  const write = (graph: GraphBuilder, { a, b }: Binary): Traced => {
    const shape = broadcastShape(a.shape, b.shape);
    if (a.splat !== undefined && b.splat !== undefined)
      return splatTensor(graph, known(a.splat, b.splat), a.type, shape);
    const simpler = simplify?.(a, b);
    return simpler === undefined
      ? elementwise(graph, operator, [a, b], a.type)
      : broadcast(graph, simpler, shape);
  };
  return lowering(BINARY, write, broadcastRefusal);
}

const unlessZero: Simplify = (a, b) => (b.splat === 0 ? a : undefined);
const unlessOne: Simplify = (a, b) => (b.splat === 1 ? a : undefined);
const unlessEitherIsOne: Simplify = (a, b) => (a.splat === 1 ? b : unlessOne(a, b));

function comparison(operator: string): Lowering {
  return lowering(
    BINARY,
    (graph, { a, b }) => elementwise(graph, operator, [a, b], "bool"),
    broadcastRefusal,
  );
}

function add(graph: GraphBuilder, { a, b }: Binary): Traced {
  if (a.splat === 0) return broadcast(graph, b, broadcastShape(a.shape, b.shape));
  if (b.splat === 0) return broadcast(graph, a, broadcastShape(a.shape, b.shape));
  return isBias(a, b)
    ? elementwise(graph, "BiasAdd", [a, b], a.type, [b.value])
    : elementwise(graph, "Add", [a, b], a.type);
}

/** Whether `b` has one value for each channel of `a`, which a matrix product or a convolution may have made. */
function isBias(a: Traced, b: Traced): boolean {
  const last = a.shape.length - 1;
  const channelAxis = last === 1 ? 1 : a.axes[last];
  const isWhole = product(a.stored) === product(a.shape) && a.axes[0] === 0 && channelAxis === 1;
  return isWhole && b.shape.length === 1 && b.stored[0] === a.shape[last];
}

function squaredDifference(graph: GraphBuilder, { a, b }: Binary): Traced {
  const difference = elementwise(graph, "Sub", [a, b], a.type);
  return elementwise(graph, "Mul", [difference, difference], a.type);
}

const SELECT: Signature<"condition" | "t" | "e", object> = {
  operands: ["condition", "t", "e"],
  attributes: {},
};

const select = (graph: GraphBuilder, condition: Traced, then: Traced, otherwise: Traced): Traced =>
  elementwise(graph, "Where", [condition, then, otherwise], then.type);

const ELU_GRADIENT: Signature<"dy" | "y", object> = { operands: ["dy", "y"], attributes: {} };

/** Adds dy · (y > 0 ? 1 : y + 1), TensorFlow.js's gradient of ELU by its output. */
function eluGradient(graph: GraphBuilder, { dy, y }: { readonly dy: Traced; readonly y: Traced }): Traced {
  if (graph.target === "cpu") return elementwise(graph, "Mul", [dy, ramp(graph, y, 1, 1)], y.type);
  const one = splatTensor(graph, 1, y.type, []);
  const isPositive = elementwise(graph, "Greater", [y, splatTensor(graph, 0, y.type, [])], "bool");
  const slope = select(graph, isPositive, one, add(graph, { a: y, b: one }));
  return elementwise(graph, "Mul", [dy, slope], y.type);
}

export const elementwiseLowerings: Readonly<Record<string, Lowering>> = {
  Abs: unaryLowering("Abs", Math.abs),
  Elu: unaryLowering("Elu"),
  Erf: unaryLowering("Erf"),
  Exp: unaryLowering("Exp", Math.exp),
  Log: unaryLowering("Log", Math.log),
  Neg: unaryLowering("Neg", (x) => -x),
  Reciprocal: unaryLowering("Reciprocal", (x) => 1 / x),
  Relu: unaryLowering("Relu", (x) => Math.max(x, 0)),
  Rsqrt: lowering(UNARY, (graph, { x }) => unary(graph, "Reciprocal", unary(graph, "Sqrt", x))),
  Sigmoid: unaryLowering("Sigmoid"),
  Softplus: unaryLowering("Softplus"),
  Sqrt: unaryLowering("Sqrt", Math.sqrt),
  Square: lowering(UNARY, (graph, { x }) => elementwise(graph, "Mul", [x, x], x.type)),
  Tanh: unaryLowering("Tanh", Math.tanh),
  Floor: unaryLowering("Floor", Math.floor),
  Sin: unaryLowering("Sin", Math.sin),
  Cos: unaryLowering("Cos", Math.cos),
  LogicalNot: unaryLowering("Not"),
  [GELU.name]: lowering(GELU, gelu),
  [GELU_GRADIENT.name]: lowering(GELU_GRADIENT, geluGradient),
  [SILU.name]: lowering(SILU, silu),
  LeakyRelu: lowering(SLOPE, leakyRelu),
  ClipByValue: lowering(RANGE, clip),
  Step: lowering(SLOPE, step),
  EluGrad: lowering(ELU_GRADIENT, eluGradient),
  Cast: lowering(CAST, cast),
  Identity: lowering(UNARY, unchanged),
  [IN_SINGLE_PRECISION.name]: lowering(IN_SINGLE_PRECISION, unchanged),
  [WITHOUT_GRADIENT.name]: lowering(WITHOUT_GRADIENT, unchanged),
  [CLIPPED_GRADIENT.name]: lowering(CLIPPED_GRADIENT, unchanged),

  Add: lowering(BINARY, add, broadcastRefusal),
  Sub: arithmetic("Sub", (a, b) => a - b, unlessZero),
  Multiply: arithmetic("Mul", (a, b) => a * b, unlessEitherIsOne),
  RealDiv: arithmetic("Div", (a, b) => a / b, unlessOne),
  Maximum: arithmetic("Max", Math.max),
  Minimum: arithmetic("Min", Math.min),
  Pow: arithmetic("Pow", (a, b) => a ** b, unlessOne),
  SquaredDifference: lowering(BINARY, squaredDifference, broadcastRefusal),
  Equal: comparison("Equal"),
  Greater: comparison("Greater"),
  GreaterEqual: comparison("GreaterOrEqual"),
  Less: comparison("Less"),
  LessEqual: comparison("LessOrEqual"),
  LogicalAnd: comparison("And"),
  LogicalOr: comparison("Or"),
  Select: lowering(SELECT, (graph, { condition, t, e }) => select(graph, condition, t, e), broadcastRefusal),
};
