/** DATA.*.FILTER_SAMPLES by BiaPy 3.7.1's definitions. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type FilteredSample,
  type FilterProperty,
  isFilteredOut,
  needsWholeImage,
} from "../../src/data/sample-filter.ts";
import type { Image } from "../../src/images/image.ts";

const image = (...values: number[]): Image => ({
  shape: [1, 1, values.length, 1],
  sampleType: "uint8",
  data: Uint8Array.from(values),
});

/** Checks that a property has a value: it is neither larger nor smaller. */
function check(property: FilterProperty, value: number, whole?: FilteredSample): void {
  const [patch, target] = [image(10, 20, 30, 40), image(0, 25, 0, 50)];
  const meets = (sign: "ge" | "le", limit: number) =>
    isFilteredOut([[{ property, sign, value: limit }]], patch, target, whole);
  assert.deepEqual([meets("ge", value), meets("le", value)], [true, true], property);
}

test("each property of a sample has BiaPy's value", () => {
  check("mean", 25);
  check("min", 10);
  check("max", 40);
  check("foreground", 0.5);
  check("target_mean", 18.75);
  check("target_min", 0);
  check("target_max", 50);
  check("diff", 55);
  check("diff_by_min_max_ratio", 55 * 30);
  check("diff_by_target_min_max_ratio", 55 * 50);
});

test("the range that differences are multiplied by is that of the whole image", () => {
  const whole = { image: image(0, 200), target: image(1, 101) };
  check("diff_by_min_max_ratio", 55 * 200, whole);
  check("diff_by_target_min_max_ratio", 55 * 100, whole);
  assert.ok(needsWholeImage([[{ property: "diff_by_min_max_ratio", sign: "lt", value: 1 }]]));
  assert.ok(!needsWholeImage([[{ property: "diff", sign: "lt", value: 1 }]]));
});

test("a sample is left out if it meets all conditions of any list", () => {
  // Of the values 10 to 40.
  const above = (value: number) => ({ property: "mean", sign: "gt", value }) as const;
  const below = (value: number) => ({ property: "max", sign: "lt", value }) as const;
  const isOut = (...filter: Parameters<typeof isFilteredOut>[0]) =>
    isFilteredOut(filter, image(10, 20, 30, 40));
  assert.ok(isOut([above(24), below(41)]));
  assert.ok(!isOut([above(24), below(40)]), "40 is not less than 40");
  assert.ok(!isOut([above(25), below(41)]), "25 is not greater than 25");
  assert.ok(isOut([above(25)], [below(41)]));
  assert.ok(!isOut([above(25)], [below(40)]));
  assert.ok(!isOut());
});
