/** How a TensorFlow.js kernel is checked and written into an ONNX graph. */
import { attributesOf, either, isNumber, isNumbers, operandsOf, type Signature } from "../../kernel.ts";
import type { GraphBuilder } from "../graph.ts";
import type { Traced } from "../layout.ts";

/** A kernel's operands by the names of its signature. */
export type Operands = Readonly<Record<string, Traced>>;
/** A kernel's attributes by the names of its signature. */
export type Attributes = Readonly<Record<string, unknown>>;
type Result = Traced | Traced[];

/** Checks a kernel and writes it into a graph. */
export interface Lowering {
  /** Returns why the operands' shapes do not fit together, or undefined. */
  refusal(operands: Operands, attributes: Attributes): string | undefined;
  /** Adds the kernel's ONNX nodes to the graph and returns its results. */
  write(graph: GraphBuilder, operands: Operands, attributes: Attributes): Result;
}

const isTraced = (value: unknown): value is Traced =>
  typeof value === "object" && value !== null && "stored" in value && "axes" in value;

/** Makes the lowering of a kernel that has a fixed list of operands. */
export function lowering<Operand extends string, Attributes>(
  signature: Signature<Operand, Attributes>,
  write: (
    graph: GraphBuilder,
    operands: Readonly<Record<NoInfer<Operand>, Traced>>,
    attributes: NoInfer<Attributes>,
  ) => Result,
  refusal?: (
    operands: Readonly<Record<NoInfer<Operand>, Traced>>,
    attributes: NoInfer<Attributes>,
  ) => string | undefined,
): Lowering {
  return {
    refusal: (operands, attributes) =>
      refusal?.(operandsOf(signature, operands, isTraced), attributesOf(signature, attributes)),
    write: (graph, operands, attributes) =>
      write(graph, operandsOf(signature, operands, isTraced), attributesOf(signature, attributes)),
  };
}

const AXIS: Signature<never, { readonly axis: number }> = { operands: [], attributes: { axis: isNumber } };

/** Makes the lowering of a kernel that joins any number of operands along an axis. */
export function joining(
  write: (graph: GraphBuilder, parts: readonly Traced[], axis: number) => Traced,
  refusal: (parts: readonly Traced[], axis: number) => string | undefined,
): Lowering {
  const axisOf = (attributes: Attributes) => attributesOf(AXIS, attributes).axis;
  return {
    refusal: (operands, attributes) => refusal(Object.values(operands), axisOf(attributes)),
    write: (graph, operands, attributes) => write(graph, Object.values(operands), axisOf(attributes)),
  };
}

/** Types of TensorFlow.js's tensors that a trace represents. */
export type TensorType = "float32" | "int32" | "bool";
export const isTensorType = (value: unknown): value is TensorType =>
  value === "float32" || value === "int32" || value === "bool";

/** An attribute that is one number, or one for each axis. */
export const isNumberOrNumbers = either(isNumber, isNumbers);

/** A kernel of one operand. */
export const UNARY = { operands: ["x"], attributes: {} } as const satisfies Signature<"x", object>;
/** A kernel of two operands. */
export const BINARY = { operands: ["a", "b"], attributes: {} } as const satisfies Signature<
  "a" | "b",
  object
>;

export interface Unary {
  readonly x: Traced;
}
export interface Binary {
  readonly a: Traced;
  readonly b: Traced;
}
