/** Whether the first output of a network in ONNX may be logits, by the operators in its file. */
import protobuf from "protobufjs/light.js";
import { repeated, single } from "./model-proto.ts";

/** The part of onnx.proto that describes the nodes, inputs and outputs of a graph: of weights only the names are read. */
const Model = protobuf.Root.fromJSON({
  nested: {
    Model: { fields: { graph: single("Graph", 7) } },
    Graph: {
      fields: {
        node: repeated("Node", 1),
        initializer: repeated("Weights", 5),
        input: repeated("Value", 11),
        output: repeated("Value", 12),
      },
    },
    Node: {
      fields: { input: repeated("string", 1), output: repeated("string", 2), opType: single("string", 4) },
    },
    Value: { fields: { name: single("string", 1) } },
    Weights: { fields: { name: single("string", 8) } },
  },
}).lookupType("Model");

interface Named {
  readonly name: string;
}

interface Graph {
  readonly node: readonly { readonly input: string[]; readonly output: string[]; readonly opType: string }[];
  readonly initializer: readonly Named[];
  readonly input: readonly Named[];
  readonly output: readonly Named[];
}

/** Operators that arrange, round or interpolate values: logits stay logits. Their first input has the values. */
const ARRANGING = new Set(
  `Identity Cast Transpose Reshape Flatten Squeeze Unsqueeze Slice Pad Dropout Resize Upsample Gather Split DepthToSpace Expand Tile
  CenterCropPad QuantizeLinear DequantizeLinear`.split(/\s+/),
);

/** Most operators that are followed from the output. */
const MOST_DEPTH = 1000;

/** Operators that may compute logits. After any other one, values have a range of their own. */
const LINEAR = new Set(["Conv", "ConvTranspose", "Gemm", "MatMul", "BatchNormalization"]);

/**
 * Whether linear operators compute the values of the first output, so that they may be logits. A sum is linear if one of its terms is:
 * a sum of probabilities is not. False if the file cannot be read.
 */
export function endsLinear(model: Uint8Array): boolean {
  const graph = graphOf(model);
  const makers = new Map(graph?.node.flatMap((node) => node.output.map((name) => [name, node] as const)));
  const inputs = new Set(graph?.input.map(({ name }) => name));
  const constants = new Set(graph?.initializer.map(({ name }) => name));
  const known = new Map<string, boolean>();
  const isLinear = (name: string, depth = 0): boolean => {
    const node = makers.get(name);
    if (node === undefined) return inputs.has(name) && !constants.has(name);
    const found = known.get(name);
    if (found !== undefined || depth > MOST_DEPTH) return found ?? false;
    // A graph that refers to itself is not valid.
    known.set(name, false);
    const { input, opType } = node;
    const below = (each: string) => isLinear(each, depth + 1);
    const linear = ARRANGING.has(opType)
      ? input.slice(0, 1).every(below)
      : opType === "Concat"
        ? input.every(below)
        : opType === "Add"
          ? input.some(below)
          : LINEAR.has(opType);
    known.set(name, linear);
    return linear;
  };
  const [output] = graph?.output ?? [];
  return output !== undefined && isLinear(output.name);
}

function graphOf(model: Uint8Array): Graph | null {
  try {
    const { graph } = Model.toObject(Model.decode(model), { defaults: true, arrays: true }) as {
      graph: Graph | null;
    };
    return graph;
  } catch {
    return null;
  }
}
