/** The shape and type of every value of a graph, inferred from its inputs by the rules of the operators that the lowerings write. */
import { keysOf, product } from "../../facts/checked-lists.ts";
import { fromStart } from "./layout.ts";
import { CALL, DATA_TYPE, type NodeDefinition, type OnnxType, type Subgraph } from "./model-proto.ts";

/** Shape and type of a value. */
export interface ValueType {
  readonly shape: readonly number[];
  readonly type: OnnxType;
}

/** Sizes of the types as onnxruntime stores them. */
const BYTES: Readonly<Record<OnnxType, number>> = { float32: 4, float16: 2, int32: 4, int64: 8, bool: 1 };

/** Returns the bytes that a value takes. */
export const bytesOf = ({ shape, type }: ValueType): number => product(shape) * BYTES[type];

/** The view that a rule has of the node whose outputs it infers. */
interface Node {
  readonly definition: NodeDefinition;
  /** Returns the type and shape of an input. */
  input(place: number): ValueType;
  /** Returns the values of an input that is a constant list of integers; undefined if the node has no such input. */
  integers(place: number): readonly number[] | undefined;
  /** Returns an attribute that is a list of integers. */
  list(name: string): readonly number[] | undefined;
  number(name: string): number | undefined;
}

type Rule = (node: Node) => readonly ValueType[];

/** Graphs whose values are known. A graph does not change. */
const inferred = new WeakMap<Subgraph, ReadonlyMap<string, ValueType>>();

/**
 * Infers all values, once for each graph.
 *
 * @throws Error for an operator that has no rule here
 */
export function valueTypes(graph: Subgraph): ReadonlyMap<string, ValueType> {
  const known = inferred.get(graph) ?? inferredTypes(graph);
  inferred.set(graph, known);
  return known;
}

function inferredTypes(graph: Subgraph): Map<string, ValueType> {
  const known = new Map<string, ValueType>();
  for (const { name, shape, type } of [...graph.inputs, ...graph.constants]) known.set(name, { shape, type });
  const integers = new Map<string, readonly number[]>(
    graph.constants
      .filter(({ type }) => type === "int64")
      .map(({ name, bytes }) => [name, Array.from(new BigInt64Array(bytes.slice().buffer), Number)] as const),
  );
  for (const definition of graph.nodes) {
    const { operator, inputs, outputs, attributes } = definition;
    const rule = RULES[operator];
    if (rule === undefined) throw new Error(`The shapes of operator ${operator} have no rule.`);
    const results = rule({
      definition,
      input: (place) => {
        const type = known.get(inputs[place] ?? "");
        if (type === undefined) throw new Error(`Input ${place} of ${operator} comes from a later node.`);
        return type;
      },
      integers: (place) => integers.get(inputs[place] ?? ""),
      list: (name) => {
        const value = attributes[name];
        return Array.isArray(value) ? value : undefined;
      },
      number: (name) => {
        const value = attributes[name];
        return typeof value === "number" ? value : undefined;
      },
    });
    for (const [place, output] of outputs.entries())
      known.set(output, results[place] ?? { shape: [], type: "float32" });
    if (operator === "Shape") integers.set(outputs[0] ?? "", known.get(inputs[0] ?? "")?.shape ?? []);
  }
  return known;
}

function broadcast(shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) =>
    shapes.reduce((size, shape) => {
      const own = shape[axis - rank + shape.length] ?? 1;
      return size === 1 ? own : size;
    }, 1),
  );
}

const same: Rule = ({ input }) => [input(0)];
const elementwise: Rule = ({ definition, input }) => {
  const given = definition.inputs.map((_, place) => input(place));
  return [{ shape: broadcast(given.map(({ shape }) => shape)), type: input(0).type }];
};
const comparison: Rule = (node) => elementwise(node).map(({ shape }) => ({ shape, type: "bool" }));

const reduction: Rule = ({ input, integers, number }) => {
  const { shape, type } = input(0);
  const axes = (integers(1) ?? shape.map((_, axis) => axis)).map((axis) => fromStart(axis, shape.length));
  const kept = shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const keepDims = (number("keepdims") ?? 1) === 1;
  return [{ shape: keepDims ? kept : shape.filter((_, axis) => !axes.includes(axis)), type }];
};

