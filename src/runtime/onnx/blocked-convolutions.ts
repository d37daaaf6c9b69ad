/**
 * onnxruntime's direct convolutions, 1.7 times as fast as its usual ones for a few dozen channels. They take channels in blocks as wide
 * as the processor's vectors (com.microsoft.nchwc). onnxruntime turns to them by itself only where weights are constant, which those
 * of a network that learns are not, so the graph says it outright.
 */
import type { ConstantDefinition, GraphDefinition, NodeDefinition } from "./model-proto.ts";
import { encodeModel } from "./model-proto.ts";
import { NativeSession, NativeTensor } from "./native.ts";

const DOMAIN = "com.microsoft.nchwc";

/** The graph with each convolution that has a `weightShape` written for channels in blocks; 0 leaves it as it is. */
export function withBlockedConvolutions(graph: GraphDefinition, block: number): GraphDefinition {
  if (block === 0) return graph;
  const constants = new Map<string, ConstantDefinition>();
  const integers = (values: readonly number[]) => {
    const name = `shape:${values}`;
    const bytes = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    constants.set(name, { name, type: "int64", shape: [values.length], bytes });
    return name;
  };
  const nodes = graph.nodes.flatMap((node) =>
    node.weightShape === undefined ? [node] : blocked(node, node.weightShape, block, integers),
  );
  return { ...graph, nodes, constants: [...graph.constants, ...constants.values()] };
}

function blocked(
  { inputs: [x, weight, ...bias], outputs: [y], attributes, origin }: NodeDefinition,
  weightShape: readonly number[],
  block: number,
  integers: (values: readonly number[]) => string,
): NodeDefinition[] {
  const [outputs, inputs, ...kernel] = weightShape;
  const node = (
    operator: string,
    given: readonly string[],
    output: string,
    settings: NodeDefinition["attributes"] = {},
    domain: NodeDefinition["domain"] = "",
  ): NodeDefinition => ({ operator, domain, inputs: given, outputs: [output], attributes: settings, origin });
  const split = [outputs / block, block, inputs / block, block, ...kernel];
  return [
    node("Reshape", [weight, integers(split)], `${y}:split`),
    node("Transpose", [`${y}:split`], `${y}:turned`, { perm: [0, 2, 4, 5, 3, 1] }),
    node("Reshape", [`${y}:turned`, integers(weightShape)], `${y}:weight`),
    node("ReorderInput", [x], `${y}:input`, {}, DOMAIN),
    node("Conv", [`${y}:input`, `${y}:weight`, ...bias], `${y}:output`, attributes, DOMAIN),
    node("ReorderOutput", [`${y}:output`], y, { channels: outputs }, DOMAIN),
  ];
}

let known: number | undefined;

/** How many channels a block has here: 16 or 8; 0 where onnxruntime has no such convolutions. */
export function channelBlock(): number {
  known ??= probe();
  return known;
}

/** Has channels put into blocks, and looks where the ninth of 16 comes to lie. */
function probe(): number {
  const shape = [1, 16, 1, 2];
  const value = (name: string) => ({ name, type: "float32" as const, shape });
  const graph: GraphDefinition = {
    nodes: [{ operator: "ReorderInput", domain: DOMAIN, inputs: ["x"], outputs: ["y"], attributes: {} }],
    inputs: [value("x")],
    outputs: [value("y")],
    constants: [],
  };
  const result = new Float32Array(32);
  const bound = {
    inputs: {
      x: new NativeTensor(
        Float32Array.from({ length: 32 }, (_, at) => at),
        "float32",
        shape,
      ),
    },
    outputs: { y: new NativeTensor(result, "float32", shape) },
  };
  try {
    const session = new NativeSession(encodeModel(graph), { threads: 1 }, bound);
    session.runNow();
    session.release();
  } catch {
    return 0;
  }
  // Of two pixels each: the first pixel of the ninth channel, or the second pixel of the first.
  if (result[8] === 16) return 16;
  return result[8] === 1 && result[1] === 2 ? 8 : 0;
}
