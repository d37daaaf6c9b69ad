/**
 * The gradient of a convolution of volumes by its weight, with half of the products (winograd.ts, along z): the same tiles as in the
 * convolution itself, so that each product of a tile is a gradient in 2D.
 */
import { at, atLeast, exactly, product } from "../../../facts/checked-lists.ts";
import type { ConvolutionAttributes } from "../../convolution.ts";
import { batchOf, channelsOf, spaceOf } from "../../image-shape.ts";
import type { GraphBuilder, Value } from "../graph.ts";
import type { Traced } from "../layout.ts";
import type { Matrix } from "../matrix.ts";
import {
  hasTiles,
  inputMatrix,
  KERNEL_MATRIX,
  KERNEL_SIZE,
  PRODUCTS,
  RESULTS,
  resultGradientMatrix,
  tilesAlong,
} from "../winograd.ts";
import { image } from "./image-layout.ts";
import { shiftedCopies, shiftsOf } from "./shifted-copies.ts";

/** Products of small planes write more than they read. */
const FEWEST_PIXELS = 64;

/** Whether the gradient is computed by tiles. */
export function fitsTiles(dy: Traced, attributes: ConvolutionAttributes): boolean {
  const [planes, ...plane] = atLeast(spaceOf(dy), 1);
  const isTiled = plane.length === 2 && hasTiles(attributes.size, attributes, planes);
  return isTiled && product(plane) >= FEWEST_PIXELS;
}

/** Bytes of shifted copies. More would leave the cache. */
const SLAB_BYTES = 8 * 2 ** 20;
/** Each slab adds two dozen nodes, and the time that a graph takes to load grows with the square of its nodes. */
const MOST_SLABS = 4;
/** Parts of a batch may take as much as this, or this share of an image: many small products take long to load. */
const BATCH_BYTES = 32 * 2 ** 20;
const BATCH_SHARE = 0.5;

/** How both images are flattened: lines of the same length, with zeros between them, so that a value of a plane's kernel is a shift. */
interface Grid {
  readonly lineLength: number;
  /** Pixels of a plane with all its shifts. */
  readonly length: number;
  /** Zeros before a plane of `x`, for each column of the kernel. */
  readonly columnShifts: readonly number[];
  /** Zeros before a plane of `dy`, for each row of the kernel. */
  readonly rowShifts: readonly number[];
}

function gridOf(x: Traced, dy: Traced, { padding, dilation, size }: ConvolutionAttributes): Grid {
  const [, linesX, columnsX] = exactly(spaceOf(x), 3);
  const [, linesDy, columnsDy] = exactly(spaceOf(dy), 3);
  const [, rowPadding, columnPadding] = exactly(padding, 3);
  const lineLength = Math.max(columnsX + columnPadding, columnsDy);
  const shiftsAlong = (axis: number, step: number) =>
    Array.from({ length: at(size, axis) }, (_, index) => index * at(dilation, axis) * step);
  const origin = rowPadding * lineLength + columnPadding;
  const { columnShifts, rowShifts } = shiftsOf(shiftsAlong(2, 1), shiftsAlong(1, lineLength), origin);
  const length = Math.max(
    linesX * lineLength + Math.max(...columnShifts),
    linesDy * lineLength + Math.max(...rowShifts),
  );
  return { lineLength, length, columnShifts, rowShifts };
}