const convolution: Rule = ({ input, list }) => {
  const { shape, type } = input(0);
  const [outputs = 1, , ...kernel] = input(1).shape;
  const [pads, strides, dilations] = [list("pads"), list("strides"), list("dilations")];
  const [batch = 1, , ...space] = shape;
  const size = space.map((each, axis) => {
    const reach = (dilations?.[axis] ?? 1) * ((kernel[axis] ?? 1) - 1) + 1;
    const padded = each + (pads?.[axis] ?? 0) + (pads?.[axis + space.length] ?? 0);
    return Math.floor((padded - reach) / (strides?.[axis] ?? 1)) + 1;
  });
  return [{ shape: [batch, outputs, ...size], type }];
};

const transposedConvolution: Rule = ({ input, list }) => {
  const { shape, type } = input(0);
  const [, outputs = 1, ...kernel] = input(1).shape;
  const [batch = 1, , ...space] = shape;
  const [pads, strides, dilations, more] = ["pads", "strides", "dilations", "output_padding"].map(list);
  const size = space.map((each, axis) => {
    const reach = (dilations?.[axis] ?? 1) * ((kernel[axis] ?? 1) - 1) + 1;
    const cut = (pads?.[axis] ?? 0) + (pads?.[axis + space.length] ?? 0);
    return (each - 1) * (strides?.[axis] ?? 1) + reach - cut + (more?.[axis] ?? 0);
  });
  return [{ shape: [batch, outputs, ...size], type }];
};

const matrixProduct: Rule = ({ input, number }) => {
  const [a, b] = [input(0), input(1)];
  const rows = a.shape.at(number("transA") === 1 ? -1 : -2) ?? 1;
  const columns = b.shape.at(number("transB") === 1 ? -2 : -1) ?? 1;
  return [
    { shape: [...broadcast([a.shape.slice(0, -2), b.shape.slice(0, -2)]), rows, columns], type: a.type },
  ];
};

