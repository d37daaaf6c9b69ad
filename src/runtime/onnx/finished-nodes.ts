/** The last passes over a traced graph: names of outputs, dead code, biases, order. */
import { exactly } from "../../facts/checked-lists.ts";
import type { NodeDefinition, ValueDefinition } from "./model-proto.ts";

/** An output of the graph: a value and the name that it gets. */
export interface NamedValue extends ValueDefinition {
  readonly value: string;
}

/**
 * Returns only the nodes that `outputs` depend on, with biases folded into their products and without results that only training reads, in
 * the order in which they run.
 */
export function finishedNodes(
  nodes: readonly NodeDefinition[],
  outputs: readonly NamedValue[],
): NodeDefinition[] {
  const folded = foldBiases(liveNodes(nameOutputs(nodes, outputs), outputs), outputs);
  return scheduled(withoutUnreadResults(liveNodes(folded, outputs), outputs));
}

/**
 * Renames each output's value to the output's name. An input, or a value that is an output twice, is copied by an Identity node
 * instead.
 */
function nameOutputs(nodes: readonly NodeDefinition[], outputs: readonly NamedValue[]): NodeDefinition[] {
  const produced = new Set(nodes.flatMap((node) => node.outputs));
  const names = new Map<string, string>();
  const copies: NodeDefinition[] = [];
  for (const { name, value } of outputs) {
    if (produced.has(value) && !names.has(value)) names.set(value, name);
    else copies.push({ operator: "Identity", domain: "", inputs: [value], outputs: [name], attributes: {} });
  }
  const rename = (values: readonly string[]) => values.map((value) => names.get(value) ?? value);
  return [...nodes, ...copies].map((node) => ({
    ...node,
    inputs: rename(node.inputs),
    outputs: rename(node.outputs),
  }));
}

/** Returns the nodes that the outputs depend on. */
export function liveNodes(
  nodes: readonly NodeDefinition[],
  outputs: readonly ValueDefinition[],
): NodeDefinition[] {
  const needed = new Set(outputs.map((output) => output.name));
  const live: NodeDefinition[] = [];
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((output) => needed.has(output))) continue;
    for (const input of node.inputs) needed.add(input);
    live.push(node);
  }
  return live.reverse();
}

/** Operators whose further results only the backward pass reads. A maximum is found faster without its index. */
const TRAINING_RESULTS = new Set(["MaxPool", "LayerNormalization"]);

function withoutUnreadResults(
  nodes: readonly NodeDefinition[],
  outputs: readonly ValueDefinition[],
): NodeDefinition[] {
  const read = new Set([...nodes.flatMap((node) => node.inputs), ...outputs.map(({ name }) => name)]);
  return nodes.map((node) => {
    if (!TRAINING_RESULTS.has(node.operator)) return node;
    const count = node.outputs.findLastIndex((output) => read.has(output)) + 1;
    return { ...node, outputs: node.outputs.slice(0, count) };
  });
}

/**
 * Returns nodes in an order that lets onnxruntime free memory early. It walks the graph depth-first from its leaves, the last one
 * first. With the leaves last and reversed, they run in the order of the trace: each weight's gradient as soon as possible, not after
 * the whole backward pass with every activation still alive.
 */
export function scheduled(nodes: readonly NodeDefinition[]): NodeDefinition[] {
  const read = new Set(nodes.flatMap((node) => node.inputs));
  const isLeaf = (node: NodeDefinition) => !node.outputs.some((output) => read.has(output));
  return [...nodes.filter((node) => !isLeaf(node)), ...nodes.filter(isLeaf).reverse()];
}

/**
 * Replaces each `BiasAdd`. Its three inputs are the product, the bias shaped to broadcast, and the bias `[channel]`. Where nothing else
 * reads the product, the bias becomes the third input of its Gemm or Conv; otherwise the BiasAdd becomes an Add.
 */
function foldBiases(nodes: readonly NodeDefinition[], outputs: readonly NamedValue[]): NodeDefinition[] {
  const producers = new Map(
    nodes.flatMap((node, index) => node.outputs.map((output) => [output, index] as const)),
  );
  const uses = new Map<string, number>();
  for (const input of nodes.flatMap((node) => node.inputs)) uses.set(input, (uses.get(input) ?? 0) + 1);
  const kept = new Set(outputs.map((output) => output.name));
  const folded: (NodeDefinition | undefined)[] = [...nodes];
  nodes.forEach((node, index) => {
    if (node.operator !== "BiasAdd") return;
    const [product, arranged, bias] = exactly(node.inputs, 3, "A BiasAdd's inputs");
    const producer = producers.get(product);
    const source = producer === undefined ? undefined : folded[producer];
    const fits = source !== undefined && TAKES_BIAS.has(source.operator) && source.inputs.length === 2;
    if (producer === undefined || !fits || uses.get(product) !== 1 || kept.has(product)) {
      folded[index] = { ...node, operator: "Add", inputs: [product, arranged] };
      return;
    }
    folded[producer] = undefined;
    folded[index] = { ...source, inputs: [...source.inputs, bias], outputs: node.outputs };
  });
  return folded.filter((node) => node !== undefined);
}

const TAKES_BIAS = new Set(["Gemm", "Conv", "ConvTranspose"]);
