/** Plans the memory of a graph's values on the CPU: which are alive together, in the order in which onnxruntime runs the nodes. */
import { product } from "../../facts/checked-lists.ts";
import type { NodeDefinition, Subgraph } from "./model-proto.ts";
import { bytesOf, type ValueType, valueTypes } from "./value-shapes.ts";

/** The memory that a run takes. */
export interface MemoryPlan {
  /** Peak size in bytes of the values between inputs and outputs that are alive together. */
  readonly peakBytes: number;
  /** Inputs and outputs that are not weights or gradients: batches, metrics, masks, random numbers. */
  readonly boundBytes: number;
  /** Where the peak is: the origin and operator of the node. */
  readonly peakAt: string;
}

/** Operators whose output is their first input in the same memory, with another shape. */
export const ALIASES = new Set(["Reshape", "Identity"]);
const ACTIVATIONS = [
  "Clip",
  "Elu",
  "HardSigmoid",
  "LeakyRelu",
  "Relu",
  "Sigmoid",
  "Softmax",
  "Softplus",
  "Tanh",
];
/**
 * Operators that overwrite an input of the output's size and shape that is not read later, with the place of this input. Arithmetic is not
 * among them.
 */
const OVERWRITTEN: Readonly<Record<string, number>> = {
  ...Object.fromEntries([...ACTIVATIONS, "Cast"].map((operator) => [operator, 0])),
  // In blocks of channels, where it adds an image.
  Conv: 3,
  FusedConv: 3,
};

/**
 * Returns nodes in the order in which onnxruntime runs them: depth-first from the last leaf, of a node's inputs the one that was written last first
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

/** Buffers of this size are freed after their last reader (freed-buffers.ts). Smaller ones wait for another value of the same shape. */
const FREED_BYTES = 2 ** 20;

/** A buffer that holds one value after the other. */
interface Allocation {
  /** The node that writes its first value. */
  readonly writer: NodeDefinition;
  readonly bytes: number;
  /** Element size and shape. onnxruntime reuses a buffer only for values of the same kind. */
  readonly kind: string;
  /** Number of nodes that still read its values. */
  readers: number;
  /** Places of its writer and of the node after which it is freed, in the order of execution. */
  readonly from: number;
  to: number;
}

/**
 * Plans the memory of a run as onnxruntime 1.30 does: a value overwrites an input if its operator can, else takes the waiting buffer of its kind
 * that was used last, else a new buffer. A buffer that is used again is not freed in between, and one that nobody reads not before the end.
 */
export function memoryPlan(graph: Subgraph, isWeight: (name: string) => boolean): MemoryPlan {
  const types = valueTypes(graph);
  const order = executionOrder(graph.nodes);
  /** Bytes allocated for each node, and freed after it. */
  const [allocated, freed] = [new Float64Array(order.length), new Float64Array(order.length)];
  for (const { bytes, from, to } of buffersOf(graph, order, types)) {
    allocated[from] = (allocated[from] ?? 0) + bytes;
    freed[to] = (freed[to] ?? 0) + bytes;
  }
  /** Peaks of the graphs that are called. */
  const bodies = new Map<Subgraph, number>();
  let [now, peakBytes, peakAt] = [0, 0, ""];
  for (const [index, { operator, origin, body }] of order.entries()) {
    now += allocated[index] ?? 0;
    const inside = now + (body === undefined ? 0 : peakOf(body));
    if (inside > peakBytes) [peakBytes, peakAt] = [inside, `${origin ?? ""} (${operator})`];
    now -= freed[index] ?? 0;
  }
  const ends = [...graph.inputs, ...graph.outputs].filter(({ name }) => !isWeight(name));
  const boundBytes = ends.reduce((sum, { name }) => sum + sizeOf(types.get(name)), 0);
  return { peakBytes, boundBytes, peakAt };

  function peakOf(body: Subgraph): number {
    const known = bodies.get(body) ?? memoryPlan(body, () => false).peakBytes;
    bodies.set(body, known);
    return known;
  }
}

/** Returns the nodes that allocate buffers which are freed after their last reader. */
export function allocatingNodes(graph: Subgraph): Set<NodeDefinition> {
  const buffers = buffersOf(graph, executionOrder(graph.nodes), valueTypes(graph));
  return new Set(buffers.filter(({ bytes }) => bytes >= FREED_BYTES).map(({ writer }) => writer));
}

const sizeOf = (type: ValueType | undefined) => (type === undefined ? 0 : bytesOf(type));

/** Returns the buffers of all values that are not stored in inputs, constants or outputs of the graph. */
function buffersOf(
  graph: Subgraph,
  order: readonly NodeDefinition[],
  types: ReadonlyMap<string, ValueType>,
): Allocation[] {
  const readers = new Map<string, number>();
  for (const { inputs } of order) for (const name of inputs) readers.set(name, (readers.get(name) ?? 0) + 1);
  const all: Allocation[] = [];
  const stored = new Map<string, Allocation>();
  /** Values in the memory of inputs, constants and outputs. */
  const outside = new Set([...graph.inputs, ...graph.constants, ...graph.outputs].map(({ name }) => name));
  /** Small buffers without readers, the last one last, by kind. */
  const waiting = new Map<string, Allocation[]>();
  const kindOf = (name: string) => {
    const type = types.get(name);
    return type === undefined ? "" : `${bytesOf(type) / Math.max(product(type.shape), 1)}:${type.shape}`;
  };
  const store = (name: string, index: number, writer: NodeDefinition): Allocation => {
    const kind = kindOf(name);
    const known = product(types.get(name)?.shape ?? []) > 0 && waiting.get(kind)?.pop();
    if (known) return known;
    const bytes = sizeOf(types.get(name));
    const buffer = { writer, bytes, kind, readers: 0, from: index, to: order.length };
    all.push(buffer);
    return buffer;
  };
  const release = (buffer: Allocation, index: number) => {
    if (buffer.readers > 0) return;
    buffer.to = index;
    if (buffer.bytes >= FREED_BYTES) return;
    const others = waiting.get(buffer.kind);
    if (others === undefined) waiting.set(buffer.kind, [buffer]);
    else others.push(buffer);
  };
  for (const [index, node] of order.entries()) {
    const { operator, inputs, outputs } = node;
    const [first = ""] = inputs;
    for (const [place, output] of outputs.entries()) {
      if (ALIASES.has(operator) && outside.has(first)) outside.add(output);
      if (outside.has(output)) continue;
      const buffer =
        (place === 0 ? reused(operator, inputs, output) : undefined) ?? store(output, index, node);
      buffer.readers += readers.get(output) ?? 0;
      stored.set(output, buffer);
    }
    for (const name of inputs) {
      const buffer = stored.get(name);
      if (buffer === undefined) continue;
      buffer.readers--;
      release(buffer, index);
    }
  }
  return all;

  function reused(operator: string, inputs: readonly string[], output: string): Allocation | undefined {
    if (ALIASES.has(operator)) return stored.get(inputs[0] ?? "");
    const name = inputs[OVERWRITTEN[operator] ?? -1] ?? "";
    const buffer = stored.get(name);
    return buffer?.readers === 1 && kindOf(name) === kindOf(output) ? buffer : undefined;
  }
}
