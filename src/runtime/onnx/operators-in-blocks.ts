/**
 * Operators between convolutions, on images and volumes `[batch, channel, …space]` whose channels are stored in blocks (blocked-convolutions.ts):
 * `[batch, channel block, …space, channel]`, whatever the axes of space. onnxruntime's operators on blocks need two of them.
 */
import { atLeast, product } from "../../facts/checked-lists.ts";
import { fromStart } from "./layout.ts";
import { IN_BLOCKS, type NodeDefinition } from "./model-proto.ts";
import { type Constants, Replacement } from "./replacement.ts";
import type { ValueType } from "./value-shapes.ts";

/** How an operator works on blocks. */
export interface BlockedForm {
  /** The inputs that it reads in blocks. */
  readonly images: readonly string[];
  /** Whether its result is an image in blocks, too. */
  readonly returnsImage: boolean;
  /** Returns its nodes. */
  write(inBlocks: (image: string) => string, output: string): NodeDefinition[];
}

/** What a form is made of: the graph's types and constants. */
export interface Context {
  /** Channels in a block. */
  readonly block: number;
  typeOf(name: string): ValueType | undefined;
  readonly constants: Constants;
}

/** Operators on each value alone, or on values at the same place. */
const ELEMENTWISE = new Set([
  ...[
    "Abs",
    "Add",
    "Clip",
    "Div",
    "Elu",
    "Erf",
    "Exp",
    "Gelu",
    "HardSigmoid",
    "LeakyRelu",
    "Max",
    "Min",
    "Mul",
    "Neg",
  ],
  ...["QuickGelu", "Reciprocal", "Relu", "Sigmoid", "Softplus", "Sqrt", "Sub", "Sum", "Tanh"],
]);

/** Whether a value is an image or a volume that can be stored in blocks. */
export const isImage = (type: ValueType | undefined, block: number): type is ValueType =>
  type?.type === "float32" &&
  type.shape.length > 2 &&
  (type.shape[1] ?? 1) % block === 0 &&
  pixelsOf(type) > 1;

/** Returns the shape in blocks of an image or a volume: `[batch, channel, line, x]`. */
export function linesOf([batch = 1, channels = 1, ...space]: readonly number[]): number[] {
  return [batch, channels, product(space.slice(0, -1)), space.at(-1) ?? 1];
}

const pixelsOf = ({ shape }: ValueType) => product(shape.slice(2));
const isNumber = (type: ValueType | undefined) =>
  type !== undefined && product(type.shape) === 1 && type.shape.length <= 4;

/** Returns the form of a node, or undefined if it has none. */
export function blockedForm(node: NodeDefinition, context: Context): BlockedForm | undefined {
  const { operator, domain } = node;
  if (domain === IN_BLOCKS) return undefined;
  if (operator === "ReduceMean" || operator === "ReduceSum") return channelSums(node, context);
  if (operator === "Concat") return joinedChannels(node, context);
  if (operator === "Reshape") return otherSpace(node, context);
  if (!ELEMENTWISE.has(operator)) return undefined;
  return elementwise(node, context) ?? perChannel(node, context);
}

function elementwise(node: NodeDefinition, { typeOf, block }: Context): BlockedForm | undefined {
  const type = typeOf(node.outputs[0] ?? "");
  if (!isImage(type, block)) return undefined;
  const images = node.inputs.filter((name) => !isNumber(typeOf(name)));
  if (images.some((name) => `${typeOf(name)?.shape}` !== `${type.shape}`)) return undefined;
  return sameOperator(node, images);
}

/** Joins images along their channels. */
function joinedChannels(node: NodeDefinition, { typeOf, block }: Context): BlockedForm | undefined {
  const areImages = node.inputs.every((name) => isImage(typeOf(name), block));
  return areImages && node.attributes.axis === 1 ? sameOperator(node, node.inputs) : undefined;
}

