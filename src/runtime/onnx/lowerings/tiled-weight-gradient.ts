/**
 * The gradient of a 2D convolution by its weight in blocks (blocked-weight-gradient.ts), with half of the products (winograd.ts, along y). The
 * lines of a tile become the six factors of its products. Each product has a convolution of its own, whose kernel is the fixed image's
 * factors; it slides along x only, so that tiles can be summed in any order and groups.
 */
import { at, exactly, product } from "../../../facts/checked-lists.ts";
import { batchOf, channelsOf, spaceOf } from "../../image-shape.ts";
import type { GraphBuilder, Value } from "../graph.ts";
import type { Traced } from "../layout.ts";
import { type Matrix, matrixOf } from "../matrix.ts";
import { IN_BLOCKS } from "../model-proto.ts";
import {
  hasTiles,
  INPUT_MATRIX,
  KERNEL_MATRIX,
  KERNEL_SIZE,
  PRODUCTS,
  RESULT_GRADIENT_MATRIX,
  RESULTS,
} from "../winograd.ts";
import { moved } from "./kernel-order.ts";
import type { Slide } from "./slide.ts";

/** A convolution reads the kernel of four blocks of channels many times, so it should stay in a core's cache. */
const KERNEL_BYTES = 2 ** 19;
const BLOCKS_TOGETHER = 4;
/** The share of the products that tiles must save, so that their factors cost less. The last tiles may lie outside the image. */
const LEAST_SAVED = 0.25;

/** Bytes of the factors of samples that are computed together, unless one sample has more. All of a large batch would raise the peak. */
const FACTOR_BYTES = 32 * 2 ** 20;

/** How the tiles of some samples are summed. */
export interface TileSums {
  /** The first sample and the one after the last. */
  readonly samples: readonly [number, number];
  /** Tiles of a sample along y. */
  readonly tiles: number;
  /** Parts of a sample, whose tiles are a kernel that stays in the cache. */
  readonly parts: number;
  /** Whether one convolution sums all samples, and not each its own. */
  readonly together: boolean;
}

/** Returns how tiles are summed, or undefined where they would not save enough. */
export function tileSums(slide: Slide): TileSums[] | undefined {
  const { sliding, fixed, places, stride } = slide;
  const [lines = 0, columns = 0] = spaceOf(fixed);
  if (!hasTiles(places, { stride, dilation: [1, 1] }, lines)) return undefined;
  const values = Math.ceil(lines / RESULTS) * PRODUCTS * columns * (channelsOf(sliding) + channelsOf(fixed));
  const count = Math.max(1, Math.floor(FACTOR_BYTES / (4 * values)));
  const sums: TileSums[] = [];
  for (let first = 0; first < batchOf(fixed); first += count) {
    const each = sumsOf(slide, [first, Math.min(first + count, batchOf(fixed))]);
    if (each === undefined) return undefined;
    sums.push(each);
  }
  return sums;
}

function sumsOf(
  { sliding, fixed, places, block }: Slide,
  samples: readonly [number, number],
): TileSums | undefined {
  const [count, [lines = 0, columns = 0]] = [samples[1] - samples[0], spaceOf(fixed)];
  const all = Math.ceil(lines / RESULTS);
  const bytes = 4 * all * columns * Math.min(channelsOf(fixed), BLOCKS_TOGETHER * block);
  // onnxruntime takes whole blocks of channels, or fewer than one.
  const fitting = Array.from({ length: block - 1 }, (_, index) => index + 1).filter((parts) => {
    const channels = count * PRODUCTS * parts;
    return channels < block || channels % block === 0;
  });
  const parts = fitting.find((each) => bytes <= each * KERNEL_BYTES) ?? fitting.at(-1);
  if (parts === undefined) return undefined;
  const tiles = Math.ceil(all / parts) * parts;
  if (tiles * PRODUCTS > (1 - LEAST_SAVED) * lines * KERNEL_SIZE) return undefined;
  // Samples' own sums are added afterwards, unless there are more sums than pixels.
  const together = count * parts < block && channelsOf(sliding) * product(places) > lines * columns;
  return { samples, tiles, parts, together };
}

/**
 * Adds the sums over pixels and batch of the fixed image times the sliding one at each place, as channels of the fixed image in blocks:
 * `[sliding block, fixed channel, places along y, places along x · sliding channel]`.
 *
 * @param images both in blocks
 */
export function tileProducts(
  graph: GraphBuilder,
  slide: Slide,
  all: readonly TileSums[],
  images: { readonly sliding: Value; readonly fixed: Value },
): Value {
  const { sliding, fixed, places, block } = slide;
  const gradients = all.map((sums) => samplesGradient(graph, slide, sums, images));
  const gradient = gradients.length === 1 ? at(gradients, 0) : graph.add("Sum", gradients);
  const [blocks, fixedBlocks] = [channelsOf(sliding) / block, channelsOf(fixed) / block];
  const [placesY, placesX] = exactly(places, 2);
  const shape = [blocks, placesY, fixedBlocks, placesX * block * block];
  return graph.reshape(reordered(graph, gradient, shape, [0, 2, 1, 3]), [
    blocks,
    channelsOf(fixed),
    placesY,
    placesX * block,
  ]);
}

