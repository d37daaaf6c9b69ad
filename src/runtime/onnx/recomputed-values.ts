/**
 * Values that are computed again for the gradient instead of being kept from the forward pass: large results of cheap operators, whose
 * operands are kept anyway (Chen et al. 2016, "Training deep nets with sublinear memory cost", section 4.3). The results are the same.
 */
import { product } from "../../facts/checked-lists.ts";
import { liveNodes } from "./finished-nodes.ts";
import { ALIASES } from "./memory-plan.ts";
import { BACKWARD, isGradient, type NodeDefinition, type Subgraph } from "./model-proto.ts";
import { bytesOf, type ValueType, valueTypes } from "./value-shapes.ts";

/**
 * Cheap operators, with the least size of a result in bytes: smaller ones cost more time than their memory is worth. Gelu takes as long as
 * several passes, and a softmax with the product that it is taken of still longer.
 */
const CHEAP: Readonly<Record<string, number>> = {
  Add: 3e6,
  Concat: 3e6,
  Gelu: 6e6,
  LayerNormalization: 3e6,
  Softmax: 6e6,
  Transpose: 3e6,
};
/** Operators whose result is computed again with the softmax that is taken of it. */
const PRODUCTS = new Set(["FusedMatMul", "Gemm", "MatMul"]);

/** Operands that would be kept only for it have this many times fewer elements than the result. */
const SAVING = 2;

/** Who reads the memory of a value. */
interface Readers {
  readonly forward: Set<string>;
  readonly gradient: Set<string>;
  /** Outputs of the graph. */
  readonly outside: Set<string>;
}

function readersOf({ nodes, outputs }: Subgraph): Readers {
  const outside = new Set(outputs.map(({ name }) => name));
  const readers = { forward: new Set<string>(), gradient: new Set<string>(), outside };
  for (const node of nodes.toReversed()) {
    const [input = ""] = node.inputs;
    const [output = ""] = node.outputs;
    if (ALIASES.has(node.operator)) {
      for (const names of Object.values(readers)) if (names.has(output)) names.add(input);
    } else for (const name of node.inputs) readers[isGradient(node) ? "gradient" : "forward"].add(name);
  }
  return readers;
}

/** Returns the graph of a training step with such values computed again. A graph without gradients is returned as it is. */
export function withRecomputedValues<Graph extends Subgraph>(graph: Graph): Graph {
  if (!graph.nodes.some(isGradient)) return graph;
  const types = valueTypes(graph);
  const readers = readersOf(graph);
  const computed = new Set(graph.nodes.flatMap(({ outputs }) => outputs));
  const aliases = graph.nodes.filter(({ operator }) => ALIASES.has(operator));
  const sources = new Map(aliases.map(({ inputs, outputs }) => [outputs[0], inputs[0] ?? ""]));
  const products = new Map(
    graph.nodes.filter(({ operator }) => PRODUCTS.has(operator)).map((node) => [node.outputs[0], node]),
  );
  /** Names that the gradient reads instead. */
  const again = new Map<string, string>();

  const sizeOf = (type: ValueType | undefined) => product(type?.shape ?? []);
  /** Whether a value is there when the gradient runs. */
  const isKept = (name: string): boolean => {
    const source = sources.get(name);
    return !computed.has(name) || readers.gradient.has(name) || (source !== undefined && isKept(source));
  };
  /** Whether operands take much less memory than their result of so many elements. */
  const areKept = (operands: readonly string[], elements: number): boolean => {
    const others = operands.filter((name) => !isKept(name)).map((name) => sizeOf(types.get(name)));
    return others.reduce((sum, size) => sum + size, 0) * SAVING <= elements;
  };
  /** Returns the nodes that compute a node's result again: none where it is kept. */
  const recomputed = (node: NodeDefinition): readonly NodeDefinition[] => {
    const { operator, inputs, outputs } = node;
    const [[input = ""], [name = ""]] = [inputs, outputs];
    if (ALIASES.has(operator)) return again.has(input) ? [node] : [];
    const type = types.get(name);
    if (type === undefined || bytesOf(type) < (CHEAP[operator] ?? Number.POSITIVE_INFINITY)) return [];
    const isReadByBoth = readers.forward.has(name) && readers.gradient.has(name);
    if (!isReadByBoth || readers.outside.has(name)) return [];
    const source = operator === "Softmax" ? products.get(input) : undefined;
    if (source !== undefined && areKept(source.inputs, sizeOf(type))) return [source, node];
    return areKept(inputs, sizeOf(type)) ? [node] : [];
  };
  const withCopiesRead = (names: readonly string[]) => names.map((name) => again.get(name) ?? name);

  const nodes = graph.nodes.flatMap((node): NodeDefinition[] => {
    if (isGradient(node)) return [{ ...node, inputs: withCopiesRead(node.inputs) }];
    // Copies stand before all that the gradient computes: onnxruntime computes them after the other operands of their first reader.
    const copies = recomputed(node).map((each): NodeDefinition => {
      const inputs = withCopiesRead(each.inputs);
      const outputs = each.outputs.slice(0, 1).map((name) => `${name}:again`);
      again.set(each.outputs[0] ?? "", outputs[0] ?? "");
      return { ...each, inputs, outputs, origin: `${BACKWARD}/${each.origin}` };
    });
    return [node, ...copies];
  });
  return { ...graph, nodes: liveNodes(nodes, graph.outputs) };
}
