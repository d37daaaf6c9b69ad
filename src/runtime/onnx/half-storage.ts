/**
 * Stores large values in float16 between the forward pass and the backward pass, which computes in float32 with their rounded copies (Jain et al.
 * 2018, "Gist: Efficient data encoding for deep neural network training", section 3.3). onnxruntime's Cast takes as long as any other pass over
 * the values, on all threads. To bfloat16 it takes four times as long (docs/benchmarks.md).
 */
import { liveNodes } from "./finished-nodes.ts";
import { ALIASES, executionOrder } from "./memory-plan.ts";
import { BACKWARD, DATA_TYPE, isGradient, type NodeDefinition, type Subgraph } from "./model-proto.ts";
import { Constants } from "./replacement.ts";
import { bytesOf, valueTypes } from "./value-shapes.ts";

/** Smaller values are not stored: they cost more time than their memory is worth. */
const LEAST_BYTES = 2 ** 20;
/** A value is widened again for a reader so many nodes after the last one, and not kept in float32 in between. */
const FAR = 100;

/** A value that is stored. */
interface Use {
  /** The value, or a view of it, as its last reader of the forward pass reads it. */
  readonly name: string;
  readonly lastReader: NodeDefinition;
  /** The number of the float32 copy that each node of the backward pass reads. */
  readonly copies: Map<NodeDefinition, number>;
  /** Place of the last of these nodes in the order of execution. */
  place: number;
}

/** Returns the graph of a training step with the values stored that are large and that both passes read. */
export function withHalfStorage<Graph extends Subgraph>(graph: Graph): Graph {
  const sourceOf = sources(graph);
  const uses = usesOf(graph, sourceOf);
  const casts = new Casts(graph);
  const rewritten = graph.nodes.map((node): NodeDefinition => {
    if (ALIASES.has(node.operator)) return node;
    const inputs = node.inputs.map((name) => {
      const use = uses.get(sourceOf(name));
      if (use === undefined || use.copies.size === 0) return name;
      const copy = use.copies.get(node);
      if (copy !== undefined) return casts.widened(use.name, name, copy);
      return use.lastReader === node && use.name === name ? casts.afterNarrowing(name) : name;
    });
    return { ...node, inputs };
  });
  // Casts stand behind the value: onnxruntime then computes a wide copy after all other operands of its first reader.
  const nodes = rewritten.flatMap((node) => [node, ...node.outputs.flatMap((name) => casts.of(name))]);
  return { ...graph, nodes: liveNodes(nodes, graph.outputs), constants: casts.constants.all };
}

/** Returns a function that follows views to the value that they show. */
function sources({ nodes }: Subgraph): (name: string) => string {
  const views = new Map<string, string>();
  for (const { operator, inputs, outputs } of nodes)
    if (ALIASES.has(operator)) views.set(outputs[0] ?? "", inputs[0] ?? "");
  const sourceOf = (name: string): string => {
    const shown = views.get(name);
    return shown === undefined ? name : sourceOf(shown);
  };
  return sourceOf;
}

/** Returns how large values that the forward pass computes are read, by their names. */
function usesOf(graph: Subgraph, sourceOf: (name: string) => string): Map<string, Use> {
  const types = valueTypes(graph);
  const outside = new Set(graph.outputs.map(({ name }) => sourceOf(name)));
  const computed = graph.nodes.filter((node) => !isGradient(node)).flatMap(({ outputs }) => outputs);
  const isLarge = (name: string) => {
    const type = types.get(name);
    return type?.type === "float32" && bytesOf(type) >= LEAST_BYTES && !outside.has(name);
  };
  const large = new Set(computed.filter(isLarge));
  const uses = new Map<string, Use>();
  for (const [place, node] of executionOrder(graph.nodes).entries()) {
    if (ALIASES.has(node.operator)) continue;
    for (const name of node.inputs) {
      const source = sourceOf(name);
      if (!large.has(source)) continue;
      const use = uses.get(source);
      if (!isGradient(node))
        uses.set(source, { name, lastReader: node, copies: new Map(), place: Number.POSITIVE_INFINITY });
      else if (use !== undefined) {
        const last = Math.max(0, ...use.copies.values());
        use.copies.set(node, place - use.place > FAR ? last + 1 : last);
        use.place = place;
      }
    }
  }
  return uses;
}

/** The nodes that store values, and those that read them. */
class Casts {
  readonly constants: Constants;
  private readonly types: ReturnType<typeof valueTypes>;
  private readonly origins: ReadonlyMap<string, string | undefined>;
  /** By the value and the name of their result. */
  private readonly nodes = new Map<string, Map<string, NodeDefinition>>();

  constructor(graph: Subgraph) {
    this.constants = new Constants(graph.constants);
    this.types = valueTypes(graph);
    this.origins = new Map(
      graph.nodes.flatMap(({ outputs, origin }) => outputs.map((name) => [name, origin])),
    );
  }

  /** Returns the nodes that stand behind a value. */
  of(name: string): readonly NodeDefinition[] {
    return [...(this.nodes.get(name)?.values() ?? [])];
  }

  private narrowed(name: string): string {
    return this.add(name, "half", "Cast", [name], { to: DATA_TYPE.float16 });
  }

  /** Returns a view of a value that exists only when its half is computed: its shape is that of the half. */
  afterNarrowing(name: string): string {
    const shape = this.add(name, "shape of half", "Shape", [this.narrowed(name)]);
    return this.add(name, "after half", "Reshape", [name, shape]);
  }

  /**
   * Returns a copy in float32.
   *
   * @param view another view of the same value, whose shape the copy gets
   */
  widened(name: string, view: string, copy: number): string {
    const to = DATA_TYPE.float32;
    const wide = this.add(name, `wide ${copy}`, "Cast", [this.narrowed(name)], { to }, `${BACKWARD}/`);
    if (name === view) return wide;
    const { shape } = this.types.get(view) ?? { shape: [] };
    const result = `wide ${copy} as ${view}`;
    return this.add(name, result, "Reshape", [wide, this.constants.integers(shape)], {}, `${BACKWARD}/`);
  }

  private add(
    value: string,
    result: string,
    operator: string,
    inputs: readonly string[],
    attributes: NodeDefinition["attributes"] = {},
    pass = "",
  ): string {
    const output = `${value}:${result}`;
    const origin = `${pass}${this.origins.get(value) ?? ""}`;
    const behind = this.nodes.get(value) ?? new Map<string, NodeDefinition>();
    this.nodes.set(
      value,
      behind.set(output, { operator, domain: "", inputs, outputs: [output], attributes, origin }),
    );
    return output;
  }
}
