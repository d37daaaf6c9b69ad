/**
 * Images that stay in blocks of channels from one direct convolution to the next (blocked-convolutions.ts): what lies between them works
 * on blocks, too (operators-in-blocks.ts), so that an image is not reordered after one convolution and again before the next.
 */

import { IN_BLOCKS, isGradient, type NodeDefinition, type Subgraph } from "./model-proto.ts";
import { type BlockedForm, blockedForm, type Context, isImage, linesOf } from "./operators-in-blocks.ts";
import { Constants } from "./replacement.ts";
import { bytesOf, valueTypes } from "./value-shapes.ts";

/** Returns the graph with as few reorders as it needs. An image that the gradient reads in another order is reordered for it again. */
export function withValuesInBlocks<Graph extends Subgraph>(graph: Graph, block: number): Graph {
  if (!graph.nodes.some(({ operator }) => operator === "ReorderInput")) return graph;
  const types = valueTypes(graph);
  const constants = new Constants(graph.constants);
  const context: Context = { block, typeOf: (name) => types.get(name), constants };
  const forms = new Map(
    graph.nodes.flatMap((node) => {
      const form = blockedForm(node, context);
      return form === undefined ? [] : [[node, form] as const];
    }),
  );
  const images = new Images(graph, context, forms);
  const nodes = rewritten(graph, context, forms, images);
  return { ...graph, nodes, constants: constants.all };
}

/** Whether a node reorders an image whose channels are in front. */
const isReorder = (node: NodeDefinition, operator: "ReorderInput" | "ReorderOutput") =>
  node.operator === operator && node.attributes.channels_last !== 1;

type Forms = ReadonlyMap<NodeDefinition, BlockedForm>;

/** Which images of a graph are in blocks. */
class Images {
  /** The name in blocks of each image that a convolution writes. */
  private readonly convolved = new Map<string, string>();
  private readonly producers = new Map<string, NodeDefinition>();
  private readonly readers = new Map<string, NodeDefinition[]>();
  private readonly outside: ReadonlySet<string>;
  /** The operators that work on blocks. */
  private readonly chosen = new Set<NodeDefinition>();

  constructor(
    graph: Subgraph,
    private readonly context: Context,
    private readonly forms: Forms,
  ) {
    this.outside = new Set(graph.outputs.map(({ name }) => name));
    for (const node of graph.nodes) {
      const [input = ""] = node.inputs;
      for (const output of node.outputs) this.producers.set(output, node);
      for (const name of new Set(node.inputs)) {
        const known = this.readers.get(name);
        if (known === undefined) this.readers.set(name, [node]);
        else known.push(node);
      }
      if (this.isConvolved(node)) this.convolved.set(node.outputs[0] ?? "", input);
    }
    this.choose();
  }

  /** Whether a node returns the image of a convolution. */
  isConvolved(node: NodeDefinition): boolean {
    const type = this.context.typeOf(node.outputs[0] ?? "");
    return isReorder(node, "ReorderOutput") && isImage(type, this.context.block);
  }

  isChosen = (node: NodeDefinition): boolean => this.chosen.has(node);
  isOutput = (name: string): boolean => this.outside.has(name);

  /** Returns the name of an image that is in blocks; undefined for other values. */
  blocksOf(name: string): string | undefined {
    const producer = this.producers.get(name);
    const own = producer !== undefined && this.chosen.has(producer) ? `${name}:blocks` : undefined;
    return this.convolved.get(name) ?? own;
  }

  /** Chooses operators that depend on each other together, then each alone, where that saves reorders. */
  private choose(): void {
    const left = new Set([...this.forms].filter(([, form]) => form.returnsImage).map(([node]) => node));
    for (const node of left) {
      const group = this.connected(node, left);
      const images = new Set(group.flatMap((each) => this.imagesOf(each)));
      const before = this.cost(images);
      for (const each of group) this.chosen.add(each);
      if (this.cost(images) >= before) for (const each of group) this.chosen.delete(each);
      else for (const each of [...group, ...group.toReversed()]) this.changeAlone(each);
    }
  }

  private changeAlone(node: NodeDefinition): void {
    const images = new Set(this.imagesOf(node));
    const before = this.cost(images);
    const isChosen = this.chosen.has(node);
    const [change, undo] = isChosen ? (["delete", "add"] as const) : (["add", "delete"] as const);
    this.chosen[change](node);
    if (this.cost(images) >= before) this.chosen[undo](node);
  }

  private imagesOf(node: NodeDefinition): string[] {
    return [...(this.forms.get(node)?.images ?? []), ...node.outputs];
  }

  /** Removes and returns the operators that read or write an image of this one, or of one of those. */
  private connected(first: NodeDefinition, left: Set<NodeDefinition>): NodeDefinition[] {
    const [found, next] = [[first], [first]];
    left.delete(first);
    for (let node = next.pop(); node !== undefined; node = next.pop())
      for (const image of this.imagesOf(node)) {
        const producer = this.producers.get(image);
        for (const other of [...(this.readers.get(image) ?? []), ...(producer ? [producer] : [])]) {
          if (!left.delete(other)) continue;
          found.push(other);
          next.push(other);
        }
      }
    return found;
  }

