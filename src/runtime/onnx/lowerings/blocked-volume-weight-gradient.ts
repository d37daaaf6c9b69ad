/**
 * The gradient of a convolution of volumes by its weight, with half of the products (winograd.ts, along z), on channels in blocks. For each
 * product of a tile, onnxruntime's direct convolution (blocked-convolutions.ts) takes the plane of `dy` as its kernel. In blocks, the channels
 * of a pixel are neighbors, so that it slides over the channels and columns of `x` alike, and neither is copied for each value of the kernel.
 */
import { at, atLeast, exactly, product } from "../../../facts/checked-lists.ts";
import type { ConvolutionAttributes } from "../../convolution.ts";
import { batchOf, channelsOf, spaceOf } from "../../image-shape.ts";
import type { GraphBuilder, Value } from "../graph.ts";
import type { Traced } from "../layout.ts";
import type { Matrix } from "../matrix.ts";
import { IN_BLOCKS } from "../model-proto.ts";
import {
  inputMatrix,
  KERNEL_MATRIX,
  KERNEL_SIZE,
  PRODUCTS,
  resultGradientMatrix,
  tilesAlong,
} from "../winograd.ts";
import { image } from "./image-layout.ts";
import { moved } from "./kernel-order.ts";

/** One convolution takes as many planes as groups as onnxruntime does not count as a block. */
const tilesTogether = (block: number) => Math.floor((block - 1) / PRODUCTS);
/** Each slab adds a dozen nodes, which take long to load. */
const MOST_SLABS = 16;

/** Whether the gradient can be computed this way, for a convolution that has tiles (volume-weight-gradient.ts). */
export function fitsBlocks(
  x: Traced,
  dy: Traced,
  { dilation }: ConvolutionAttributes,
  block: number,
): boolean {
  const fits = block > PRODUCTS && [x, dy].every((each) => channelsOf(each) % block === 0);
  if (!fits || dilation.some((spacing) => spacing > 1)) return false;
  return (
    batchOf(x) * tilesAlong(at(spaceOf(x), 0), at(spaceOf(dy), 0), 0, tilesTogether(block)).length <=
    MOST_SLABS
  );
}

/** @returns the gradient's values in the order of `[out, in, …kernel]` */
export function byBlockedTiles(
  graph: GraphBuilder,
  x: Traced,
  dy: Traced,
  { padding, size }: ConvolutionAttributes,
  block: number,
): Value {
  const [depth, planes, pad] = [at(spaceOf(x), 0), at(spaceOf(dy), 0), at(padding, 0)];
  const blocks = channelsOf(x) / block;
  const rows = channelsOf(dy) * product(size.slice(1)) * block;
  const sums: Value[] = [];
  for (let sample = 0; sample < batchOf(x); sample++)
    for (const tiles of tilesAlong(depth, planes, pad, tilesTogether(block))) {
      const right = slidingFactors(
        graph,
        x,
        { sample, planes: tiles.inputs, matrix: inputMatrix(tiles, "by product") },
        at(padding, 2),
        block,
      );
      const left = fixedFactors(
        graph,
        dy,
        { sample, planes: tiles.results, matrix: resultGradientMatrix(tiles) },
        block,
      );
      const products = graph.add("Conv", [right, left], {
        domain: IN_BLOCKS,
        attributes: {
          group: PRODUCTS * tiles.count,
          kernel_shape: spaceOf(dy).slice(1),
          strides: [1, 1],
          dilations: [1, block],
          pads: [at(padding, 1), 0, at(padding, 1), 0],
        },
      });
      sums.push(summed(graph, products, [blocks, PRODUCTS, tiles.count, rows]));
    }
  const sum = sums.length === 1 ? at(sums, 0) : graph.add("Sum", sums);
  const gradient = graph.matrixProduct(
    { value: graph.floats(KERNEL_MATRIX), rank: 2, swapped: true },
    { value: sum, rank: 3, swapped: false },
  );
  return fromBlocks(graph, gradient, [channelsOf(dy), channelsOf(x), ...size], block);
}

