/** DATA.PREPROCESS.MATCH_HISTOGRAM: maps gray levels so that their distribution matches reference images. */
import { at as itemAt } from "../../facts/checked-lists.ts";
import { type Image, sampleArray } from "../../images/image.ts";
import { largestOf } from "./grid.ts";

/** The share of reference pixels up to each gray level. */
export type Quantiles = Float64Array;

/** Measures reference images of unsigned whole numbers. */
export function quantilesOf(references: readonly Image[]): Quantiles {
  const counts = new Float64Array(largestOf(itemAt(references, 0).sampleType) + 1);
  let total = 0;
  for (const { data } of references) {
    for (const value of data) counts[value] = (counts[value] ?? 0) + 1;
    total += data.length;
  }
  let sum = 0;
  return counts.map((count) => {
    sum += count;
    return sum / total;
  });
}

/** Maps each gray level to the reference level of the same quantile, truncated to a whole number. */
export function histogramMatched({ shape, sampleType, data }: Image, reference: Quantiles): Image {
  const counts = new Map<number, number>();
  for (const value of data) counts.set(value, (counts.get(value) ?? 0) + 1);
  const levels = [...counts.keys()].sort((one, other) => one - other);
  const matched = new Map<number, number>();
  let sum = 0;
  for (const level of levels) {
    sum += counts.get(level) ?? 0;
    matched.set(level, Math.trunc(levelAt(sum / data.length, reference)));
  }
  const result = sampleArray(sampleType, data.length);
  for (const [at, level] of data.entries()) result[at] = matched.get(level) ?? level;
  return { shape, sampleType, data: result };
}

/** Returns the gray level of a share, interpolated between the two nearest. */
function levelAt(share: number, quantiles: Quantiles): number {
  let [low, high] = [0, quantiles.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((quantiles[middle] ?? 1) <= share) low = middle + 1;
    else high = middle;
  }
  const below = low - 1;
  if (below < 0) return 0;
  if (below >= quantiles.length - 1) return quantiles.length - 1;
  const [from = 0, to = 1] = quantiles.subarray(below, below + 2);
  return below + (share - from) / (to - from);
}
