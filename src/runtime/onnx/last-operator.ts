/** Which operators make the first output of a network in ONNX, read from its file. */
import protobuf from "protobufjs/light.js";
import { repeated, single } from "./model-proto.ts";

/** The part of onnx.proto that describes the nodes and outputs of a graph: weights are skipped. */
const Model = protobuf.Root.fromJSON({
  nested: {
    Model: { fields: { graph: single("Graph", 7) } },
    Graph: { fields: { node: repeated("Node", 1), output: repeated("Value", 12) } },
    Node: {
      fields: { input: repeated("string", 1), output: repeated("string", 2), opType: single("string", 4) },
    },
    Value: { fields: { name: single("string", 1) } },
  },
}).lookupType("Model");

interface Graph {
  readonly node: readonly { readonly input: string[]; readonly output: string[]; readonly opType: string }[];
  readonly output: readonly { readonly name: string }[];
}

/** Operators that arrange, round or interpolate values: logits stay logits. Their first input has the values. */
const ARRANGING = new Set(
  `Identity Cast Transpose Reshape Flatten Squeeze Unsqueeze Slice Pad Dropout Resize Upsample Gather Split DepthToSpace Expand Tile
  CenterCropPad QuantizeLinear DequantizeLinear`.split(/\s+/),
);

/** Returns the operators that compute the values of the first output; empty if the file cannot be read. */
export function lastOperators(model: Uint8Array): ReadonlySet<string> {
  const found = new Set<string>();
  let graph: Graph | null;
  try {
    ({ graph } = Model.toObject(Model.decode(model), { defaults: true, arrays: true }) as {
      graph: Graph | null;
    });
  } catch {
    return found;
  }
  const makers = new Map(graph?.node.flatMap((node) => node.output.map((name) => [name, node] as const)));
  const seen = new Set<string>();
  const wanted = graph?.output.slice(0, 1).map(({ name }) => name) ?? [];
  for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
    const node = makers.get(name);
    if (node === undefined || seen.has(name)) continue;
    seen.add(name);
    if (ARRANGING.has(node.opType)) wanted.push(...node.input.slice(0, 1));
    else if (node.opType === "Concat") wanted.push(...node.input);
    else found.add(node.opType);
  }
  return found;
}
