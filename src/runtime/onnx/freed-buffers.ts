/**
 * Makes onnxruntime free large buffers as soon as nobody reads them. It would keep each for the next value of the same shape, often from
 * the forward to the backward pass: up to a third more memory. It does so only for values whose shape it knows before it runs, so the
 * shapes of large new values are hidden from it.
 */
import { allocatingNodes } from "./memory-plan.ts";
import {
  type ConstantDefinition,
  integerConstant,
  type NodeDefinition,
  type Subgraph,
} from "./model-proto.ts";
import { type ValueType, valueTypes } from "./value-shapes.ts";

/** Returns the graph with the shapes of large new values hidden until they are written. */
export function withFreedBuffers(graph: Subgraph): Subgraph {
  const types = valueTypes(graph);
  const hiding = allocatingNodes(graph);
  if (hiding.size === 0) return graph;
  const constants = new Map<string, ConstantDefinition>();
  const hidden = new Map<string, NodeDefinition>();
  const places = new Map(graph.nodes.flatMap(({ outputs }, index) => outputs.map((name) => [name, index])));
  const fixed = new Set(graph.constants.map(({ name }) => name));
  const kept = new Set(graph.outputs.map(({ name }) => name));

  /** Returns a constant shape. */
  const known = ({ shape }: ValueType): string => {
    const name = `known:${shape}`;
    constants.set(name, integerConstant(name, shape));
    return name;
  };
  /** Returns the same shape as a value that onnxruntime does not know before it runs. */
  const unknown = (type: ValueType): string => {
    const name = `unknown:${type.shape}`;
    hidden.set(name, node("Abs", [known(type)], name));
    return name;
  };
  const typeOf = (name: string): ValueType => {
    const type = types.get(name);
    if (type === undefined) throw new Error(`${name} has no known shape.`);
    return type;
  };

  /** Values whose shape is hidden, by the place of their node. They follow it, so that all nodes still run in the same order. */
  const views = new Map<number, Map<string, NodeDefinition>>();
  const view = (name: string): string => {
    if (name === "" || fixed.has(name)) return name;
    const place = places.get(name) ?? -1;
    const others = views.get(place) ?? new Map<string, NodeDefinition>();
    const result = `${name}:view`;
    views.set(place, others.set(result, node("Reshape", [name, unknown(typeOf(name))], result)));
    return result;
  };
  const written = (name: string) => (kept.has(name) ? name : `${name}:written`);

  const rewritten = graph.nodes.map((each): NodeDefinition[] => {
    if (!hiding.has(each)) return [each];
    return [
      // All inputs: the shape of a sum follows from one of its terms.
      { ...each, inputs: each.inputs.map(view), outputs: each.outputs.map(written) },
      ...each.outputs
        .filter((name) => !kept.has(name))
        .map((name) => node("Reshape", [written(name), known(typeOf(name))], name, each.origin)),
    ];
  });
  const after = (place: number) => views.get(place)?.values() ?? [];
  return {
    ...graph,
    nodes: [
      ...hidden.values(),
      ...after(-1),
      ...rewritten.flatMap((nodes, place) => [...nodes, ...after(place)]),
    ],
    constants: [...graph.constants, ...constants.values()],
  };
}

function node(operator: string, inputs: readonly string[], output: string, origin?: string): NodeDefinition {
  return { operator, domain: "", inputs, outputs: [output], attributes: {}, origin };
}
