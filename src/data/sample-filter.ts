/** DATA.*.FILTER_SAMPLES: which images or patches are left out, by their values. */
import type { Image } from "../images/image.ts";

export type FilterProperty = "mean" | "min" | "max" | "target_mean" | "target_min" | "target_max" | "diff";
export type FilterSign = "gt" | "ge" | "lt" | "le";

export interface FilterCondition {
  readonly property: FilterProperty;
  readonly sign: FilterSign;
  readonly value: number;
}

/** Leaves a sample out when it meets every condition of any of these lists. */
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

/** Sum of absolute differences. */
function difference({ data }: Image, target: Image): number {
  let sum = 0;
  for (let at = 0; at < data.length; at++) sum += Math.abs((data[at] ?? 0) - (target.data[at] ?? 0));
  return sum;
}

const PROPERTIES: Readonly<Record<FilterProperty, (image: Image, target: Image) => number>> = {
  mean,
  min: least,
  max: largest,
  target_mean: (_, target) => mean(target),
  target_min: (_, target) => least(target),
  target_max: (_, target) => largest(target),
  diff: difference,
};

/** Whether a sample is left out. @param target what it should become; the image itself where there is none */
export function isFilteredOut(filter: SampleFilter, image: Image, target: Image = image): boolean {
  return filter.some((conditions) =>
    conditions.every(({ property, sign, value }) => SIGNS[sign](PROPERTIES[property](image, target), value)),
  );
}