  /** Returns the bytes of these images that are reordered. */
  private cost(images: ReadonlySet<string>): number {
    let bytes = 0;
    for (const image of images) {
      const type = this.context.typeOf(image);
      if (!isImage(type, this.context.block)) continue;
      const isInBlocks = this.blocksOf(image) !== undefined;
      const others = (this.readers.get(image) ?? []).filter((node) =>
        this.reads(node, isInBlocks ? "plain" : "blocks", image),
      );
      const passes = new Set(others.map(isGradient));
      if (isInBlocks && this.outside.has(image)) passes.add(false);
      bytes += passes.size * bytesOf(type);
    }
    return bytes;
  }

  private reads(node: NodeDefinition, order: "plain" | "blocks", image: string): boolean {
    if (isReorder(node, "ReorderInput")) return order === "blocks";
    const form = this.forms.get(node);
    if (form === undefined || !form.images.includes(image)) return order === "plain";
    // Sums of channels are taken in any order.
    return form.returnsImage && this.chosen.has(node) === (order === "blocks");
  }
}

/** Returns the nodes with images reordered where a reader needs another order. */
function rewritten(graph: Subgraph, context: Context, forms: Forms, images: Images): NodeDefinition[] {
  const nodes: NodeDefinition[] = [];
  const reordered = new ReorderedImages(nodes, context, images);
  /** Names in blocks of what the graph's own reorders returned. */
  const replaced = new Map<string, string>();
  for (const node of graph.nodes) {
    const [input = ""] = node.inputs;
    const [output = ""] = node.outputs;
    const form = forms.get(node);
    if (isReorder(node, "ReorderInput")) replaced.set(output, reordered.inBlocks(input, node));
    else if (
      form !== undefined &&
      (form.returnsImage
        ? images.isChosen(node)
        : form.images.some((image) => reordered.isOnlyInBlocks(image, node)))
    )
      nodes.push(
        ...form.write(
          (name) => reordered.inBlocks(name, node),
          node.outputs.map((name) => images.blocksOf(name) ?? name),
        ),
      );
    else if (!images.isConvolved(node))
      nodes.push({
        ...node,
        inputs: node.inputs.map((name) => replaced.get(name) ?? reordered.plain(name, node)),
      });
    for (const name of node.outputs) if (images.isOutput(name)) reordered.plain(name, node);
  }
  return nodes;
}

/** Images in the order in which they are not written. They are reordered once for each pass: none is kept in two orders for the gradient. */
class ReorderedImages {
  /** Names of reordered images, by their own names, in the forward and in the backward pass. */
  private readonly forward = { plain: new Map<string, string>(), blocks: new Map<string, string>() };
  private readonly backward = { plain: new Map<string, string>(), blocks: new Map<string, string>() };
  private readonly written = new Set<string>();

  /** @param nodes receives the reorders */
  constructor(
    private readonly nodes: NodeDefinition[],
    private readonly context: Context,
    private readonly images: Images,
  ) {}

  /** Returns the name of a value that is not in blocks. */
  plain(name: string, reader: NodeDefinition): string {
    const blocks = this.images.blocksOf(name);
    if (blocks === undefined) return name;
    const known = this.passOf(reader).plain;
    const found = known.get(name) ?? this.fromBlocks(blocks, name, reader);
    known.set(name, found);
    return found;
  }

  inBlocks(name: string, reader: NodeDefinition): string {
    const blocks = this.images.blocksOf(name);
    if (blocks !== undefined) return blocks;
    const known = this.passOf(reader).blocks;
    const found = known.get(name) ?? this.toBlocks(name, reader);
    known.set(name, found);
    return found;
  }

  isOnlyInBlocks(name: string, reader: NodeDefinition): boolean {
    return this.images.blocksOf(name) !== undefined && !this.passOf(reader).plain.has(name);
  }

  private passOf(node: NodeDefinition) {
    return isGradient(node) ? this.backward : this.forward;
  }

  private fromBlocks(blocks: string, name: string, reader: NodeDefinition): string {
    const shape = this.shapeOf(name);
    const channels = shape[1] ?? 1;
    if (shape.length === 4) return this.add("ReorderOutput", [blocks], name, reader, { channels });
    const lines = this.add("ReorderOutput", [blocks], `${name}:lines`, reader, { channels });
    return this.add("Reshape", [lines, this.context.constants.integers(shape)], name, reader);
  }

  private toBlocks(name: string, reader: NodeDefinition): string {
    const shape = this.shapeOf(name);
    const { constants } = this.context;
    const lines =
      shape.length === 4
        ? name
        : this.add("Reshape", [name, constants.integers(linesOf(shape))], `${name}:lines`, reader);
    return this.add("ReorderInput", [lines], `${name}:input`, reader);
  }

  private shapeOf(name: string): readonly number[] {
    return this.context.typeOf(name)?.shape ?? [];
  }

  private add(
    operator: string,
    inputs: readonly string[],
    name: string,
    { origin }: NodeDefinition,
    attributes: NodeDefinition["attributes"] = {},
  ): string {
    const output = this.written.has(name) ? `${name}:again` : name;
    this.written.add(output);
    const domain = operator === "Reshape" ? "" : IN_BLOCKS;
    this.nodes.push({ operator, domain, inputs, outputs: [output], attributes, origin });
    return output;
  }
}
