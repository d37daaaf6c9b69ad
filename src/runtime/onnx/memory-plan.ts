/** Plans the memory of a graph's values on the CPU: which are alive together, in the order in which onnxruntime runs the nodes. */
import type { GraphDefinition, NodeDefinition } from "./model-proto.ts";
import { bytesOf, valueTypes } from "./value-shapes.ts";

export interface MemoryPlan {
  /** Peak size in bytes of the values between inputs and outputs that are alive together. */
  readonly peakBytes: number;
  /** Inputs and outputs that are not weights or gradients: batches, metrics, masks, random numbers. */
  readonly boundBytes: number;
  /** Where the peak is: the origin and operator of the node. */
  readonly peakAt: string;
}

/** Operators whose output is their first input, seen in another shape. */
const ALIASES = new Set(["Reshape", "Identity"]);
/** Operators that overwrite an input of the same size that is not read later, with the indices of these inputs. */
const IN_PLACE: Readonly<Record<string, readonly number[]>> = {
  ...Object.fromEntries(["Add", "Sub", "Mul", "Div"].map((operator) => [operator, [0, 1]])),
  ...Object.fromEntries(
    [
      ...[
        "Abs",
        "Neg",
        "Floor",
        "Reciprocal",
        "Sqrt",
        "Exp",
        "Log",
        "Relu",
        "Elu",
        "LeakyRelu",
        "Sigmoid",
        "Tanh",
      ],
      ...["Softplus", "HardSigmoid", "Softmax", "Clip", "Erf", "Cast", "Sum"],
    ].map((operator) => [operator, [0]]),
  ),
  FusedConv: [3],
};

/**
 * The order in which onnxruntime runs nodes: depth-first from the last leaf, of a node's inputs the one that was written last first
 * (GraphViewer's default topological order in onnxruntime 1.30).
 */
export function executionOrder(nodes: readonly NodeDefinition[]): NodeDefinition[] {
  const producers = new Map(
    nodes.flatMap(({ outputs }, index) => outputs.map((name) => [name, index] as const)),
  );
  const read = new Set(nodes.flatMap(({ inputs }) => inputs));
  const stack = nodes
    .map((node, index) => ({ index, done: false, leaf: !node.outputs.some((output) => read.has(output)) }))
    .filter(({ leaf }) => leaf);
  const visited = new Set<number>();
  const order: NodeDefinition[] = [];
  for (let entry = stack.pop(); entry !== undefined; entry = stack.pop()) {
    const { index, done } = entry;
    const node = nodes[index];
    if (node === undefined) continue;
    if (done) order.push(node);
    if (done || visited.has(index)) continue;
    visited.add(index);
    stack.push({ index, done: true, leaf: false });
    const sources = new Set(
      node.inputs.map((name) => producers.get(name)).filter((each) => each !== undefined),
    );
    for (const source of [...sources].sort((a, b) => a - b))
      if (!visited.has(source)) stack.push({ index: source, done: false, leaf: false });
  }
  return order;
}

/** Plans the memory of a run. */
export function memoryPlan(graph: GraphDefinition, isWeight: (name: string) => boolean): MemoryPlan {
  const types = valueTypes(graph);
  const order = executionOrder(graph.nodes);
  const bound = new Set([...graph.inputs, ...graph.constants, ...graph.outputs].map(({ name }) => name));
  const uses = new Map<string, number>();
  for (const { inputs } of order) for (const name of inputs) uses.set(name, (uses.get(name) ?? 0) + 1);
  /** The buffer of each value, named by the value that it was allocated for. */
  const buffers = new Map<string, string>();
  const readers = new Map<string, number>();
  const buffer = (name: string) => buffers.get(name) ?? name;
  const size = (name: string) => {
    const type = types.get(name);
    return type === undefined ? 0 : bytesOf(type);
  };
  const alive = new Map<string, number>();
  let [now, peakBytes, peakAt] = [0, 0, ""];
  for (const { operator, inputs, outputs, origin } of order) {
    for (const [place, output] of outputs.entries()) {
      const count = uses.get(output) ?? 0;
      const reused = place === 0 ? reusable(operator, inputs, output) : undefined;
      if (reused !== undefined && !bound.has(output)) {
        buffers.set(output, buffer(reused));
        readers.set(buffer(reused), (readers.get(buffer(reused)) ?? uses.get(buffer(reused)) ?? 0) + count);
        continue;
      }
      readers.set(output, count);
      if (bound.has(output)) continue;
      alive.set(output, size(output));
      now += size(output);
    }
    if (now > peakBytes) [peakBytes, peakAt] = [now, `${origin ?? ""} (${operator})`];
    for (const name of inputs) release(buffer(name));
    for (const name of outputs) if (uses.get(name) === undefined) free(buffer(name));
  }
  const ends = [...graph.inputs, ...graph.outputs].filter(({ name }) => !isWeight(name));
  return { peakBytes, boundBytes: ends.reduce((sum, { name }) => sum + size(name), 0), peakAt };

  function reusable(operator: string, inputs: readonly string[], output: string): string | undefined {
    if (ALIASES.has(operator)) return inputs[0];
    return (IN_PLACE[operator] ?? [])
      .map((place) => inputs[place])
      .find(
        (name) =>
          name !== undefined &&
          !bound.has(buffer(name)) &&
          readers.get(buffer(name)) === 1 &&
          size(buffer(name)) === size(output),
      );
  }

  function release(name: string): void {
    const left = (readers.get(name) ?? 0) - 1;
    readers.set(name, left);
    if (left <= 0) free(name);
  }

  function free(name: string): void {
    now -= alive.get(name) ?? 0;
    alive.delete(name);
  }
}
