/**
 * onnxruntime's direct convolutions, 1.7 times as fast as its usual ones for a few dozen channels. They store channels in blocks as wide
 * as the processor's vectors (com.microsoft.nchwc). onnxruntime selects them automatically only where weights are constant, which they
 * are not while a network trains, so the graph names them explicitly.
 */
import { atLeast, exactly } from "../../facts/checked-lists.ts";
import type { ConstantDefinition, GraphDefinition, NodeDefinition } from "./model-proto.ts";
import { encodeModel } from "./model-proto.ts";
import { NativeSession } from "./native-session.ts";
import { NativeTensor } from "./native-tensor.ts";

const DOMAIN = "com.microsoft.nchwc";

/**
 * Returns the graph with each convolution that has a `weightShape` computed on channels in blocks.
 *
 * @param block channels in a block; 0 leaves the graph unchanged
 */
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
  { inputs, outputs, attributes, origin }: NodeDefinition,
  weightShape: readonly number[],
  block: number,
  integers: (values: readonly number[]) => string,
): NodeDefinition[] {
  const [x, weight, ...bias] = atLeast(inputs, 2, "A convolution's inputs");
  const [y] = exactly(outputs, 1, "A convolution's outputs");
  const [channels, inputChannels, ...kernel] = atLeast(weightShape, 2);
  const node = (
    operator: string,
    given: readonly string[],
    output: string,
    settings: NodeDefinition["attributes"] = {},
    domain: NodeDefinition["domain"] = "",
  ): NodeDefinition => ({ operator, domain, inputs: given, outputs: [output], attributes: settings, origin });
  const split = [channels / block, block, inputChannels / block, block, ...kernel];
  return [
    node("Reshape", [weight, integers(split)], `${y}:split`),
    node("Transpose", [`${y}:split`], `${y}:transposed`, { perm: [0, 2, 4, 5, 3, 1] }),
    node("Reshape", [`${y}:transposed`, integers(weightShape)], `${y}:weight`),
    node("ReorderInput", [x], `${y}:input`, {}, DOMAIN),
    node("Conv", [`${y}:input`, `${y}:weight`, ...bias], `${y}:output`, attributes, DOMAIN),
    node("ReorderOutput", [`${y}:output`], y, { channels }, DOMAIN),
  ];
}

let known: number | undefined;

/** Returns how many channels a block has on this processor: 16 or 8, or 0 where onnxruntime has no blocked convolutions. */
export function channelBlock(): number {
  known ??= probe();
  return known;
}

/** Reorders 16 channels into blocks and looks where the ninth is stored. */
function probe(): number {
  const shape = [1, 16, 1, 2];
  const value = (name: string) => ({ name, type: "float32" as const, shape });
  const graph: GraphDefinition = {
    nodes: [{ operator: "ReorderInput", domain: DOMAIN, inputs: ["x"], outputs: ["y"], attributes: {} }],
    inputs: [value("x")],
    outputs: [value("y")],
    constants: [],
  };
  const numbers = Float32Array.from({ length: 32 }, (_, index) => index);
  const result = new Float32Array(32);
  const bound = {
    inputs: { x: new NativeTensor(numbers, "float32", shape) },
    outputs: { y: new NativeTensor(result, "float32", shape) },
  };
  try {
    const session = new NativeSession(encodeModel(graph), { threads: 1 }, bound);
    session.runNow();
    session.release();
  } catch {
    return 0;
  }
  // With two pixels, position 8 holds the ninth channel of the first pixel, or the first channel of the second.
  if (result[8] === 16) return 16;
  return result[8] === 1 && result[1] === 2 ? 8 : 0;
}
