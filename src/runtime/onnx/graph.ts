import { at } from "../../facts/checked-lists.ts";
import type { Precision } from "../precision.ts";
import { finishedNodes, type NamedValue } from "./finished-nodes.ts";
import { float16 } from "./float16.ts";
import {
  type Attribute,
  CALL,
  type ConstantDefinition,
  DATA_TYPE,
  type Domain,
  type GraphDefinition,
  type InputDefinition,
  integerBytes,
  type NodeDefinition,
  type OnnxType,
  type Subgraph,
} from "./model-proto.ts";

/** The name of a value inside an ONNX graph. */
export type Value = string;

/** Settings of an added operation. */
export interface Operator {
  readonly attributes?: Readonly<Record<string, Attribute>>;
  readonly outputs?: number;
  readonly domain?: Domain;
  readonly weightShape?: NodeDefinition["weightShape"];
  readonly volumeShapes?: NodeDefinition["volumeShapes"];
}

/** A stack of matrices. */
export interface Matrices {
  readonly value: Value;
  /** Number of axes, the matrices' two included. */
  readonly rank: number;
  /** Whether rows and columns are stored in reverse order. */
  readonly swapped: boolean;
}

const isWhole = (type: OnnxType) => !type.startsWith("float");

/**
 * Where a graph runs. GPU graphs use only operators that every GPU provider has. Portable graphs are predictions for other programs:
 * they use only ONNX's standard operators, with attributes that do not depend on the size of the images.
 */
export type Target = "cpu" | "gpu" | "portable";

/**
 * An ONNX graph under construction. The same operation on the same operands is recorded once (common subexpressions), and nodes that
 * no output needs are removed at the end (dead code).
 */
export class GraphBuilder {
  private readonly nodes: NodeDefinition[] = [];
  private readonly known = new Map<string, readonly Value[]>();
  private readonly knownConstants = new Map<string, Value>();
  private readonly constants = new Map<Value, ConstantDefinition>();
  private readonly inputs: InputDefinition[] = [];
  /** The source of each cast. */
  private readonly castFrom = new Map<Value, { readonly value: Value; readonly type: OnnxType }>();
  /** The source of each reshape. */
  private readonly reshapedFrom = new Map<Value, Value>();
  private counter = 0;
  /** The origin of nodes added from now on ({@link NodeDefinition.origin}). */
  origin: string | undefined;

  /** @param prefix of the names of values, which tells them from those of other graphs */
  constructor(
    readonly target: Target = "cpu",
    readonly precision: Precision = "single",
    private readonly prefix = "",
  ) {}

  /** Adds an input and returns its value. */
  input(definition: InputDefinition): Value {
    this.inputs.push(definition);
    return definition.name;
  }

  /** Adds a constant, from its little-endian bytes, and returns its value. */
  constant(type: OnnxType, shape: readonly number[], bytes: Uint8Array): Value {
    const key = `${type}[${shape}]${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64")}`;
    const existing = this.knownConstants.get(key);
    if (existing !== undefined) return existing;
    const name = this.newName("c");
    this.knownConstants.set(key, name);
    this.constants.set(name, { name, type, shape, bytes });
    return name;
  }

  /** Casts a value. A constant becomes another constant; a cast back returns the original value. */
  cast(value: Value, from: OnnxType, to: OnnxType): Value {
    if (from === to) return value;
    const constant = this.constants.get(value);
    if (constant !== undefined && from === "float32" && to === "float16")
      return this.constant(to, constant.shape, float16(constant.bytes));
    const before = this.castFrom.get(value);
    if (before?.type === to) return before.value;
    if (before !== undefined && isWhole(before.type)) return this.cast(before.value, before.type, to);
    const result = this.add("Cast", [value], { attributes: { to: DATA_TYPE[to] } });
    this.castFrom.set(result, { value, type: from });
    return result;
  }

  /** Whether a float value was cast from integers or booleans, which every floating-point type represents exactly. */
  isCastFromWhole(value: Value): boolean {
    const before = this.castFrom.get(value);
    return before !== undefined && isWhole(before.type);
  }

  /** Adds a list of axes, sizes or offsets as an int64 constant. */
  integers(values: readonly number[]): Value {
    return this.constant("int64", [values.length], integerBytes(values));
  }

  /** Adds a constant of floats. */
  floats({ shape, values }: { readonly shape: readonly number[]; readonly values: Float32Array }): Value {
    return this.constant("float32", shape, new Uint8Array(values.buffer));
  }

