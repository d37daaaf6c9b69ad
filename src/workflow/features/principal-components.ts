/** Principal components of feature vectors (Pearson 1901). */
import { PCA } from "ml-pca";
import { Random } from "../../data/random.ts";

/** Up to this number of features, the covariance matrix is computed in one pass. */
const FEW_FEATURES = 128;

/** Returns up to `wanted` unit vectors `[feature]`, and fewer if the rows vary in fewer directions. */
export function principalComponents(
  rows: readonly Float32Array[],
  mean: readonly number[],
  wanted: number,
): number[][] {
  const most = Math.min(wanted, mean.length, rows.length - 1);
  if (most < 1) return [];
  const centered = rows.map((row) => row.map((value, feature) => value - (mean[feature] ?? 0)));
  const found =
    mean.length <= FEW_FEATURES ? eigenvectors(covariance(centered)) : componentsOfMany(centered, most);
  return found.slice(0, most).filter((component) => component.every(Number.isFinite));
}

const eigenvectors = (matrix: number[][]): number[][] =>
  new PCA(matrix, { isCovarianceMatrix: true }).getEigenvectors().transpose().to2DArray();

/** Returns the covariance matrix of vectors with a mean of 0. */
function covariance(rows: readonly (Float32Array | Float64Array)[]): number[][] {
  const count = rows[0]?.length ?? 0;
  const sums = new Float64Array(count * count);
  for (const row of rows)
    for (let one = 0, at = 0; one < count; one++, at += count) {
      const value = row[one] ?? 0;
      for (let other = 0; other <= one; other++)
        sums[at + other] = (sums[at + other] ?? 0) + value * (row[other] ?? 0);
    }
  const between = (one: number, other: number) =>
    (sums[Math.max(one, other) * count + Math.min(one, other)] ?? 0) / (rows.length - 1);
  return Array.from({ length: count }, (_, one) =>
    Array.from({ length: count }, (_, other) => between(one, other)),
  );
}

/** Directions that are followed beside those wanted: the wanted ones are then found in fewer passes. */
const MORE_DIRECTIONS = 4;
const MOST_PASSES = 12;
/** The passes end when the variance along each of the wanted directions grows by a smaller share. */
const LEAST_GAIN = 1e-3;

/** Returns the first components of vectors with many features, by subspace iteration (Halko et al. 2011, algorithm 4.4). */
function componentsOfMany(rows: readonly Float32Array[], wanted: number): number[][] {
  const count = rows[0]?.length ?? 0;
  const random = new Random(0);
  let basis = orthonormal(
    Array.from({ length: Math.min(wanted + MORE_DIRECTIONS, rows.length) }, () =>
      Float64Array.from({ length: count }, () => random.normal()),
    ),
  );
  let along = projections(rows, basis);
  let before: readonly number[] = [];
  for (let pass = 0; pass < MOST_PASSES; pass++) {
    basis = orthonormal(sums(rows, along, basis.length));
    along = projections(rows, basis);
    const variances = basis
      .slice(0, wanted)
      .map((_, at) => along.reduce((sum, row) => sum + (row[at] ?? 0) ** 2, 0));
    if (variances.every((variance, at) => variance <= (before[at] ?? 0) * (1 + LEAST_GAIN))) break;
    before = variances;
  }
  if (basis.length === 0) return [];
  // The components are found within the directions, whose covariance matrix is small.
  return eigenvectors(covariance(along)).map((shares) =>
    Array.from({ length: count }, (_, feature) =>
      basis.reduce((sum, direction, at) => sum + (shares[at] ?? 0) * (direction[feature] ?? 0), 0),
    ),
  );
}

/** Returns each row's length along each direction: `[row][direction]`. */
const projections = (rows: readonly Float32Array[], directions: readonly Float64Array[]): Float64Array[] =>
  rows.map((row) => Float64Array.from(directions, (direction) => dot(row, direction)));

/** Returns for each direction the sum of all rows, weighted by their length along it: `[direction][feature]`. */
function sums(rows: readonly Float32Array[], along: readonly Float64Array[], count: number): Float64Array[] {
  const totals = Array.from({ length: count }, () => new Float64Array(rows[0]?.length ?? 0));
  for (const [place, row] of rows.entries())
    for (const [direction, total] of totals.entries()) add(total, row, along[place]?.[direction] ?? 0);
  return totals;
}

/**
 * A vector depends on others if what is left of it without them is shorter than this share of the longest vector. Lengths are variances here: a
 * hundred-thousandth of the first direction's standard deviation is not too little, rounding errors of single precision are.
 */
const DEPENDENT = 1e-10;

/** Makes vectors orthogonal unit vectors (Gram & Schmidt, twice for precision), and leaves out dependent ones. */
function orthonormal(vectors: readonly Float64Array[]): Float64Array[] {
  const made: Float64Array[] = [];
  const longest = Math.sqrt(vectors.reduce((most, vector) => Math.max(most, dot(vector, vector)), 0));
  for (const vector of vectors) {
    const left = vector.slice();
    for (const unit of [...made, ...made]) add(left, unit, -dot(left, unit));
    const length = Math.sqrt(dot(left, left));
    if (length > longest * DEPENDENT) made.push(left.map((value) => value / length));
  }
  return made;
}

function dot(one: Float32Array | Float64Array, other: Float64Array): number {
  let sum = 0;
  for (let at = 0; at < other.length; at++) sum += (one[at] ?? 0) * (other[at] ?? 0);
  return sum;
}

function add(total: Float64Array, added: Float32Array | Float64Array, factor: number): void {
  for (let at = 0; at < total.length; at++) total[at] = (total[at] ?? 0) + factor * (added[at] ?? 0);
}
