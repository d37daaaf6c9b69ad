/**
 * Images in blocks of channels, for blocked-convolutions.ts. Each image is brought into blocks once, straight from the layout in which it is
 * stored, and back straight into the layout in which it is read: onnxruntime's reorderings read and write channels-last images too.
 */
import { sameSizes } from "./layout.ts";
import { IN_BLOCKS, type NodeDefinition, type Subgraph } from "./model-proto.ts";
import type { Constants } from "./replacement.ts";
import { type ValueType, valueTypes } from "./value-shapes.ts";

const LAST = { channels_last: 1 };
const CHANNELS_FIRST = [0, 3, 1, 2];
const CHANNELS_LAST = [0, 2, 3, 1];

const isTransposition = ({ operator, attributes: { perm } }: NodeDefinition, order: readonly number[]) =>
  operator === "Transpose" && Array.isArray(perm) && sameSizes(perm, order);

/** Where an image comes from. */
interface Source {
  readonly name: string;
  /** Of the image with its channels in front. */
  readonly shape: readonly number[];
  /** Whether the channels are at the end. */
  readonly isLast: boolean;
}

/** The images of a graph. */
export class BlockedImages {
  private readonly types: ReadonlyMap<string, ValueType>;
  private readonly producers: ReadonlyMap<string, NodeDefinition>;
  /** Names of images in blocks, of their parts and of their other shapes. */
  private readonly known = new Set<string>();
  /** Images in blocks whose channels-first form has this name. */
  private readonly results = new Map<string, { readonly value: string; readonly channels: number }>();
  /** Numbers of nodes that read a value. */
  private readonly reads = new Map<string, number>();
  /** The image that a convolution adds to its result, by the name of the result. */
  private readonly added = new Map<string, string>();

  /** @param block channels in a block */
  constructor(
    graph: Subgraph,
    private readonly block: number,
    private readonly constants: Constants,
  ) {
    this.types = valueTypes(graph);
    this.producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node])));
    for (const name of [
      ...graph.nodes.flatMap(({ inputs }) => inputs),
      ...graph.outputs.map((each) => each.name),
    ])
      this.reads.set(name, (this.reads.get(name) ?? 0) + 1);
  }

  /**
   * Returns the nodes that bring an image into blocks, and the name of the result.
   *
   * @param name of an image `[batch, channel, y, x]`
   * @param shape the same pixels otherwise divided into batch and channels, if they are to be
   */
  input(
    name: string,
    origin: string | undefined,
    shape = this.shapeOf(name),
  ): { nodes: NodeDefinition[]; value: string } {
    const source = this.source(name, shape);
    const nodes: NodeDefinition[] = [];
    const add = (
      output: string,
      node: Pick<NodeDefinition, "operator" | "inputs"> & Partial<NodeDefinition>,
    ) => {
      if (!this.known.has(output))
        nodes.push({ domain: "", attributes: {}, outputs: [output], origin, ...node });
      this.known.add(output);
      return output;
    };
    const shaped = (value: string) =>
      add(`${value}:${shape}`, { operator: "Reshape", inputs: [value, this.constants.integers(shape)] });
    const inBlocks = (value: string) => `${value}:${source.isLast ? "last" : "first"}`;
    const reordered = (value: string): string => {
      const part = this.partOfBatch(value);
      const attributes = source.isLast ? LAST : {};
      if (part === undefined)
        return add(inBlocks(value), {
          operator: "ReorderInput",
          domain: IN_BLOCKS,
          inputs: [value],
          attributes,
        });
      const [whole = "", ...settings] = part.inputs;
      const outputs = part.outputs.map(inBlocks);
      add(outputs[0] ?? "", { ...part, inputs: [reordered(whole), ...settings], outputs, origin });
      return inBlocks(value);
    };
    if (!this.isSameImage(source.shape, shape)) return { nodes, value: reordered(shaped(source.name)) };
    const value = reordered(source.name);
    return { nodes, value: sameSizes(source.shape, shape) ? value : shaped(value) };
  }

  /** Returns where an image comes from: before it was shaped, and before its channels were moved to the front. */
  private source(name: string, shape: readonly number[]): Source {
    const node = this.producers.get(name);
    const [before = ""] = node?.inputs ?? [];
    if (node?.operator === "Reshape" && this.isSameImage(this.shapeOf(before), shape))
      return this.source(before, shape);
    const own = this.shapeOf(name);
    const isLast =
      node !== undefined && isTransposition(node, CHANNELS_FIRST) && this.isSameImage(own, shape);
    return { name: isLast ? before : name, shape: own, isLast };
  }

  /** Returns the node that takes some samples of a batch: they are taken of the whole batch in blocks, which is reordered once. */
  private partOfBatch(name: string): NodeDefinition | undefined {
    const node = this.producers.get(name);
    const [own, whole] = [this.shapeOf(name), this.shapeOf(node?.inputs[0] ?? "")];
    const isPart = node?.operator === "Slice" || node?.operator === "Split";
    const isFewer = own.length === 4 && own[0] !== whole[0] && sameSizes(own.slice(1), whole.slice(1));
    return isPart && isFewer ? node : undefined;
  }

  /** Whether a value of some shape is an image of these pixels, with whole blocks of channels. */
  private isSameImage([, channels = 1, ...space]: readonly number[], shape: readonly number[]): boolean {
    return space.length === 2 && sameSizes(space, shape.slice(2)) && channels % this.block === 0;
  }

  private shapeOf(name: string): readonly number[] {
    return this.types.get(name)?.shape ?? [];
  }

  /** Returns the node that brings an image in blocks back to `[batch, channel, y, x]`. */
  output(value: string, name: string, channels: number, origin?: string): NodeDefinition {
    this.results.set(name, { value, channels });
    return reorderOutput(value, name, { channels }, origin);
  }

  /**
   * Returns a node that reads convolutions in blocks in a form that does not leave them: one that moves channels to the end does so as it
   * brings the image out of blocks, and a sum of convolutions is added up by them.
   */
  merged(node: NodeDefinition): NodeDefinition {
    const results = node.inputs.flatMap((name) => this.results.get(name) ?? []);
    const last = results.at(-1);
    const [name = ""] = node.outputs;
    if (last === undefined || results.length < node.inputs.length) return node;
    if (isTransposition(node, CHANNELS_LAST))
      return reorderOutput(last.value, name, { channels: last.channels, channels_last: 1 }, node.origin);
    if (node.operator !== "Sum" || node.inputs.some((each) => this.reads.get(each) !== 1)) return node;
    for (const [place, { value }] of results.slice(1).entries())
      this.added.set(value, results[place]?.value ?? "");
    return this.output(last.value, name, last.channels, node.origin);
  }

  /** Returns the nodes with the sums that {@link merged} found. */
  withSums(nodes: readonly NodeDefinition[]): NodeDefinition[] {
    return nodes.map((node) => {
      const sum = this.added.get(node.outputs[0] ?? "");
      const [x = "", weight = "", bias = ""] = node.inputs;
      return sum === undefined ? node : { ...node, inputs: [x, weight, bias, sum] };
    });
  }
}

function reorderOutput(
  value: string,
  name: string,
  attributes: NodeDefinition["attributes"],
  origin: string | undefined,
): NodeDefinition {
  return {
    operator: "ReorderOutput",
    domain: IN_BLOCKS,
    inputs: [value],
    outputs: [name],
    attributes,
    origin,
  };
}
