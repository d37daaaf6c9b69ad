/**
 * Values that are computed again for the gradient instead of being kept from the forward pass: large results of cheap operators, whose
 * operands are kept anyway (Chen et al. 2016, "Training deep nets with sublinear memory cost", section 4.3). The results are the same.
 */
import { product } from "../../facts/checked-lists.ts";
import { liveNodes } from "./finished-nodes.ts";
import { ALIASES } from "./memory-plan.ts";
import { BACKWARD, isGradient, type NodeDefinition, type Subgraph } from "./model-proto.ts";
import { bytesOf, type ValueType, valueTypes } from "./value-shapes.ts";

/** Operators that pass over their operands once. */
const CHEAP = new Set(["Add", "Gelu", "LayerNormalization", "Transpose"]);

/** Smaller values cost more time than their memory is worth. */
const LARGE_BYTES = 6 * 2 ** 20;
/** An operand with this many times fewer elements than the result is kept for it. */
const SMALL = 16;

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
  /** Names that the gradient reads instead. */
  const again = new Map<string, string>();

  const sizeOf = (type: ValueType | undefined) => product(type?.shape ?? []);
  /** Whether an operand of a result of so many elements is there when the gradient runs. */
  const isKept = (name: string, elements: number): boolean => {
    const source = sources.get(name);
    if (source !== undefined && isKept(source, elements)) return true;
    return !computed.has(name) || readers.gradient.has(name) || sizeOf(types.get(name)) * SMALL <= elements;
  };
  const isRecomputed = ({ operator, inputs, outputs: [name = ""] }: NodeDefinition) => {
    if (ALIASES.has(operator)) return again.has(inputs[0] ?? "");
    const type = types.get(name);
    if (!CHEAP.has(operator) || type === undefined || bytesOf(type) < LARGE_BYTES) return false;
    const isReadByBoth = readers.forward.has(name) && readers.gradient.has(name);
    return isReadByBoth && !readers.outside.has(name) && inputs.every((input) => isKept(input, sizeOf(type)));
  };
  const withCopiesRead = (names: readonly string[]) => names.map((name) => again.get(name) ?? name);

  const nodes = graph.nodes.flatMap((node): NodeDefinition[] => {
    if (isGradient(node)) return [{ ...node, inputs: withCopiesRead(node.inputs) }];
    if (!isRecomputed(node)) return [node];
    const [name = ""] = node.outputs;
    const copy = `${name}:again`;
    const [inputs, origin] = [withCopiesRead(node.inputs), `${BACKWARD}/${node.origin}`];
    again.set(name, copy);
    // The copy stands before all that the gradient computes: onnxruntime computes it after the other operands of its first reader.
    return [node, { ...node, inputs, outputs: [copy], origin }];
  });
  return { ...graph, nodes: liveNodes(nodes, graph.outputs) };
}
