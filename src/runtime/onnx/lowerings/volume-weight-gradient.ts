/**
 * The gradient of a convolution of volumes by its weight, with half of the products (winograd.ts, along z): the same tiles as in the
 * convolution itself, so that each product of a tile is a gradient in 2D.
 */
import { at, exactly, product } from "../../../facts/checked-lists.ts";
import type { ConvolutionAttributes } from "../../convolution.ts";
import { batchOf, channelsOf, spaceOf } from "../../image-shape.ts";
import type { GraphBuilder, Value } from "../graph.ts";
import type { Traced } from "../layout.ts";
import {
  inputMatrix,
  KERNEL_MATRIX,
  KERNEL_SIZE,
  type Matrix,
  PRODUCTS,
  resultGradientMatrix,
  tilesAlong,
} from "../winograd.ts";
import { image } from "./image-layout.ts";

/** The last tile is seldom full. */
const FEWEST_PLANES = 4;

/** Whether tiles along z pay off: for kernels of three planes that move by one. */
export function hasTiles(dy: Traced, { stride, dilation, size }: ConvolutionAttributes): boolean {
  const isVolume = size.length === 3 && stride.every((step) => step === 1);
  return isVolume && size[0] === KERNEL_SIZE && dilation[0] === 1 && at(spaceOf(dy), 0) >= FEWEST_PLANES;
}

/** Bytes of shifted copies. More would leave the cache. */
const SLAB_BYTES = 8 * 2 ** 20;
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
  // dy shifted by s and x shifted by t pair each pixel with the one s - t further on.
  const origin = rowPadding * lineLength + columnPadding;
  const columns = shiftsAlong(2, 1);
  const extra = Math.max(0, Math.max(...columns) - origin);
  const columnShifts = columns.map((shift) => origin - shift + extra);
  const rowShifts = shiftsAlong(1, lineLength).map((shift) => shift + extra);
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
  const together = Math.max(1, Math.floor(SLAB_BYTES / (bytes * Math.min(samples, batchOf(x)))));
  const [planesX, planesDy] = [planesFirst(graph, x, grid), planesFirst(graph, dy, grid)];
  const sums: Value[] = [];
  for (let first = 0; first < batchOf(x); first += samples) {
    const batch = [first, Math.min(first + samples, batchOf(x))] as const;
    for (const tiles of tilesAlong(planesX.depth, planesDy.depth, at(attributes.padding, 0), together)) {
      const left = factors(graph, planesDy, tiles.results, batch, resultGradientMatrix(tiles, "by product"));
      const right = factors(graph, planesX, tiles.inputs, batch, inputMatrix(tiles, "by product"));
      const stack = tiles.count * (batch[1] - batch[0]);
      const products = graph.matrixProduct(
        {
          value: shifted(graph, left, planesDy, grid.rowShifts, grid, PRODUCTS * stack),
          rank: 3,
          swapped: false,
        },
        {
          value: shifted(graph, right, planesX, grid.columnShifts, grid, PRODUCTS * stack),
          rank: 3,
          swapped: true,
        },
      );
      sums.push(summed(graph, graph.reshape(products, [PRODUCTS, stack, rows * columns])));
    }
  }
  const sum = sums.length === 1 ? at(sums, 0) : graph.add("Sum", sums);
  const kernel = graph.matrixProduct(
    { value: constant(graph, KERNEL_MATRIX), rank: 2, swapped: true },
    { value: sum, rank: 2, swapped: false },
  );
  return graph.reshape(kernel, [KERNEL_SIZE * rows, columns]);
}

const constant = (graph: GraphBuilder, { shape, values }: Matrix) =>
  graph.constant("float32", shape, new Uint8Array(values.buffer));

/** Sums over the middle axis of `[product, tile · sample, value]`. */
function summed(graph: GraphBuilder, products: Value): Value {
  return graph.add("ReduceSum", [products, graph.integers([1])], { attributes: { keepdims: 0 } });
}

/** Planes on the grid. */
interface Planes {
  /** `[z, batch, channel · pixel]` */
  readonly value: Value;
  readonly depth: number;
  readonly batch: number;
  readonly channels: number;
  readonly pixels: number;
}

function planesFirst(graph: GraphBuilder, x: Traced, { lineLength }: Grid): Planes {
  const [batch, channels] = [batchOf(x), channelsOf(x)];
  const [depth, lines, columns] = exactly(spaceOf(x), 3);
  const pixels = lines * lineLength;
  const zeros = graph.integers([batch, channels, depth, lines, lineLength - columns]);
  const wide =
    lineLength === columns
      ? image(graph, x)
      : graph.concat([image(graph, x), graph.add("Expand", [graph.scalar(0), zeros])], 4);
  const moved = graph.add("Transpose", [graph.reshape(wide, [batch, channels, depth, pixels])], {
    attributes: { perm: [2, 0, 1, 3] },
  });
  return { value: graph.reshape(moved, [depth, batch, channels * pixels]), depth, batch, channels, pixels };
}

/** Returns the factors of the products of some tiles and samples: `[product · tile · sample, channel, pixel]`. */
function factors(
  graph: GraphBuilder,
  { value, depth, batch, channels, pixels }: Planes,
  planes: readonly [number, number],
  samples: readonly [number, number],
  matrix: Matrix,
): Value {
  const cuts = [
    { range: planes, size: depth, axis: 0 },
    { range: samples, size: batch, axis: 1 },
  ].filter(({ range: [from, to], size }) => from > 0 || to < size);
  const bounds = [
    cuts.map(({ range }) => range[0]),
    cuts.map(({ range }) => range[1]),
    cuts.map(({ axis }) => axis),
  ];
  const cut =
    cuts.length === 0 ? value : graph.add("Slice", [value, ...bounds.map((each) => graph.integers(each))]);
  const count = samples[1] - samples[0];
  const rows = graph.reshape(cut, [planes[1] - planes[0], count * channels * pixels]);
  const product = graph.add("MatMul", [constant(graph, matrix), rows]);
  return graph.reshape(product, [at(matrix.shape, 0) * count, channels, pixels]);
}

/** Returns all shifts of each channel, with zeros before and after: `[stack, channel · shift, pixel]`. */
function shifted(
  graph: GraphBuilder,
  value: Value,
  { channels, pixels }: Planes,
  shifts: readonly number[],
  { length }: Grid,
  stack: number,
): Value {
  const gap = (size: number) =>
    size === 0 ? [] : [graph.add("Expand", [graph.scalar(0), graph.integers([stack, channels, size])])];
  const parts = shifts.flatMap((shift) => [...gap(shift), value, ...gap(length - pixels - shift)]);
  return graph.reshape(graph.concat(parts, 2), [stack, channels * shifts.length, length]);
}