/** Adds the sums over some samples: `[sliding block, places along y, fixed block · places along x · sliding channel · fixed channel]`. */
function samplesGradient(
  graph: GraphBuilder,
  { sliding, fixed, before, after, places, block }: Slide,
  { samples, tiles, parts, together }: TileSums,
  images: { readonly sliding: Value; readonly fixed: Value },
): Value {
  const [count, [lines, columns]] = [samples[1] - samples[0], exactly(spaceOf(fixed), 2)];
  const [blocks, fixedChannels] = [channelsOf(sliding) / block, channelsOf(fixed)];
  const [[top, left], [bottom, right]] = [exactly(before, 2), exactly(after, 2)];
  const outside = tiles * RESULTS - lines;
  const [groups, stack] = together ? [PRODUCTS, count * parts] : [count * PRODUCTS, parts];
  const input = tileFactors(graph, images.sliding, sliding, {
    samples,
    block,
    matrix: INPUT_MATRIX,
    pads: [top, left * block, bottom + outside, right * block],
    perm: together ? [1, 2, 0, 3] : [1, 0, 2, 3],
  });
  const kernel = tileFactors(graph, images.fixed, fixed, {
    samples,
    block,
    matrix: RESULT_GRADIENT_MATRIX,
    pads: [0, 0, outside, 0],
    perm: together ? [2, 1, 0, 3] : [0, 2, 1, 3],
  });
  const sizes = [tiles / parts, columns];
  const [, placesX] = exactly(places, 2);
  const operands = [
    graph.reshape(input, [blocks, groups * stack, tiles / parts, (columns + placesX - 1) * block]),
    graph.reshape(kernel, [groups * fixedChannels, stack, ...sizes]),
  ];
  const attributes = { kernel_shape: sizes, dilations: [1, block], group: groups };
  const products = graph.add("Conv", operands, { domain: IN_BLOCKS, attributes });
  // The sum over samples is part of the product.
  const matrix = matrixOf(KERNEL_SIZE, groups, (value, group) =>
    at(KERNEL_MATRIX.values, (group % PRODUCTS) * KERNEL_SIZE + value),
  );
  const rows = graph.reshape(products, [blocks, groups, fixedChannels * placesX * block]);
  return graph.matrixProduct(
    { value: graph.floats(matrix), rank: 2, swapped: false },
    { value: rows, rank: 3, swapped: false },
  );
}

/** How lines of an image become factors of products. */
interface TileForm {
  /** `[product, line of a tile]` */
  readonly matrix: Matrix;
  /** Zeros above, at the left, below and at the right, counted in single values of a line. */
  readonly pads: readonly number[];
  /** The first sample and the one after the last. */
  readonly samples: readonly [number, number];
  /** Channels in a block. */
  readonly block: number;
  /** New order of `[batch, block, product, tile · x · channel]`. */
  readonly perm: readonly number[];
}

/** Adds the factors of products of an image in blocks, by a convolution of lines that moves from tile to tile. */
function tileFactors(graph: GraphBuilder, image: Value, tensor: Traced, form: TileForm): Value {
  const { samples, matrix, pads, perm, block } = form;
  const [batch, blocks] = [samples[1] - samples[0], channelsOf(tensor) / block];
  const [lines, columns] = exactly(spaceOf(tensor), 2);
  const [products, inputs] = matrix.shape;
  const [top, left, bottom, right] = exactly(pads, 4);
  const tiles = Math.floor((top + lines + bottom - inputs) / RESULTS) + 1;
  const kernel = graph.floats({ shape: [products, 1, inputs, 1], values: matrix.values });
  const bounds = [...samples, 0].map((each) => graph.integers([each]));
  const part = batch === batchOf(tensor) ? image : graph.add("Slice", [image, ...bounds]);
  const given = graph.reshape(part, [batch * blocks, 1, lines, columns * block]);
  const factors = graph.add("Conv", [given, kernel], {
    attributes: { kernel_shape: [inputs, 1], strides: [RESULTS, 1], pads },
  });
  return reordered(graph, factors, [batch, blocks, products, tiles * (left + columns * block + right)], perm);
}

/** Returns a value with its axes moved, if that moves any values. */
function reordered(
  graph: GraphBuilder,
  value: Value,
  shape: readonly number[],
  perm: readonly number[],
): Value {
  const axes = perm.filter((axis) => at(shape, axis) > 1);
  const isInOrder = axes.every((axis, place) => place === 0 || axis > at(axes, place - 1));
  return isInOrder ? value : moved(graph, value, [{ shape, perm }]);
}
