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
  /** Returns its nodes, which write the outputs. */
  write(inBlocks: (image: string) => string, outputs: readonly string[]): NodeDefinition[];
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
  if (operator === "Split") return dividedChannels(node, context);
  if (operator === "Reshape") return otherAxes(node, context);
  if (operator === "FusedMatMul") return productSums(node, context);
  if (operator === "Conv" || operator === "FusedConv") return scaledAndShifted(node, context);
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

/** Divides an image along its channels. */
function dividedChannels(node: NodeDefinition, { typeOf, block }: Context): BlockedForm | undefined {
  const [image = ""] = node.inputs;
  const areImages = [image, ...node.outputs].every((name) => isImage(typeOf(name), block));
  return areImages && node.attributes.axis === 1 ? sameOperator(node, [image]) : undefined;
}

/** An image with other axes of space, or with batch and channels as one axis: the same in blocks. */
function otherAxes(node: NodeDefinition, { typeOf, block, constants }: Context): BlockedForm | undefined {
  const [image = ""] = node.inputs;
  const [before, after] = [typeOf(image), typeOf(node.outputs[0] ?? "")];
  if (!isImage(before, block) || !isImage(after, block) || pixelsOf(before) !== pixelsOf(after))
    return undefined;
  return {
    images: [image],
    returnsImage: true,
    write: (inBlocks, outputs) => {
      const made = new Replacement(node, constants);
      made.reshape(inBlocks(image), linesOf(after.shape));
      return made.finished(...outputs);
    },
  };
}

function sameOperator(node: NodeDefinition, images: readonly string[]): BlockedForm {
  const isRead = new Set(images);
  return {
    images,
    returnsImage: true,
    write: (inBlocks, outputs) => [
      {
        ...node,
        inputs: node.inputs.map((name) => (isRead.has(name) ? inBlocks(name) : name)),
        outputs,
      },
    ],
  };
}

/** An image times, plus or minus one value for each channel, of every sample or of all: a depthwise convolution of one pixel. */
function perChannel(node: NodeDefinition, { typeOf, block, constants }: Context): BlockedForm | undefined {
  const { operator, inputs } = node;
  const type = typeOf(node.outputs[0] ?? "");
  if (!["Add", "Mul", "Sub"].includes(operator) || !isImage(type, block)) return undefined;
  const [batch, channels] = atLeast(type.shape, 2);
  const isWhole = (name: string) => `${typeOf(name)?.shape}` === `${type.shape}`;
  const [image = "", values = ""] =
    operator === "Sub" || isWhole(inputs[0] ?? "") ? inputs : inputs.toReversed();
  const sizes = typeOf(values)?.shape ?? [];
  const missing = Math.max(type.shape.length - sizes.length, 0);
  const [samples = 1, own, ...rest] = [...new Array<number>(missing).fill(1), ...sizes];
  if (!isWhole(image) || own !== channels || product(rest) > 1) return undefined;
  const groups = samples * channels;
  return {
    images: [image],
    returnsImage: true,
    write: (inBlocks, outputs) => {
      const made = new Replacement(node, constants);
      const kernels = constants.integers([groups, 1, 1, 1]);
      const ones = () => made.add("Expand", [constants.scalar(1), kernels]);
      const shifts = () => (operator === "Sub" ? made.add("Neg", [values]) : values);
      const operands =
        operator === "Mul"
          ? [made.add("Reshape", [values, kernels])]
          : [ones(), made.reshape(shifts(), [groups])];
      const given = made.reshape(inBlocks(image), [batch / samples, groups, ...evenly(pixelsOf(type))]);
      const attributes = { group: groups, kernel_shape: [1, 1] };
      made.reshape(made.add("Conv", [given, ...operands], attributes, IN_BLOCKS), linesOf(type.shape));
      return made.finished(...outputs);
    },
  };
}

