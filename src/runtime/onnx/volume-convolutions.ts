/**
 * Convolutions of volumes as convolutions of their planes, with half of the products (winograd.ts, along z). onnxruntime has no direct
 * convolutions in 3D: it copies the pixels under each value of the kernel and multiplies. Its direct ones in 2D (blocked-convolutions.ts)
 * take all tiles of a slab as a batch, and the six products as groups.
 */
import { at, atLeast, exactly, product } from "../../facts/checked-lists.ts";
import { kernelsInBlocks } from "./kernels-in-blocks.ts";
import { type Attribute, IN_BLOCKS, type NodeDefinition, type VolumeShapes } from "./model-proto.ts";
import { type Constants, Replacement } from "./replacement.ts";
import {
  inputMatrix,
  KERNEL_MATRIX,
  ONES,
  PRODUCTS,
  RESULTS,
  resultMatrix,
  type Tiles,
  tilesAlong,
} from "./winograd.ts";

/** Bringing weights into order costs as much as this many pixels for each channel save. Measured. */
const PIXELS_PER_CHANNEL = 2;

/** Whether a convolution that has tiles along z is faster with them. */
export function paysOff({ image, result }: VolumeShapes): boolean {
  const [[, inputs], [batch, channels, ...space]] = [atLeast(image, 2), atLeast(result, 2)];
  return batch * product(space) >= PIXELS_PER_CHANNEL * channels && inputs > 1 && channels > 1;
}

/** Bytes of the products' factors in a slab. They are read again at once, so they should stay in the cache. */
const SLAB_BYTES = 4 * 2 ** 20;
/** Each slab adds a dozen nodes, and the time that a graph takes to load grows with the square of its nodes. */
const MOST_SLABS = 4;

/**
 * Returns the nodes that compute a convolution of volumes plane by plane.
 *
 * @param block channels in a block of onnxruntime's direct convolutions; 0 where it has none
 */
export function planeConvolutions(
  node: NodeDefinition,
  shapes: VolumeShapes,
  block: number,
  constants: Constants,
): NodeDefinition[] {
  const { image, result, weight } = shapes;
  const [batch, inputs, depth, rows, columns] = exactly(image, 5);
  const [, outputs, planes] = atLeast(result, 3);
  const [x, kernels, ...bias] = atLeast(node.inputs, 2, "A convolution's inputs");
  const [y] = exactly(node.outputs, 1, "A convolution's outputs");
  const isBlocked = block > 0 && inputs % block === 0 && outputs % block === 0;
  const together = isBlocked ? block : 1;
  const nodes = new Replacement(node, constants);
  const operands = [
    kernelFactors(nodes, kernels, weight, together),
    ...bias.map((each) => biasOfProducts(nodes, each, outputs)),
  ];
  const lines = nodes.reshape(x, [batch, inputs, depth * rows, columns]);
  const stored = isBlocked ? nodes.add("ReorderInput", [lines], {}, IN_BLOCKS) : lines;
  const volume = nodes.reshape(stored, [batch, inputs / together, depth, rows * columns * together]);
  const pad = at(list(node.attributes.pads), 0);
  const slabs = tilesAlong(depth, planes, pad, tilesTogether(shapes)).map((tiles) =>
    slab(nodes, volume, operands, tiles, {
      ...shapes,
      together,
      attributes: planarAttributes(node.attributes),
    }),
  );
  const joined = slabs.length === 1 ? at(slabs, 0) : nodes.add("Concat", slabs, { axis: 2 });
  const results = isBlocked ? fromBlocks(nodes, joined, result) : joined;
  nodes.reshape(results, result);
  return nodes.finished(y);
}

/** Returns the lines `[batch, channel, z · y, x]` of a volume in blocks. */
function fromBlocks(to: Replacement, blocks: string, shape: readonly number[]): string {
  const [batch, channels, depth, rows, columns] = exactly(shape, 5);
  const lines = to.reshape(blocks, [batch, channels, depth * rows, columns]);
  return to.add("ReorderOutput", [lines], { channels }, IN_BLOCKS);
}

/** The convolution of planes: its attributes, and how many channels are stored together. */
interface PlaneConvolution extends VolumeShapes {
  readonly attributes: Readonly<Record<string, Attribute>>;
  readonly together: number;
}

/**
 * Adds the results of some tiles.
 *
 * @param volume `[batch, channel block, z, y · x · channel]`
 * @returns the same of the result
 */
