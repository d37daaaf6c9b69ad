/**
 * A linear probe: how well the classes of places can be told from frozen features by a linear map (Alain & Bengio 2016). It is fitted by
 * ridge regression on one-hot classes (Hoerl & Kennard 1970) and evaluated on held-out images.
 */

import { CholeskyDecomposition, Matrix } from "ml-matrix";
import { at } from "../../facts/checked-lists.ts";
import type { FeatureMap } from "./feature-map.ts";

/** Features with the class of each place; -1 is ignored. */
export interface LabeledMap {
  readonly map: FeatureMap;
  readonly labels: Int32Array;
  /** The fold of each place, from 0. Each fold is predicted by a fit to the others. */
  readonly parts: Int32Array;
}

/** Penalty on the squared weights per fitted place; features have a variance of 1. */
const RIDGE = 1e-2;

/** Sums over places for ridge regression. They are additive, so leaving out a fold is a subtraction. */
interface Sums {
  /** `[feature + 1, feature + 1]`; the last feature is 1. */
  readonly products: Matrix;
  /** `[feature + 1, class]` */
  readonly targets: Matrix;
}

/** Cross-validates the probe. Returns the most likely class of each place of each map, from a fit without the place's fold. */
export function probe(maps: readonly LabeledMap[], classes: number): Int32Array[] {
  const scale = scaleOf(maps);
  const parts = 1 + maps.reduce((most, { parts }) => parts.reduce((one, two) => Math.max(one, two), most), 0);
  const sums = Array.from({ length: parts }, (_, part) => sumsOf(maps, part, classes, scale));
  const all = sums.reduce(added);
  const weights = sums.map((own) => solved(without(all, own)));
  return maps.map(({ map, parts }) =>
    parts.map((part, place) => rowOf(map, place, scale).mmul(at(weights, part)).maxRowIndex(0)[1] ?? 0),
  );
}

/** Mean and 1 / deviation of each feature. */
interface Scale {
  readonly mean: Float64Array;
  readonly factor: Float64Array;
}

/** Measures the features of all places. */
function scaleOf(maps: readonly LabeledMap[]): Scale {
  const count = maps[0]?.map.shape[3] ?? 0;
  const [sum, squares] = [new Float64Array(count), new Float64Array(count)];
  let places = 0;
  for (const { map } of maps)
    for (let first = 0; first < map.values.length; first += count, places++)
      for (let feature = 0; feature < count; feature++) {
        const value = map.values[first + feature] ?? 0;
        sum[feature] = (sum[feature] ?? 0) + value;
        squares[feature] = (squares[feature] ?? 0) + value * value;
      }
  const mean = sum.map((each) => each / places);
  const variance = squares.map((each, feature) => each / places - at(mean, feature) ** 2);
  return { mean, factor: variance.map((each) => (each > 1e-12 ? 1 / Math.sqrt(each) : 0)) };
}

/** Returns a place's features, standardized, and a 1. */
function rowOf({ shape: [, , , count], values }: FeatureMap, place: number, { mean, factor }: Scale): Matrix {
  const row = Array.from({ length: count + 1 }, (_, feature) =>
    feature === count ? 1 : (at(values, place * count + feature) - at(mean, feature)) * at(factor, feature),
  );
  return Matrix.rowVector(row);
}

/** Number of rows per matrix product. */
const BLOCK = 512;

/** Returns the sums over the labeled places of one fold. */
function sumsOf(maps: readonly LabeledMap[], part: number, classes: number, scale: Scale): Sums {
  const width = scale.mean.length + 1;
  const sums = { products: Matrix.zeros(width, width), targets: Matrix.zeros(width, classes) };
  for (const { map, labels, parts } of maps) {
    const places = [...labels.keys()].filter((place) => parts[place] === part && at(labels, place) >= 0);
    for (let first = 0; first < places.length; first += BLOCK) {
      const block = places.slice(first, first + BLOCK);
      const rows = new Matrix(block.map((place) => rowOf(map, place, scale).getRow(0)));
      const wanted = Matrix.zeros(block.length, classes);
      for (const [row, place] of block.entries()) wanted.set(row, at(labels, place), 1);
      const turned = rows.transpose();
      sums.products.add(turned.mmul(rows));
      sums.targets.add(turned.mmul(wanted));
    }
  }
  return sums;
}

const added = (one: Sums, other: Sums): Sums => ({
  products: Matrix.add(one.products, other.products),
  targets: Matrix.add(one.targets, other.targets),
});

const without = (all: Sums, part: Sums): Sums => ({
  products: Matrix.sub(all.products, part.products),
  targets: Matrix.sub(all.targets, part.targets),
});

/** Returns the weights `[feature + 1, class]` of least squared error; the constant is not penalized. */
function solved({ products, targets }: Sums): Matrix {
  const last = products.rows - 1;
  const places = products.get(last, last);
  const penalized = products.clone();
  for (let feature = 0; feature < last; feature++)
    penalized.set(feature, feature, penalized.get(feature, feature) + RIDGE * Math.max(places, 1));
  if (places === 0) return Matrix.zeros(products.rows, targets.columns);
  return new CholeskyDecomposition(penalized).solve(targets);
}
