/** Cuts a graph that calls others into parts that are run one after another. */
import { ALIASES, executionOrder } from "./memory-plan.ts";
import type { GraphDefinition, NodeDefinition, Subgraph } from "./model-proto.ts";
import { valueTypes } from "./value-shapes.ts";

/** A part of a graph. Equal parts have the same body. */
export interface Part {
  readonly body: Subgraph;
  /** The values of the graph that are the body's inputs and outputs, in their order. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Values between parts that no later part reads. */
  readonly finished: readonly string[];
}

/** Returns the parts in the order in which they are run: each called graph, and what lies between two calls. */
export function partsOf(graph: GraphDefinition): Part[] {
  const isCall = ({ body }: NodeDefinition) => body !== undefined;
  const pieces = graph.nodes.some(isCall) ? piecesBetweenCalls(graph) : [named(graph)];
  const left = new Set(pieces.flatMap(({ outputs }) => outputs));
  for (const { name } of graph.outputs) left.delete(name);
  const parts = pieces.toReversed().map((piece) => {
    const finished = [...piece.inputs, ...piece.outputs].filter((name) => left.delete(name));
    return { ...piece, finished };
  });
  return parts.reverse();
}

type Piece = Omit<Part, "finished">;

const named = (body: Subgraph): Piece => ({
  body,
  inputs: body.inputs.map(({ name }) => name),
  outputs: body.outputs.map(({ name }) => name),
});

/** Returns a function that makes some of a graph's nodes a graph, whose outputs are all values that others read. */
export function cutter(graph: GraphDefinition): (nodes: readonly NodeDefinition[]) => Subgraph {
  const types = valueTypes(graph);
  const constants = new Map(graph.constants.map((constant) => [constant.name, constant]));
  const results = new Set(graph.outputs.map(({ name }) => name));
  const readers = new Map<string, NodeDefinition[]>();
  for (const node of graph.nodes)
    for (const input of node.inputs) {
      const known = readers.get(input);
      if (known === undefined) readers.set(input, [node]);
      else known.push(node);
    }
  const typed = (name: string) => {
    const type = types.get(name);
    if (type === undefined) throw new Error(`${name} has no known shape.`);
    return { name, ...type };
  };
  return (nodes) => {
    const inside = new Set(nodes);
    // Optional inputs and outputs that a node does not have are named "".
    const made = new Set(nodes.flatMap(({ outputs }) => outputs).filter((name) => name !== ""));
    const read = [...new Set(nodes.flatMap(({ inputs }) => inputs))].filter((name) => name !== "");
    const isReadOutside = (name: string) =>
      results.has(name) || (readers.get(name) ?? []).some((node) => !inside.has(node));
    return {
      nodes,
      inputs: read.filter((name) => !made.has(name) && !constants.has(name)).map(typed),
      outputs: [...made].filter(isReadOutside).map(typed),
      constants: read.flatMap((name) => constants.get(name) ?? []),
    };
  };
}

/** Gives each part its own views (reshaped values) of values of earlier parts. onnxruntime copies a view that is an output. */
export function withOwnViews(parts: readonly NodeDefinition[][]): NodeDefinition[][] {
  const views = new Map<string, NodeDefinition>();
  return parts.map((nodes, place) => {
    const known = new Map<string, string>();
    const made: NodeDefinition[] = [];
    const own = (name: string): string => {
      const view = views.get(name);
      if (view === undefined) return name;
      const copy = known.get(name) ?? `${name}:part${place}`;
      if (!known.has(name)) made.push({ ...view, inputs: view.inputs.map(own), outputs: [copy] });
      known.set(name, copy);
      return copy;
    };
    const read = nodes.map((node) => ({ ...node, inputs: node.inputs.map(own) }));
    for (const node of nodes) if (ALIASES.has(node.operator)) views.set(node.outputs[0] ?? "", node);
    return [...made, ...read];
  });
}

function piecesBetweenCalls(graph: GraphDefinition): Piece[] {
  const cut = cutter(graph);
  const pieces: Piece[] = [];
  let between: NodeDefinition[] = [];
  const close = () => {
    if (between.length > 0) pieces.push(named(cut(between)));
    between = [];
  };
  for (const node of executionOrder(graph.nodes)) {
    const { body, inputs, outputs } = node;
    if (body === undefined) between.push(node);
    else {
      close();
      pieces.push({ body, inputs, outputs });
    }
  }
  close();
  return pieces;
}
