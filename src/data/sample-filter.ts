/** DATA.*.FILTER_SAMPLES: filters images or patches by their values. */
import type { Image } from "../images/image.ts";

/** Values of DATA.*.FILTER_SAMPLES.PROPS. */
export const FILTER_PROPERTIES = [
  "mean",
  "min",
  "max",
  "foreground",
  "target_mean",
  "target_min",
  "target_max",
  "diff",
  "diff_by_min_max_ratio",
  "diff_by_target_min_max_ratio",
] as const;
export type FilterProperty = (typeof FILTER_PROPERTIES)[number];
/** Values of DATA.*.FILTER_SAMPLES.SIGNS: >, ≥, <, ≤. */
export const FILTER_SIGNS = ["gt", "ge", "lt", "le"] as const;
export type FilterSign = (typeof FILTER_SIGNS)[number];

/** Compares a property of a sample with a number. */
export interface FilterCondition {
  readonly property: FilterProperty;
  readonly sign: FilterSign;
  readonly value: number;
}

/** Drops a sample if it meets every condition of any of these lists. */
export type SampleFilter = readonly (readonly FilterCondition[])[];

const SIGNS: Readonly<Record<FilterSign, (one: number, other: number) => boolean>> = {
  gt: (one, other) => one > other,
  ge: (one, other) => one >= other,
  lt: (one, other) => one < other,
  le: (one, other) => one <= other,
};

function least({ data }: Image): number {
  let found = Infinity;
  for (const value of data) if (value < found) found = value;
  return found;
}

function largest({ data }: Image): number {
  let found = -Infinity;
  for (const value of data) if (value > found) found = value;
  return found;
}

function mean({ data }: Image): number {
  let sum = 0;
  for (const value of data) sum += value;
  return sum / data.length;
}

/** Returns the sum of absolute differences. */
function difference({ data }: Image, target: Image): number {
  let sum = 0;
  for (let at = 0; at < data.length; at++) sum += Math.abs((data[at] ?? 0) - (target.data[at] ?? 0));
  return sum;
}

/** Returns the share of pixels above zero. */
function foreground({ data }: Image): number {
  let count = 0;
  for (const value of data) if (value > 0) count++;
  return count / data.length;
}

/** A sample's image and its target. */
export interface FilteredSample {
  readonly image: Image;
  readonly target: Image;
}

/** Returns what BiaPy calls a ratio: the largest value minus the smallest. */
const range = (image: Image) => largest(image) - least(image);

/** Each property, of a sample and the whole image that it is cut from. */
const PROPERTIES: Readonly<
  Record<FilterProperty, (image: Image, target: Image, whole: FilteredSample) => number>
> = {
  mean,
  min: least,
  max: largest,
  target_mean: (_, target) => mean(target),
  target_min: (_, target) => least(target),
  target_max: (_, target) => largest(target),
  foreground: (_, target) => foreground(target),
  diff: difference,
  diff_by_min_max_ratio: (image, target, whole) => difference(image, target) * range(whole.image),
  diff_by_target_min_max_ratio: (image, target, whole) => difference(image, target) * range(whole.target),
};

/** Whether a filter needs the whole image that a patch is cut from. */
export const needsWholeImage = (filter: SampleFilter): boolean =>
  filter.flat().some(({ property }) => property.endsWith("_ratio"));

/**
 * Whether a sample is dropped.
 *
 * @param target its target; the image if there is none
 * @param whole the image that it is cut from; the sample if it is a whole image
 */
export function isFilteredOut(
  filter: SampleFilter,
  image: Image,
  target: Image = image,
  whole: FilteredSample = { image, target },
): boolean {
  return filter.some((conditions) =>
    conditions.every(({ property, sign, value }) =>
      SIGNS[sign](PROPERTIES[property](image, target, whole), value),
    ),
  );
}
