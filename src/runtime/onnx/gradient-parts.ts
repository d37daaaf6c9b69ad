/**
 * Training steps in parts, between which weights are updated: a gradient takes memory only from the part that computes it until its weight is
 * updated (Lv et al. 2023, "Full Parameter Fine-tuning for Large Language Models with Limited Resources").
 */
import { product } from "../../facts/checked-lists.ts";
import { scheduled } from "./finished-nodes.ts";
import { cutter, type Part, withOwnViews } from "./graph-parts.ts";
import { executionOrder } from "./memory-plan.ts";
import { CALL, type GraphDefinition, type NodeDefinition } from "./model-proto.ts";
import { GRADIENT } from "./trace-program.ts";

/** Gradients of a part, in bytes. Each part takes up to 1 ms more: parts of 16 MB make the step of a ViT-B 3 % longer. */
const PART_BYTES = 2 ** 26;
/**
 * Nodes of a graph that is cut into parts of {@link MOST_NODES}, too. The time in which onnxruntime compiles a graph grows with the square of its
 * nodes, and parts are compiled at the same time: HRNet's 20,520 nodes take 2.2 s in one part, 0.9 s in parts of 2000 one after another. A
 * part keeps what it reads until it ends, so smaller graphs are not cut: a 3D U-Net of 7900 nodes took 10 % more memory, and 42 % with half storage.
 */
const LARGE_GRAPH = 15_000;
const MOST_NODES = 2000;

/** Returns the graph cut into graphs that compute some gradients each. A graph that calls others is cut there already. */
export function cutAtGradients(graph: GraphDefinition, partBytes = PART_BYTES): GraphDefinition {
  if (graph.nodes.some(({ body }) => body !== undefined)) return graph;
  const parts = withOwnViews(nodesOfParts(graph, partBytes));
  if (parts.length < 2) return graph;
  const cut = cutter({ ...graph, nodes: parts.flat() });
  const calls = parts.map((nodes) => call(cut(scheduled(nodes))));
  return { ...graph, nodes: scheduled(calls), constants: [] };
}

/** Returns the nodes of each part, in the order in which onnxruntime runs them. */
function nodesOfParts({ nodes, outputs }: GraphDefinition, partBytes: number): NodeDefinition[][] {
  const bytes = new Map(
    outputs
      .filter(({ name }) => name.startsWith(GRADIENT))
      .map(({ name, shape }) => [name, product(shape) * Float32Array.BYTES_PER_ELEMENT]),
  );
  const parts: NodeDefinition[][] = [];
  let [part, written]: [NodeDefinition[], number] = [[], 0];
  const mostNodes = nodes.length > LARGE_GRAPH ? MOST_NODES : nodes.length;
  for (const node of executionOrder(nodes)) {
    if (part.push(node) === 1) parts.push(part);
    for (const output of node.outputs) written += bytes.get(output) ?? 0;
    if (written >= partBytes || part.length >= mostNodes) [part, written] = [[], 0];
  }
  return parts;
}

function call(body: Part["body"]): NodeDefinition {
  const names = (values: Part["body"]["inputs"]) => values.map(({ name }) => name);
  const origin = body.nodes.at(-1)?.origin;
  return {
    ...{ operator: CALL, domain: "", attributes: {}, body, origin },
    inputs: names(body.inputs),
    outputs: names(body.outputs),
  };
}

/** When the memory of a weight's gradient is in use. */
export interface GradientLife {
  readonly weight: string;
  /** Place of the part that computes the gradient. */
  readonly from: number;
  /** Place of the last part that reads the weight or the gradient, or `from` if none does later. The weight is updated after it. */
  readonly to: number;
}

/**
 * Returns the life of each gradient.
 *
 * @param isWeight whether there is a weight of that name. Values that a gradient is made of are named after it, and may pass between parts.
 */
export function gradientLives(parts: readonly Part[], isWeight: (name: string) => boolean): GradientLife[] {
  const lastRead = new Map(
    parts.flatMap(({ inputs }, place) => inputs.map((name) => [name, place] as const)),
  );
  return parts.flatMap(({ outputs }, from) =>
    outputs
      .filter((name) => name.startsWith(GRADIENT) && isWeight(name.slice(GRADIENT.length)))
      .map((name) => {
        const weight = name.slice(GRADIENT.length);
        return { weight, from, to: Math.max(from, lastRead.get(weight) ?? 0, lastRead.get(name) ?? 0) };
      }),
  );
}

/** Gradients that are in use at the same time, together in memory. */
interface Block {
  readonly from: number;
  readonly to: number;
  readonly start: number;
  readonly size: number;
}

/**
 * Returns where each gradient starts, so that gradients in use at the same time do not overlap. Gradients with the same life are a block, in the
 * order in which they are given. Blocks are placed in the order of time, longer lives first, each at the first gap.
 *
 * @param sizeOf returns the size of a weight's gradient; places are in the same unit
 */
export function gradientPlaces(
  lives: readonly GradientLife[],
  sizeOf: (weight: string) => number,
): Map<string, number> {
  const places = new Map<string, number>();
  const blocks: Block[] = [];
  for (const { from, to, weights } of lifeGroups(lives)) {
    const size = weights.reduce((sum, weight) => sum + sizeOf(weight), 0);
    const others = blocks
      .filter((other) => other.from <= to && from <= other.to)
      .sort((a, b) => a.start - b.start);
    let start = 0;
    for (const other of others)
      if (other.start < start + size) start = Math.max(start, other.start + other.size);
    blocks.push({ from, to, start, size });
    let place = start;
    for (const weight of weights) {
      places.set(weight, place);
      place += sizeOf(weight);
    }
  }
  return places;
}

interface LifeGroup extends Pick<GradientLife, "from" | "to"> {
  readonly weights: string[];
}

function lifeGroups(lives: readonly GradientLife[]): LifeGroup[] {
  const groups = new Map<string, LifeGroup>();
  for (const { weight, from, to } of lives) {
    const group = groups.get(`${from} to ${to}`) ?? { from, to, weights: [] };
    group.weights.push(weight);
    groups.set(`${from} to ${to}`, group);
  }
  return [...groups.values()].sort((a, b) => a.from - b.from || b.to - a.to);
}