/** Sums `[block, product, tile, value]` over the tiles. */
function summed(
  graph: GraphBuilder,
  products: Value,
  shape: readonly [number, number, number, number],
): Value {
  const [blocks, count, tiles, values] = shape;
  if (tiles === 1) return graph.reshape(products, [blocks, count, values]);
  return graph.add("ReduceSum", [graph.reshape(products, shape), graph.integers([2])], {
    attributes: { keepdims: 0 },
  });
}

/** Planes of a sample, and the matrix that makes them the factors of products. */
interface Slab {
  readonly sample: number;
  /** The first one and the one after the last. */
  readonly planes: readonly [number, number];
  readonly matrix: Matrix;
}

/** Returns planes in blocks, with zeros before and after each line: `[channel block, plane, y · x · channel]`. */
function planesInBlocks(
  graph: GraphBuilder,
  tensor: Traced,
  { sample, planes: [from, to] }: Slab,
  border: number,
  block: number,
): Value {
  const [depth, lines, columns] = exactly(spaceOf(tensor), 3);
  const channels = channelsOf(tensor);
  const given = graph.reshape(image(graph, tensor), [batchOf(tensor), channels, depth * lines, columns]);
  const blocks = graph.reshape(graph.add("ReorderInput", [given], { domain: IN_BLOCKS }), [
    batchOf(tensor),
    channels / block,
    depth * lines,
    columns * block,
  ]);
  const bounds = [
    [sample, from * lines],
    [sample + 1, to * lines],
    [0, 2],
  ].map((each) => graph.integers(each));
  const isWhole = batchOf(tensor) === 1 && from === 0 && to === depth;
  const cut = isWhole ? blocks : graph.add("Slice", [blocks, ...bounds]);
  const gap = border === 0 ? [] : [graph.zeros([1, channels / block, (to - from) * lines, border * block])];
  const wide = graph.concat([...gap, cut, ...gap], 3);
  return graph.reshape(wide, [channels / block, to - from, lines * (columns + 2 * border) * block]);
}

/** Returns factors of products as images in which `dy` slides: `[channel block, product · tile, y, x · channel]`. */
function slidingFactors(graph: GraphBuilder, x: Traced, slab: Slab, border: number, block: number): Value {
  const [, lines, columns] = exactly(spaceOf(x), 3);
  const planes = planesInBlocks(graph, x, slab, border, block);
  const factors = graph.add("MatMul", [graph.floats(slab.matrix), planes]);
  const groups = at(slab.matrix.shape, 0);
  return graph.reshape(factors, [channelsOf(x) / block, groups, lines, (columns + 2 * border) * block]);
}

/** Returns factors of products as kernels in blocks: `[product · tile · channel, 1, y, x]`. */
function fixedFactors(graph: GraphBuilder, dy: Traced, slab: Slab, block: number): Value {
  const [, ...plane] = atLeast(spaceOf(dy), 1);
  const planes = planesInBlocks(graph, dy, slab, 0, block);
  const blocksLast =
    channelsOf(dy) === block ? planes : graph.add("Transpose", [planes], { attributes: { perm: [1, 0, 2] } });
  const count = slab.planes[1] - slab.planes[0];
  const rows = graph.reshape(blocksLast, [count, channelsOf(dy) * product(plane)]);
  const factors = graph.add("MatMul", [graph.floats(slab.matrix), rows]);
  return graph.reshape(factors, [at(slab.matrix.shape, 0) * channelsOf(dy), 1, ...plane]);
}

/**
 * Returns a gradient `[in block, z, out block, y · x, in, out]` in the order of `[out, in, …kernel]`. Rows of a block and then columns of the
 * whole weight are moved, not single values.
 */
function fromBlocks(graph: GraphBuilder, gradient: Value, shape: readonly number[], block: number): Value {
  const [outputs, inputs, ...kernel] = atLeast(shape, 2);
  const values = product(kernel) / KERNEL_SIZE;
  return moved(graph, gradient, [
    { shape: [inputs / block, KERNEL_SIZE, outputs / block, values, block, block], perm: [0, 4, 1, 3, 2, 5] },
    { shape: [inputs * product(kernel), outputs], perm: [1, 0] },
  ]);
}