/** An image with other axes of space. */
function otherSpace(node: NodeDefinition, { typeOf, block, constants }: Context): BlockedForm | undefined {
  const [image = ""] = node.inputs;
  const [before, after] = [typeOf(image), typeOf(node.outputs[0] ?? "")];
  if (!isImage(before, block) || !isImage(after, block)) return undefined;
  if (before.shape[0] !== after.shape[0] || before.shape[1] !== after.shape[1]) return undefined;
  return {
    images: [image],
    returnsImage: true,
    write: (inBlocks, output) => {
      const made = new Replacement(node, constants);
      made.reshape(inBlocks(image), linesOf(after.shape));
      return made.finished(output);
    },
  };
}

function sameOperator(node: NodeDefinition, images: readonly string[]): BlockedForm {
  const isRead = new Set(images);
  return {
    images,
    returnsImage: true,
    write: (inBlocks, output) => [
      {
        ...node,
        inputs: node.inputs.map((name) => (isRead.has(name) ? inBlocks(name) : name)),
        outputs: [output],
      },
    ],
  };
}

/** An image times or plus one value for each channel, of every sample or of all: a depthwise convolution of one pixel. */
function perChannel(node: NodeDefinition, { typeOf, block, constants }: Context): BlockedForm | undefined {
  const { operator, inputs } = node;
  const type = typeOf(node.outputs[0] ?? "");
  if ((operator !== "Mul" && operator !== "Add") || !isImage(type, block)) return undefined;
  const [batch, channels, ...space] = atLeast(linesOf(type.shape), 2);
  const isWhole = (name: string) => `${typeOf(name)?.shape}` === `${type.shape}`;
  const [image = "", values = ""] = isWhole(inputs[0] ?? "") ? inputs : inputs.toReversed();
  const sizes = typeOf(values)?.shape ?? [];
  const missing = Math.max(type.shape.length - sizes.length, 0);
  const [samples = 1, own, ...rest] = [...new Array<number>(missing).fill(1), ...sizes];
  if (!isWhole(image) || own !== channels || product(rest) > 1) return undefined;
  const groups = samples * channels;
  return {
    images: [image],
    returnsImage: true,
    write: (inBlocks, output) => {
      const made = new Replacement(node, constants);
      const kernels = constants.integers([groups, 1, 1, 1]);
      const operands =
        operator === "Mul"
          ? [made.add("Reshape", [values, kernels])]
          : [made.add("Expand", [constants.scalar(1), kernels]), made.reshape(values, [groups])];
      const given = made.reshape(inBlocks(image), [batch / samples, groups, ...space]);
      const attributes = { group: groups, kernel_shape: [1, 1] };
      made.reshape(made.add("Conv", [given, ...operands], attributes, IN_BLOCKS), linesOf(type.shape));
      return made.finished(output);
    },
  };
}

/** Sums or means of each channel: over all its pixels, and over the batch or not. */
function channelSums(node: NodeDefinition, { typeOf, block, constants }: Context): BlockedForm | undefined {
  const { operator, inputs, outputs } = node;
  const [image = "", list = ""] = inputs;
  const [type, result] = [typeOf(image), typeOf(outputs[0] ?? "")];
  if (!isImage(type, block) || result === undefined) return undefined;
  const axes = (constants.listOf(list) ?? []).map((axis) => fromStart(axis, type.shape.length));
  const isOverSpace = type.shape.every((_, axis) => axis < 2 || axes.includes(axis));
  if (axes.includes(1) || !isOverSpace) return undefined;
  return {
    images: [image],
    returnsImage: false,
    write: (inBlocks, output) => {
      const made = new Replacement(node, constants);
      const means = made.add("GlobalAveragePool", [inBlocks(image)], {}, IN_BLOCKS);
      const each =
        operator === "ReduceSum" ? made.add("Mul", [means, constants.scalar(pixelsOf(type))]) : means;
      const all = axes.includes(0) ? made.add(operator, [each, constants.integers([0])]) : each;
      made.reshape(all, result.shape);
      return made.finished(output);
    },
  };
}
