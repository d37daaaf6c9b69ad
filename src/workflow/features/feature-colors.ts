/** Features as colors: the first three principal components (Pearson 1901; as DINO's authors show them, Caron et al. 2021). */

import { Random } from "../../data/random.ts";
import { at as itemAt } from "../../facts/checked-lists.ts";
import type { FeatureMap } from "./feature-map.ts";
import { principalComponents } from "./principal-components.ts";

const COLORS = 3;
/** Feature vectors that the components are fitted to. */
const FITTED = 4096;
/** Quantiles of the fitted vectors that are shown darkest and brightest. */
const [DARKEST, BRIGHTEST] = [0.01, 0.99];

/** A basis in which features of several images have comparable colors. */
export interface ColorBasis {
  /** `[feature]` */
  readonly mean: readonly number[];
  /** Three unit vectors `[feature]`: red, green, blue. */
  readonly components: readonly (readonly number[])[];
  /** Projections shown darkest and brightest, for each color. */
  readonly ranges: readonly (readonly [darkest: number, brightest: number])[];
}

/** Picks feature vectors at random from maps that come one after the other, each with the same chance (Vitter 1985). */
export class FeatureSample {
  private readonly picked: Float32Array[] = [];
  private seen = 0;
  private readonly random: Random;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  add({ shape, values }: FeatureMap): void {
    const count = shape[3];
    for (let at = 0; at < values.length; at += count) {
      this.seen++;
      const place = this.picked.length < FITTED ? this.picked.length : this.random.integer(this.seen);
      if (place < FITTED) this.picked[place] = values.slice(at, at + count);
    }
  }

  get vectors(): readonly Float32Array[] {
    return this.picked;
  }
}

/**
 * Fits the basis to feature vectors `[feature]`.
 *
 * @param before a basis whose colors the new one keeps, as far as components correspond
 */
export function fitColors(vectors: readonly Float32Array[], before?: ColorBasis): ColorBasis {
  const mean = meanOf(vectors);
  const found = principalComponents(vectors, mean, COLORS);
  const fitted = Array.from({ length: COLORS }, (_, index) => found[index] ?? mean.map(() => 0));
  const components = before === undefined ? fitted : keptColors(fitted, before.components);
  const ranges = components.map((component) => {
    const sorted = Float64Array.from(vectors, (vector) => projected(vector, mean, component)).sort();
    const quantile = (share: number) => sorted[Math.round(share * (sorted.length - 1))] ?? 0;
    return [quantile(DARKEST), quantile(BRIGHTEST)] as const;
  });
  return { mean, components, ranges };
}

/** Returns the mean vector `[feature]`. */
function meanOf(rows: readonly Float32Array[]): number[] {
  const sums = new Float64Array(rows[0]?.length ?? 0);
  for (const row of rows)
    for (let feature = 0; feature < sums.length; feature++)
      sums[feature] = (sums[feature] ?? 0) + (row[feature] ?? 0);
  return Array.from(sums, (sum) => sum / rows.length);
}

function projected(vector: Float32Array, mean: readonly number[], component: readonly number[]): number {
  let sum = 0;
  for (let feature = 0; feature < component.length; feature++)
    sum += ((vector[feature] ?? 0) - (mean[feature] ?? 0)) * (component[feature] ?? 0);
  return sum;
}

/** Orders components and chooses signs to match the previous ones best. */
function keptColors(components: readonly number[][], before: ColorBasis["components"]): number[][] {
  const left = [...components];
  return before.map((wanted) => {
    const likeness = (each: readonly number[]) =>
      each.reduce((sum, value, at) => sum + value * (wanted[at] ?? 0), 0);
    const [best = []] = left.toSorted((one, other) => Math.abs(likeness(other)) - Math.abs(likeness(one)));
    left.splice(left.indexOf(best), 1);
    return likeness(best) < 0 ? best.map((value) => -value) : best;
  });
}

/** Returns a feature map as colors, `[z, y, x, 3]` uint8; each place of the grid becomes a block of the stride's size. */
export function colorsOf(
  { shape: [, rows, columns, count], values, stride }: FeatureMap,
  basis: ColorBasis,
  [depth, height, width]: readonly [depth: number, height: number, width: number, ...rest: number[]],
): Uint8Array {
  const places = values.length / count;
  const small = new Uint8Array(places * COLORS);
  for (let place = 0; place < places; place++) {
    const vector = values.subarray(place * count, (place + 1) * count);
    for (let color = 0; color < COLORS; color++) {
      const [darkest, brightest] = itemAt(basis.ranges, color);
      const share =
        (projected(vector, basis.mean, itemAt(basis.components, color)) - darkest) /
        (brightest - darkest || 1);
      small[place * COLORS + color] = Math.round(255 * Math.min(1, Math.max(0, share)));
    }
  }
  const colors = new Uint8Array(depth * height * width * COLORS);
  let at = 0;
  for (let z = 0; z < depth; z++)
    for (let y = 0; y < height; y++) {
      const row = (Math.floor(z / stride[0]) * rows + Math.floor(y / stride[1])) * columns;
      for (let x = 0; x < width; x++) {
        const from = (row + Math.floor(x / stride[2])) * COLORS;
        for (let color = 0; color < COLORS; color++) colors[at++] = small[from + color] ?? 0;
      }
    }
  return colors;
}
