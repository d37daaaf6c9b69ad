/**
 * Winograd's convolution along one axis (Lavin & Gray 2016, "Fast algorithms for convolutional neural networks", section 4): four
 * neighboring results of a kernel of three values from six products instead of twelve. `result = OUTPUT · (KERNEL · kernel ⊙ INPUT · input)`.
 *
 * Rounding errors depend on the points (Barabasz et al. 2020, "Error analysis and improving the accuracy of Winograd convolution for deep
 * neural networks"). Of small fractions, these have the smallest error: 2.5 times that of a direct convolution, where the usual 0, ±1, ±2
 * have 3.5 times. The sixth point is infinity.
 */
import { at } from "../../facts/checked-lists.ts";
import type { ConvolutionWindow } from "../convolution.ts";
import { type Matrix, matrixOf } from "./matrix.ts";

const POINTS = [0, 3 / 4, -3 / 4, 3 / 2, -3 / 2];
/** Products, and inputs, of a tile. */
export const PRODUCTS = POINTS.length + 1;
/** Values of the kernel along the axis. */
export const KERNEL_SIZE = 3;
/** Results of a tile. */
export const RESULTS = PRODUCTS - KERNEL_SIZE + 1;
/** With fewer results along the axis, tiles save too little: the last one is seldom full. */
const FEWEST_RESULTS = 4;

/**
 * Whether a convolution has tiles along its first axis: kernels of three planes (in 2D, lines) that move by one.
 *
 * @param kernel its sizes `[z, y, x]` or `[y, x]`
 * @param results number of planes (lines) of the result
 */
export const hasTiles = (
  kernel: readonly number[],
  { stride, dilation }: Pick<ConvolutionWindow, "stride" | "dilation">,
  results: number,
): boolean =>
  kernel[0] === KERNEL_SIZE &&
  dilation[0] === 1 &&
  stride.every((step) => step === 1) &&
  results >= FEWEST_RESULTS;

type Rows = readonly (readonly number[])[];

const powers = (point: number, count: number) => Array.from({ length: count }, (_, power) => point ** power);
const atInfinity = (count: number) =>
  Array.from({ length: count }, (_, power) => Number(power === count - 1));

/** Returns the coefficients of the polynomial with the given roots, the constant first, as many as a tile has inputs. */
function polynomial(roots: readonly number[]): number[] {
  let coefficients = [1, ...new Array<number>(PRODUCTS - 1).fill(0)];
  for (const root of roots)
    coefficients = coefficients.map((each, power) => (coefficients[power - 1] ?? 0) - root * each);
  return coefficients;
}

const others = (point: number) => POINTS.filter((each) => each !== point);

/** `[product, input]` */
const INPUT: Rows = [...POINTS.map((point) => polynomial(others(point))), polynomial(POINTS)];

/** `[product, value of the kernel]` */
const KERNEL: Rows = [
  ...POINTS.map((point) => {
    const scale = others(point).reduce((product, other) => product * (point - other), 1);
    return powers(point, KERNEL_SIZE).map((power) => power / scale);
  }),
  atInfinity(KERNEL_SIZE),
];

/** `[product, result]`: the transpose of OUTPUT. */
const OUTPUT: Rows = [...POINTS.map((point) => powers(point, RESULTS)), atInfinity(RESULTS)];

/** Some tiles that follow one another along the axis. */
export interface Tiles {
  readonly count: number;
  /** Results: the first one and the one after the last. The last tile may have fewer than {@link RESULTS}. */
  readonly results: readonly [number, number];
  /** Inputs that they read: the first one and the one after the last. */
  readonly inputs: readonly [number, number];
  /** Where the first tile begins, counted in inputs. */
  readonly start: number;
}

/**
 * Cuts an axis into tiles.
 *
 * @param inputs number of inputs along the axis
 * @param results number of results
 * @param padding zeros before the first input
 * @param together number of tiles that are returned together
 */
export function tilesAlong(inputs: number, results: number, padding: number, together: number): Tiles[] {
  const all: Tiles[] = [];
  for (let from = 0; from < results; from += together * RESULTS) {
    const to = Math.min(from + together * RESULTS, results);
    const count = Math.ceil((to - from) / RESULTS);
    const start = from - padding;
    const end = start + (count - 1) * RESULTS + PRODUCTS;
    all.push({ count, results: [from, to], inputs: [Math.max(start, 0), Math.min(end, inputs)], start });
  }
  return all;
}

/** Which row of a matrix belongs to a product of a tile: products of one tile, or the same product of all tiles, are neighbors. */
export type Order = "by tile" | "by product";

const tileAndProduct = (row: number, count: number, order: Order): [number, number] =>
  order === "by tile" ? [Math.floor(row / PRODUCTS), row % PRODUCTS] : [row % count, Math.floor(row / count)];

/** Returns the matrix that makes inputs the factors of products: `[tile and product, input]`. */
export function inputMatrix({ count, inputs: [low, high], start }: Tiles, order: Order): Matrix {
  return matrixOf(count * PRODUCTS, high - low, (row, column) => {
    const [tile, product] = tileAndProduct(row, count, order);
    return at(INPUT, product)[column + low - start - tile * RESULTS] ?? 0;
  });
}

/** Returns the matrix that makes gradients by results the gradients by products: `[product and tile, result]`, ordered by product. */
export function resultGradientMatrix({ count, results: [from, to] }: Tiles): Matrix {
  return matrixOf(count * PRODUCTS, to - from, (row, column) => {
    const [tile, product] = tileAndProduct(row, count, "by product");
    return at(OUTPUT, product)[column - tile * RESULTS] ?? 0;
  });
}

/** Returns the matrix that makes products results: `[result, tile and product]`, with the products of a tile as neighbors. */
export function resultMatrix({ count, results: [from, to] }: Tiles): Matrix {
  return matrixOf(to - from, count * PRODUCTS, (row, column) => {
    const [tile, product] = tileAndProduct(column, count, "by tile");
    return at(OUTPUT, product)[row - tile * RESULTS] ?? 0;
  });
}

/** The matrix that makes the inputs of one tile the factors of its products: `[product, input]`. */
export const INPUT_MATRIX: Matrix = matrixOf(PRODUCTS, PRODUCTS, (row, column) => at(at(INPUT, row), column));

/** The matrix that makes gradients by the results of one tile the gradients by its products: `[product, result]`. */
export const RESULT_GRADIENT_MATRIX: Matrix = matrixOf(PRODUCTS, RESULTS, (row, column) =>
  at(at(OUTPUT, row), column),
);

/** The matrix that makes the values of a kernel the factors of products: `[product, value]`. */
export const KERNEL_MATRIX: Matrix = matrixOf(PRODUCTS, KERNEL_SIZE, (row, column) =>
  at(at(KERNEL, row), column),
);

/** What a product must be for all results of its tile to be 1: as if the kernel's first value met an input of ones. */
export const ONES: readonly number[] = INPUT.map(
  (row, product) => at(at(KERNEL, product), 0) * row.reduce((sum, value) => sum + value, 0),
);