/** @returns the gradient `[plane · out · row, in · column]` */
export function byTiles(
  graph: GraphBuilder,
  x: Traced,
  dy: Traced,
  attributes: ConvolutionAttributes,
): Value {
  const grid = gridOf(x, dy, attributes);
  const [rows, columns] = [channelsOf(dy) * grid.rowShifts.length, channelsOf(x) * grid.columnShifts.length];
  const bytes = 4 * PRODUCTS * grid.length * (rows + columns);
  const room = Math.max(BATCH_BYTES, 4 * BATCH_SHARE * Math.min(product(x.shape), product(dy.shape)));
  const samples = Math.max(1, Math.floor(room / bytes));
  const fitting = Math.floor(SLAB_BYTES / (bytes * Math.min(samples, batchOf(x))));
  const [depth, planes] = [at(spaceOf(x), 0), at(spaceOf(dy), 0)];
  const together = Math.max(Math.ceil(planes / RESULTS / MOST_SLABS), fitting);
  const all = tilesAlong(depth, planes, at(attributes.padding, 0), together);
  const sums: Value[] = [];
  for (let first = 0; first < batchOf(x); first += samples) {
    const batch: Range = [first, Math.min(first + samples, batchOf(x))];
    for (const tiles of all) {
      const left = { planes: tiles.results, batch, matrix: resultGradientMatrix(tiles) };
      const right = { planes: tiles.inputs, batch, matrix: inputMatrix(tiles, "by product") };
      const products = graph.matrixProduct(
        { value: shifted(graph, dy, left, grid.rowShifts, grid), rank: 3, swapped: false },
        { value: shifted(graph, x, right, grid.columnShifts, grid), rank: 3, swapped: true },
      );
      sums.push(summed(graph, products, tiles.count * (batch[1] - batch[0]), rows * columns));
    }
  }
  const sum = sums.length === 1 ? at(sums, 0) : graph.add("Sum", sums);
  const kernel = graph.matrixProduct(
    { value: graph.floats(KERNEL_MATRIX), rank: 2, swapped: true },
    { value: sum, rank: 2, swapped: false },
  );
  return graph.reshape(kernel, [KERNEL_SIZE * rows, columns]);
}

/** Sums `[product · stack, value]` over the stack: `[product, value]`. */
function summed(graph: GraphBuilder, products: Value, stack: number, values: number): Value {
  if (stack === 1) return graph.reshape(products, [PRODUCTS, values]);
  const stacked = graph.reshape(products, [PRODUCTS, stack, values]);
  return graph.add("ReduceSum", [stacked, graph.integers([1])], { attributes: { keepdims: 0 } });
}

/** The first one and the one after the last. */
type Range = readonly [number, number];

/** Planes of some samples, and the matrix that makes them the factors of products. */
interface Slab {
  readonly planes: Range;
  readonly batch: Range;
  readonly matrix: Matrix;
}

/**
 * Returns the factors of a slab's products, shifted in each way, with zeros before and after:
 * `[product · tile · sample, channel · shift, pixel]`.
 */
function shifted(
  graph: GraphBuilder,
  tensor: Traced,
  slab: Slab,
  shifts: readonly number[],
  { lineLength, length }: Grid,
): Value {
  const [, lines] = exactly(spaceOf(tensor), 3);
  const [channels, pixels] = [channelsOf(tensor), lines * lineLength];
  const planes = planesFirst(graph, tensor, slab, lineLength);
  const factors = graph.add("MatMul", [graph.floats(slab.matrix), planes]);
  const stack = at(slab.matrix.shape, 0) * (slab.batch[1] - slab.batch[0]);
  const value = graph.reshape(factors, [stack, channels, pixels]);
  return shiftedCopies(graph, { value, stack, channels, pixels, before: 0 }, shifts, length);
}

/** Returns the planes of a slab with zeros after each line: `[plane, sample · channel · pixel]`. */
function planesFirst(
  graph: GraphBuilder,
  tensor: Traced,
  { planes, batch }: Slab,
  lineLength: number,
): Value {
  const [depth, lines, columns] = exactly(spaceOf(tensor), 3);
  const [channels, samples, count] = [channelsOf(tensor), batch[1] - batch[0], planes[1] - planes[0]];
  const cuts = [
    { range: batch, size: batchOf(tensor), axis: 0 },
    { range: planes, size: depth, axis: 2 },
  ].filter(({ range: [from, to], size }) => from > 0 || to < size);
  const bounds = [
    cuts.map(({ range }) => range[0]),
    cuts.map(({ range }) => range[1]),
    cuts.map(({ axis }) => axis),
  ].map((each) => graph.integers(each));
  const given = image(graph, tensor);
  const cut = cuts.length === 0 ? given : graph.add("Slice", [given, ...bounds]);
  const gap = lineLength - columns;
  const wide = gap === 0 ? cut : graph.concat([cut, graph.zeros([samples, channels, count, lines, gap])], 4);
  const lined = graph.reshape(wide, [samples, channels, count, lines * lineLength]);
  const moved = graph.add("Transpose", [lined], { attributes: { perm: [2, 0, 1, 3] } });
  return graph.reshape(moved, [count, samples * channels * lines * lineLength]);
}