const RULES: Readonly<Record<string, Rule>> = {
  ...Object.fromEntries(
    [
      ...[
        "Abs",
        "Clip",
        "Cos",
        "Elu",
        "Erf",
        "Exp",
        "Floor",
        "Gelu",
        "HardSigmoid",
        "Identity",
        "LeakyRelu",
        "Log",
        "Neg",
      ],
      ...["Not", "QuickGelu", "Reciprocal", "Relu", "ScatterND", "Sigmoid", "Sin", "Softmax", "Softplus"],
      ...["Sqrt", "Tanh"],
    ].map((operator) => [operator, same]),
  ),
  ...Object.fromEntries(
    ["Add", "Div", "Max", "Min", "Mul", "Pow", "Sub", "Sum"].map((operator) => [operator, elementwise]),
  ),
  ...Object.fromEntries(
    ["And", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Or"].map((operator) => [
      operator,
      comparison,
    ]),
  ),
  ...Object.fromEntries(
    ["ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum"].map((operator) => [operator, reduction]),
  ),
  Where: (node) => elementwise(node).map(({ shape }) => ({ shape, type: node.input(1).type })),
  Cast: ({ input, number }) => [{ shape: input(0).shape, type: typeNumbered(number("to")) }],
  Shape: ({ input }) => [{ shape: [input(0).shape.length], type: "int64" }],
  Conv: convolution,
  FusedConv: convolution,
  ConvTranspose: transposedConvolution,
  GlobalAveragePool: ({ input }) => [
    { ...input(0), shape: input(0).shape.map((size, axis) => (axis < 2 ? size : 1)) },
  ],
  Gemm: matrixProduct,
  MatMul: matrixProduct,
  FusedMatMul: matrixProduct,
  Reshape: ({ input, integers }) => {
    const { shape, type } = input(0);
    const wanted = integers(1) ?? [];
    const rest = product(shape) / product(wanted.filter((size) => size !== -1));
    return [{ shape: wanted.map((size) => (size === -1 ? rest : size)), type }];
  },
  Expand: ({ input, integers }) => [
    { shape: broadcast([input(0).shape, integers(1) ?? []]), type: input(0).type },
  ],
  Tile: ({ input, integers }) => [
    { shape: input(0).shape.map((size, axis) => size * (integers(1)?.[axis] ?? 1)), type: input(0).type },
  ],
  Transpose: ({ input, list }) => {
    const { shape, type } = input(0);
    return [{ shape: (list("perm") ?? []).map((axis) => shape[axis] ?? 1), type }];
  },
  Concat: ({ definition, input, number }) => {
    const { shape, type } = input(0);
    const axis = fromStart(number("axis") ?? 0, shape.length);
    const size = definition.inputs.reduce((sum, _, place) => sum + (input(place).shape[axis] ?? 0), 0);
    return [{ shape: shape.with(axis, size), type }];
  },
  Split: ({ definition, input, integers, number }) => {
    const { shape, type } = input(0);
    const axis = fromStart(number("axis") ?? 0, shape.length);
    return definition.outputs.map((_, place) => ({
      shape: shape.with(axis, integers(1)?.[place] ?? 0),
      type,
    }));
  },
  Slice: ({ input, integers }) => {
    const { shape, type } = input(0);
    const [starts, ends, steps] = [integers(1) ?? [], integers(2) ?? [], integers(4)];
    const axes = integers(3) ?? starts.map((_, axis) => axis);
    const sizes = axes.map((axis, place) =>
      sliced(shape[axis] ?? 0, starts[place] ?? 0, ends[place] ?? 0, steps?.[place] ?? 1),
    );
    return [{ shape: shape.map((size, axis) => sizes[axes.indexOf(axis)] ?? size), type }];
  },
  Pad: ({ input, integers }) => {
    const { shape, type } = input(0);
    const amounts = integers(1) ?? [];
    return [
      {
        shape: shape.map((size, axis) => size + (amounts[axis] ?? 0) + (amounts[axis + shape.length] ?? 0)),
        type,
      },
    ];
  },
  Gather: ({ input, number }) => {
    const { shape, type } = input(0);
    const axis = fromStart(number("axis") ?? 0, shape.length);
    return [{ shape: [...shape.slice(0, axis), ...input(1).shape, ...shape.slice(axis + 1)], type }];
  },
  LayerNormalization: ({ input }) => {
    const { shape, type } = input(0);
    const statistics: ValueType = { shape: shape.with(-1, 1), type: "float32" };
    return [{ shape, type }, statistics, statistics];
  },
  MaxPool: (node) => {
    const { shape, type } = node.input(0);
    const window = node.list("kernel_shape") ?? [];
    const strides = node.list("strides") ?? window;
    const size = shape.map((each, axis) =>
      axis < 2 ? each : Math.floor((each - (window[axis - 2] ?? 1)) / (strides[axis - 2] ?? 1)) + 1,
    );
    return [
      { shape: size, type },
      { shape: size, type: "int64" },
    ];
  },
  [CALL]: ({ definition }) => (definition.body?.outputs ?? []).map(({ shape, type }) => ({ shape, type })),
  MaxUnpool: ({ input, integers }) => [{ shape: integers(2) ?? [], type: input(0).type }],
  ReorderInput: ({ input, number }) => {
    const { shape, type } = input(0);
    const [batch = 1, ...rest] = shape;
    const isLast = number("channels_last") === 1;
    return [{ shape: isLast ? [batch, rest.at(-1) ?? 1, ...rest.slice(0, -1)] : shape, type }];
  },
  ReorderOutput: ({ input, number }) => {
    const { shape, type } = input(0);
    const [batch = 1, stored = 1, ...space] = shape;
    const channels = number("channels") ?? stored;
    const isLast = number("channels_last") === 1;
    return [{ shape: isLast ? [batch, ...space, channels] : [batch, channels, ...space], type }];
  },
};

function sliced(size: number, start: number, end: number, step: number): number {
  const place = (at: number) => (at < 0 ? at + size : at);
  if (step > 0) {
    const [from, to] = [Math.max(place(start), 0), Math.min(place(end), size)];
    return Math.max(0, Math.ceil((to - from) / step));
  }
  const [from, to] = [Math.min(place(start), size - 1), Math.max(place(end), -1)];
  return Math.max(0, Math.ceil((to - from) / step));
}

function typeNumbered(number: number | undefined): OnnxType {
  return keysOf(DATA_TYPE).find((type) => DATA_TYPE[type] === number) ?? "float32";
}
