/** Serializes a graph as an ONNX model: the few messages of onnx.proto3 that a training step needs. */
import protobuf from "protobufjs/light.js";

/** The type of a value. */
export type OnnxType = "float32" | "float16" | "int32" | "int64" | "bool";
/** Shapes of a convolution of volumes: of the image and the result `[batch, channel, z, y, x]`, of the weight `[out, in, z, y, x]`. */
export interface VolumeShapes {
  readonly image: readonly number[];
  readonly result: readonly number[];
  readonly weight: readonly number[];
}

/** A node's attribute. Numbers are written as integers, `{ float }` as a floating-point number. */
export type Attribute = number | string | readonly number[] | { readonly float: number };

/** Operator set: ONNX's own (""), or one of onnxruntime's. */
export type Domain = "" | "com.microsoft" | "com.microsoft.nchwc";
/** Operators on channels in blocks (blocked-convolutions.ts). */
export const IN_BLOCKS = "com.microsoft.nchwc" satisfies Domain;

/** An operation of a graph. Inputs and outputs are names of values; "" omits an optional input. */
export interface NodeDefinition {
  readonly operator: string;
  readonly domain: Domain;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
  /** The layer and kernel that the node belongs to: `blocks.0.attn.qkv/BatchMatMul`, after {@link BACKWARD} and a slash in the backward pass. */
  readonly origin?: string;
  /** Shape of the weight, for a convolution that blocks of channels speed up (blocked-convolutions.ts). */
  readonly weightShape?: readonly number[];
  /** Shapes of a convolution of volumes that is faster plane by plane (volume-convolutions.ts). */
  readonly volumeShapes?: VolumeShapes;
  /** The graph that a {@link CALL} runs. Its inputs and outputs are the node's, in their order. */
  readonly body?: Subgraph;
}

/** Begins the origin of a node of the backward pass. */
export const BACKWARD = "gradient";

/** Whether a node belongs to the backward pass. */
export const isGradient = ({ origin }: NodeDefinition): boolean =>
  origin?.startsWith(`${BACKWARD}/`) === true;

/** The operator of a node that runs another graph. It is not ONNX's: parts of a graph (graph-parts.ts) have no such nodes. */
export const CALL = "Call";

/** A value with its type and shape. */
export interface ValueDefinition {
  readonly name: string;
  readonly type: OnnxType;
  readonly shape: readonly number[];
}

/** An input of a graph. */
export interface InputDefinition extends ValueDefinition {
  readonly type: "float32" | "int32" | "bool";
}

/** A constant of a graph. Its bytes are little-endian values in row-major order. */
export interface ConstantDefinition extends ValueDefinition {
  readonly bytes: Uint8Array;
}

/** Returns the bytes of integers of 64 bits. */
export const integerBytes = (values: readonly number[]): Uint8Array =>
  new Uint8Array(BigInt64Array.from(values, BigInt).buffer);

/** Returns a list of axes, sizes or offsets as a constant. */
export const integerConstant = (name: string, values: readonly number[]): ConstantDefinition => ({
  name,
  type: "int64",
  shape: [values.length],
  bytes: integerBytes(values),
});

/** A graph that others call, or a part of one. */
export interface Subgraph {
  readonly nodes: readonly NodeDefinition[];
  readonly inputs: readonly ValueDefinition[];
  readonly outputs: readonly ValueDefinition[];
  readonly constants: readonly ConstantDefinition[];
}

/** The graph of a program. */
export interface GraphDefinition extends Subgraph {
  readonly inputs: readonly InputDefinition[];
}

const OPSET = 21;
const IR_VERSION = 10;
/** ONNX's numbers of types (TensorProto.DataType). `Cast` takes them too. */
export const DATA_TYPE: Readonly<Record<OnnxType, number>> = {
  float32: 1,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
};
const ATTRIBUTE_TYPE = { float: 1, int: 2, string: 3, ints: 7 } as const;

/** Fields of messages, as protobufjs describes them. */
export const repeated = (type: string, id: number) => ({ rule: "repeated", type, id });
export const single = (type: string, id: number) => ({ type, id });

