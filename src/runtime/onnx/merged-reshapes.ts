/** Reshapes of reshaped values. They copy nothing, but a node takes a few microseconds and some of the time that a graph takes to load. */
import { liveNodes } from "./finished-nodes.ts";
import { sameSizes } from "./layout.ts";
import type { NodeDefinition, Subgraph } from "./model-proto.ts";
import { valueTypes } from "./value-shapes.ts";

/** Returns the graph with each value reshaped at once, and not at all where it has the shape already. */
export function withMergedReshapes<Graph extends Subgraph>(graph: Graph): Graph {
  const types = valueTypes(graph);
  const shapeOf = (name: string) => types.get(name)?.shape ?? [];
  const outside = new Set(graph.outputs.map(({ name }) => name));
  /** What each reshaped value is made of, and values that take the place of others. */
  const [sources, same] = [new Map<string, string>(), new Map<string, string>()];
  const nodes = graph.nodes.map((node): NodeDefinition => {
    const inputs = node.inputs.map((name) => same.get(name) ?? name);
    const [input = "", shape = ""] = inputs;
    const [output = ""] = node.outputs;
    if (node.operator !== "Reshape") return { ...node, inputs };
    const source = sources.get(input) ?? input;
    sources.set(output, source);
    if (!outside.has(output) && sameSizes(shapeOf(source), shapeOf(output))) same.set(output, source);
    return { ...node, inputs: [source, shape] };
  });
  return { ...graph, nodes: liveNodes(nodes, graph.outputs) };
}

/** Returns the graph with outputs in the shapes in which they are computed: onnxruntime copies a reshaped value that is an output. */
export function withOutputsAsComputed<Graph extends Subgraph>(graph: Graph): Graph {
  const types = valueTypes(graph);
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const reads = new Map<string, number>();
  for (const name of [
    ...graph.nodes.flatMap(({ inputs }) => inputs),
    ...graph.outputs.map((each) => each.name),
  ])
    reads.set(name, (reads.get(name) ?? 0) + 1);
  /** Nodes that take the place of the reshapes that alone read them: the order of outputs is that of their gradients. */
  const instead = new Map<NodeDefinition, NodeDefinition>();
  const outputs = graph.outputs.map((output) => {
    const last = makers.get(output.name);
    const [source = ""] = last?.inputs ?? [];
    const maker = makers.get(source);
    if (last?.operator !== "Reshape" || maker?.outputs.length !== 1) return output;
    if (reads.get(output.name) !== 1 || reads.get(source) !== 1) return output;
    instead.set(last, maker);
    return { ...output, shape: types.get(source)?.shape ?? output.shape };
  });
  const moved = new Set(instead.values());
  const nodes = graph.nodes
    .filter((node) => !moved.has(node))
    .map((node) => ({ ...(instead.get(node) ?? node), outputs: node.outputs }));
  return { ...graph, nodes, outputs };
}