  /** Adds a constant without axes. */
  scalar(value: number, type: OnnxType = "float32"): Value {
    return this.constant(type, [], scalarBytes(value, type));
  }

  /** Adds an operation with one result and returns its value. */
  add(operator: string, inputs: readonly Value[], options: Operator = {}): Value {
    return at(this.addMany(operator, inputs, { ...options, outputs: 1 }), 0);
  }

  /** Adds zeros of some shape. They are made when the graph runs, so that the model stays small. */
  zeros(shape: readonly number[], type: OnnxType = "float32"): Value {
    return this.add("Expand", [this.scalar(0, type), this.integers(shape)]);
  }

  /** Adds an operation with several results and returns their values. */
  addMany(operator: string, inputs: readonly Value[], options: Operator): readonly Value[] {
    const { attributes = {}, outputs: count = 1, domain = "", weightShape, volumeShapes } = options;
    const key = `${domain}:${operator}(${inputs})${JSON.stringify(attributes)}${count}`;
    const existing = this.known.get(key);
    if (existing !== undefined) return existing;
    const outputs = Array.from({ length: count }, () => this.newName("v"));
    const { origin } = this;
    this.nodes.push({ operator, domain, inputs, outputs, attributes, weightShape, volumeShapes, origin });
    this.known.set(key, outputs);
    return outputs;
  }

  /** Adds a run of another graph and returns its results. */
  call(body: Subgraph, inputs: readonly Value[]): readonly Value[] {
    const outputs = body.outputs.map(() => this.newName("v"));
    const { origin } = this;
    // A constant is not a tensor that can be passed.
    const values = inputs.map((value) => (this.constants.has(value) ? this.add("Identity", [value]) : value));
    this.nodes.push({ operator: CALL, domain: "", inputs: values, outputs, attributes: {}, origin, body });
    return outputs;
  }

  private newName(kind: "c" | "v"): Value {
    return `${this.prefix}${kind}${this.counter++}`;
  }

  /** Adds a reshape and returns its value. One of a reshaped value takes that value's source. */
  reshape(value: Value, shape: readonly number[]): Value {
    const source = this.reshapedFrom.get(value) ?? value;
    const result = this.add("Reshape", [source, this.integers(shape)]);
    this.reshapedFrom.set(result, source);
    return result;
  }

  /** Joins values along an axis. One value alone is returned as it is. */
  concat(values: readonly Value[], axis: number): Value {
    return values.length === 1 ? at(values, 0) : this.add("Concat", values, { attributes: { axis } });
  }

  /** Adds the product of two stacks of matrices. */
  matrixProduct(a: Matrices, b: Matrices): Value {
    if (!a.swapped && !b.swapped) return this.add("MatMul", [a.value, b.value]);
    if (this.target === "cpu") {
      const attributes = { transA: a.swapped ? 1 : 0, transB: b.swapped ? 1 : 0 };
      return this.add("FusedMatMul", [a.value, b.value], { attributes, domain: "com.microsoft" });
    }
    const straight = ({ value, rank, swapped }: Matrices) => {
      const axes = Array.from({ length: rank - 2 }, (_, axis) => axis);
      return swapped
        ? this.add("Transpose", [value], { attributes: { perm: [...axes, rank - 1, rank - 2] } })
        : value;
    };
    return this.add("MatMul", [straight(a), straight(b)]);
  }

  /** Returns the finished graph: only the nodes that `outputs` depend on, biases folded into their matrix products. */
  finish(outputs: readonly NamedValue[]): GraphDefinition {
    const nodes = finishedNodes(this.nodes, outputs);
    const used = new Set(nodes.flatMap((node) => node.inputs));
    return {
      nodes,
      inputs: this.inputs.filter((input) => used.has(input.name)),
      outputs: outputs.map(({ name, type, shape }) => ({ name, type, shape })),
      constants: [...this.constants.values()].filter((constant) => used.has(constant.name)),
    };
  }
}

function scalarBytes(value: number, type: OnnxType): Uint8Array {
  if (type === "float32") return new Uint8Array(Float32Array.of(value).buffer);
  if (type === "float16") return float16(scalarBytes(value, "float32"));
  if (type === "int32") return new Uint8Array(Int32Array.of(value).buffer);
  if (type === "int64") return integerBytes([value]);
  return Uint8Array.of(value === 0 ? 0 : 1);
}