const Model = protobuf.Root.fromJSON({
  nested: {
    Model: {
      fields: {
        irVersion: single("int64", 1),
        producerName: single("string", 2),
        graph: single("Graph", 7),
        opsetImport: repeated("OperatorSet", 8),
      },
    },
    OperatorSet: { fields: { domain: single("string", 1), version: single("int64", 2) } },
    Graph: {
      fields: {
        node: repeated("Node", 1),
        name: single("string", 2),
        initializer: repeated("Tensor", 5),
        input: repeated("ValueInfo", 11),
        output: repeated("ValueInfo", 12),
      },
    },
    Node: {
      fields: {
        input: repeated("string", 1),
        output: repeated("string", 2),
        name: single("string", 3),
        opType: single("string", 4),
        attribute: repeated("Attribute", 5),
        domain: single("string", 7),
      },
    },
    Attribute: {
      fields: {
        name: single("string", 1),
        f: single("float", 2),
        i: single("int64", 3),
        s: single("bytes", 4),
        ints: repeated("int64", 8),
        type: single("int32", 20),
      },
    },
    Tensor: {
      fields: {
        dims: repeated("int64", 1),
        dataType: single("int32", 2),
        name: single("string", 8),
        rawData: single("bytes", 9),
      },
    },
    ValueInfo: { fields: { name: single("string", 1), type: single("Type", 2) } },
    Type: { fields: { tensorType: single("TensorType", 1) } },
    TensorType: { fields: { elemType: single("int32", 1), shape: single("Shape", 2) } },
    Shape: { fields: { dim: repeated("Dimension", 1) } },
    Dimension: { fields: { dimValue: single("int64", 1), dimParam: single("string", 2) } },
  },
}).lookupType("Model");

function attributeMessage(name: string, value: Attribute) {
  if (typeof value === "string") return { name, type: ATTRIBUTE_TYPE.string, s: Buffer.from(value) };
  if (typeof value === "number") return { name, type: ATTRIBUTE_TYPE.int, i: value };
  if ("float" in value) return { name, type: ATTRIBUTE_TYPE.float, f: value.float };
  return { name, type: ATTRIBUTE_TYPE.ints, ints: value };
}

function valueMessage({ name, type, shape }: ValueDefinition, axisNames: readonly string[]) {
  const dimension = (dimValue: number, axis: number) => {
    const dimParam = axisNames[axis];
    return dimParam ? { dimParam } : { dimValue };
  };
  return {
    name,
    type: { tensorType: { elemType: DATA_TYPE[type], shape: { dim: shape.map(dimension) } } },
  };
}

/** Versions and axes of an `.onnx` file. */
export interface ModelOptions {
  readonly opset: number;
  readonly irVersion: number;
  /** Names of the axes of inputs and outputs that may have any size; "" for an axis of fixed size. */
  readonly dimensions: readonly string[];
}

const OWN_OPTIONS: ModelOptions = { opset: OPSET, irVersion: IR_VERSION, dimensions: [] };

/** Returns a graph as the bytes of an `.onnx` file. Defaults to ONNX opset 21, with onnxruntime's own operators. */
export function encodeModel(
  graph: Subgraph,
  { opset, irVersion, dimensions }: ModelOptions = OWN_OPTIONS,
): Uint8Array {
  const message = Model.fromObject({});
  Object.assign(message, {
    irVersion,
    producerName: "biapy-studio",
    opsetImport: [
      { domain: "", version: opset },
      ...[...new Set(graph.nodes.map((node) => node.domain))]
        .filter((domain) => domain !== "")
        .map((domain) => ({ domain, version: 1 })),
    ],
    graph: {
      name: "step",
      node: graph.nodes.map((node, index) => ({
        input: node.inputs,
        output: node.outputs,
        name: `${node.origin === undefined ? "" : `${node.origin}/`}${node.operator}_${index}`,
        opType: node.operator,
        domain: node.domain,
        attribute: Object.entries(node.attributes).map(([name, value]) => attributeMessage(name, value)),
      })),
      initializer: graph.constants.map((constant) => ({
        dims: constant.shape,
        dataType: DATA_TYPE[constant.type],
        name: constant.name,
        rawData: constant.bytes,
      })),
      input: graph.inputs.map((input) => valueMessage(input, dimensions)),
      output: graph.outputs.map((output) => valueMessage(output, dimensions)),
    },
  });
  return Model.encode(message).finish();
}