function slab(
  nodes: Replacement,
  volume: string,
  operands: readonly string[],
  tiles: Tiles,
  { image, result, attributes, together }: PlaneConvolution,
): string {
  const [batch, inputs, depth, rows, columns] = exactly(image, 5);
  const [, outputs, , ...plane] = atLeast(result, 3);
  const [[low, high], [from, to]] = [tiles.inputs, tiles.results];
  const bounds = [[low], [high], [2]].map((each) => nodes.constants.integers(each));
  const read = low === 0 && high === depth ? volume : nodes.add("Slice", [volume, ...bounds]);
  const groups = inputs / together;
  const size = rows * columns * together;
  const first = exchanged(nodes, read, [batch, groups, high - low, size]);
  const planes = nodes.reshape(first, [batch, high - low, groups * size]);
  const key = JSON.stringify(tiles);
  const [before, after] = [inputMatrix(tiles, "by tile"), resultMatrix(tiles)];
  const given = nodes.add("MatMul", [nodes.constants.floats(`inputs of ${key}`, before), planes]);
  const images = nodes.reshape(given, [batch * tiles.count, PRODUCTS * inputs, rows, columns]);
  const products = nodes.add("Conv", [images, ...operands], attributes, together === 1 ? "" : IN_BLOCKS);
  const factors = nodes.reshape(products, [batch, PRODUCTS * tiles.count, outputs * product(plane)]);
  const sums = nodes.add("MatMul", [nodes.constants.floats(`results of ${key}`, after), factors]);
  return exchanged(nodes, sums, [batch, to - from, outputs / together, product(plane) * together]);
}

/** Exchanges the second and the third axis. */
function exchanged(to: Replacement, value: string, shape: readonly [number, number, number, number]): string {
  const [batch, rows, columns, size] = shape;
  return rows === 1 || columns === 1
    ? to.reshape(value, [batch, columns, rows, size])
    : to.transpose(value, shape, [0, 2, 1, 3]);
}

const list = (value: Attribute | undefined): readonly number[] => (Array.isArray(value) ? value : []);

/** Returns the attributes of the convolution of planes. */
function planarAttributes(attributes: NodeDefinition["attributes"]): Record<string, Attribute> {
  const pads = list(attributes.pads);
  const axes = pads.length / 2;
  return {
    group: PRODUCTS,
    kernel_shape: list(attributes.kernel_shape).slice(1),
    strides: list(attributes.strides).slice(1),
    dilations: list(attributes.dilations).slice(1),
    pads: [...pads.slice(1, axes), ...pads.slice(axes + 1)],
  };
}

/** Returns how many tiles a slab has. */
function tilesTogether({ image, result }: VolumeShapes): number {
  const [batch, inputs, , ...plane] = atLeast(image, 3);
  const bytes = 4 * batch * inputs * PRODUCTS * product(plane);
  const tiles = Math.ceil(at(result, 2) / RESULTS);
  return Math.max(Math.ceil(tiles / MOST_SLABS), Math.floor(SLAB_BYTES / bytes));
}

/**
 * Returns the kernels of the products `[product · out, in, y, x]`. In blocks of channels they are stored as
 * `[product, out block, in block, y, x, in, out]`.
 */
function kernelFactors(to: Replacement, weight: string, shape: readonly number[], together: number): string {
  const [outputs, inputs, depth, ...plane] = atLeast(shape, 3);
  const values = product(plane);
  const planes =
    together === 1
      ? to.transpose(weight, [outputs * inputs, depth, values], [1, 0, 2])
      : kernelsInBlocks(to, weight, [outputs, inputs, depth, values], together);
  const rows = to.reshape(planes, [depth, outputs * inputs * values]);
  const factors = to.add("MatMul", [to.constants.floats("kernel of tiles", KERNEL_MATRIX), rows]);
  return to.reshape(factors, [PRODUCTS * outputs, inputs, ...plane]);
}

/** Returns what is added to each product's channels, so that the bias is added to each result. */
function biasOfProducts(to: Replacement, bias: string, channels: number): string {
  const ones = to.constants.floats("ones of tiles", {
    shape: [PRODUCTS, 1],
    values: Float32Array.from(ONES),
  });
  return to.reshape(to.add("Mul", [ones, bias]), [PRODUCTS * channels]);
}