/** A factor and a shift for each channel, with or without an image that is added: a depthwise convolution of one pixel. */
function scaledAndShifted(
  node: NodeDefinition,
  { typeOf, block, constants }: Context,
): BlockedForm | undefined {
  const [image = "", factors = "", shifts = "", ...added] = node.inputs;
  const type = typeOf(image);
  if (!isImage(type, block)) return undefined;
  const [batch, channels] = atLeast(type.shape, 2);
  const { group, kernel_shape: kernel } = node.attributes;
  const isOfOnePixel = Array.isArray(kernel) && product(kernel) === 1;
  if (group !== channels || !isOfOnePixel || shifts === "") return undefined;
  return {
    images: [image, ...added],
    returnsImage: true,
    write: (inBlocks, outputs) => {
      const made = new Replacement(node, constants);
      const shape = [batch, channels, ...evenly(pixelsOf(type))];
      const [given, ...more] = [image, ...added].map((name) => made.reshape(inBlocks(name), shape));
      const operands = [given ?? "", made.reshape(factors, [channels, 1, 1, 1]), shifts, ...more];
      const attributes = { group: channels, kernel_shape: [1, 1] };
      made.reshape(made.add("Conv", operands, attributes, IN_BLOCKS), linesOf(type.shape));
      return made.finished(...outputs);
    },
  };
}

/** Returns a number as a product of two that are as near to each other as possible. */
function evenly(pixels: number): [number, number] {
  let lines = Math.floor(Math.sqrt(pixels));
  while (pixels % lines > 0) lines--;
  return [pixels / lines, lines];
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
  const [batch, channels] = atLeast(type.shape, 2);
  const [lines, width] = evenly(pixelsOf(type));
  return {
    images: [image],
    returnsImage: false,
    write: (inBlocks, written) => {
      const made = new Replacement(node, constants);
      const blocks = batch * (channels / block);
      // Lines first: a sum of all pixels one after another would round too much, and run on one thread.
      const given = made.reshape(inBlocks(image), [blocks * lines, block, 1, width]);
      const means = made.add("GlobalAveragePool", [given], {}, IN_BLOCKS);
      const table = made.reshape(means, [batch, channels / block, lines, block]);
      const all = made.add(operator, [table, constants.integers(axes.includes(0) ? [0, 2] : [2])]);
      const sums = operator === "ReduceSum" ? made.add("Mul", [all, constants.scalar(width)]) : all;
      made.reshape(sums, result.shape);
      return made.finished(...written);
    },
  };
}

/**
 * The sum of the products of two images for each channel, as the product of `[1, channel, 1, pixel]` with `[1, channel, pixel, 1]`: a depthwise
 * convolution whose kernel is an image.
 */
function productSums(node: NodeDefinition, { typeOf, block, constants }: Context): BlockedForm | undefined {
  const { inputs, attributes } = node;
  const [type, other] = inputs.map(typeOf);
  if (!isImage(type, block) || `${other?.shape}` !== `${type.shape}`) return undefined;
  const [batch, channels, rows] = atLeast(type.shape, 3);
  const isOfRows = type.shape.length === 4 && rows === 1;
  if (batch !== 1 || !isOfRows || attributes.transA === 1 || attributes.transB !== 1) return undefined;
  const [lines, width] = evenly(pixelsOf(type));
  return {
    images: inputs,
    returnsImage: false,
    write: (inBlocks, written) => {
      const made = new Replacement(node, constants);
      const [first = "", second = ""] = inputs.map(inBlocks);
      const group = channels * lines;
      const image = made.reshape(first, [1, group, 1, width]);
      const kernels = made.reshape(second, [group, 1, 1, width]);
      const sums = made.add("Conv", [image, kernels], { group, kernel_shape: [1, width] }, IN_BLOCKS);
      const table = made.reshape(sums, [channels / block, lines, block]);
      made.reshape(made.add("ReduceSum", [table, constants.integers([1])]), [1, channels, 1, 1]);
      return made.finished(...written);
    },
  };
}
