/** FILTER_SAMPLES: images with their targets are dropped where BiaPy drops them. Needs BIAPY_PYTHON. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { type FilterProperty, isFilteredOut } from "../../src/data/sample-filter.ts";
import { type SampleType, sampleArray } from "../../src/images/image.ts";
import { python, skip } from "./python.ts";

interface Case {
  readonly property: FilterProperty;
  readonly value: number;
  readonly dtype: SampleType;
  readonly image: readonly number[];
  readonly target: readonly number[];
}

const SIGNS = ["ge", "gt", "lt"] as const;
const image = [10, 20, 30, 40, 50, 60, 70, 80];
const target = [0, 25, 0, 50, 3, 90, 100, 1];
/** Nowhere larger than the image. */
const lower = [0, 15, 0, 40, 3, 60, 0, 1];

function ours({ property, value, dtype, image, target }: Case): boolean[] {
  const of = (values: readonly number[]) => {
    const data = sampleArray(dtype, values.length);
    data.set(values);
    return { shape: [1, 4, 2, 1] as const, sampleType: dtype, data };
  };
  return SIGNS.map((sign) => isFilteredOut([[{ property, sign, value }]], of(image), of(target)));
}

function judged(cases: readonly Case[]): boolean[][] {
  const script = join(import.meta.dirname, "sample-filter-judge.py");
  return JSON.parse(
    execFileSync(python, [script], { input: JSON.stringify(cases), encoding: "utf8" })
      .trim()
      .split("\n")
      .at(-1) ?? "",
  );
}

const difference = (one: readonly number[], other: readonly number[]) =>
  one.reduce((sum, value, index) => sum + Math.abs(value - (other[index] ?? 0)), 0);
const range = (values: readonly number[]) => Math.max(...values) - Math.min(...values);

/** Each property at its value: `ge` drops, `gt` and `lt` do not. */
const properties = (dtype: SampleType, image: readonly number[], target: readonly number[]): Case[] => {
  const diff = difference(image, target);
  const values = {
    diff,
    diff_by_min_max_ratio: diff * range(image),
    diff_by_target_min_max_ratio: diff * range(target),
    foreground: target.filter((value) => value > 0).length / target.length,
    target_max: Math.max(...target),
  };
  return (Object.keys(values) as (keyof typeof values)[]).map((property) => ({
    property,
    value: values[property],
    dtype,
    image,
    target,
  }));
};

test("differences are multiplied by the range of image or target, as in BiaPy", { skip }, () => {
  const cases = [...properties("float32", image, target), ...properties("uint8", image, lower)];
  const found = judged(cases);
  for (const [index, each] of cases.entries()) {
    assert.deepEqual(ours(each), [true, false, false], each.property);
    assert.deepEqual(found[index], ours(each), `${each.property} of ${each.dtype}`);
  }
});

test("BiaPy's differences of unsigned integers wrap around, ours do not", { skip }, () => {
  const wrapped = image.reduce((sum, value, index) => sum + ((value - (target[index] ?? 0) + 256) % 256), 0);
  assert.ok(wrapped > difference(image, target));
  const at = (value: number): Case => ({ property: "diff", value, dtype: "uint8", image, target });
  const cases = [at(wrapped), at(difference(image, target))];
  assert.deepEqual(
    judged(cases).map(([least]) => least),
    [true, true],
  );
  assert.deepEqual(ours(at(wrapped)), [false, false, true]);
});
