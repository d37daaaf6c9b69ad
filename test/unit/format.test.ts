/** Numbers and times as every part shows them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  aboutDuration,
  axisNumbers,
  bytes,
  clock,
  counted,
  deviceMemory,
  duration,
  largeCount,
  orderedMetrics,
  SteadyTimeLeft,
  shortNumber,
} from "../../src/facts/format.ts";

test("numbers have four significant digits, and an exponent where they need one", () => {
  const shown = [0, 0.123456, -2.5, 1234567.8, 0.000123456, 1e7, NaN].map(shortNumber);
  assert.deepEqual(shown, ["0", "0.1235", "-2.5", "1.23e+6", "1.23e-4", "1e+7", "–"]);
  assert.deepEqual(axisNumbers([0, 1e-4, null, 0.01]), ["0", "1e-4", "", "1e-2"]);
  // Those of an axis are told apart.
  assert.deepEqual(axisNumbers([18.57, 18.575, 18.58]), ["18.57", "18.575", "18.58"]);
  assert.deepEqual(axisNumbers([1.0001e-4, 1.0002e-4, null]), ["1.0001e-4", "1.0002e-4", ""]);
  assert.deepEqual([950, 12_345, 999_600, 3_140_000].map(largeCount), [
    "950",
    "12 thousand",
    "1.0 million",
    "3.1 million",
  ]);
});

test("measured times are exact, estimates are round", () => {
  const spans = [0, 0.085, 0.9996, 3.21, 45.4, 59.7, 200, 7500, 3 * 86400 + 4 * 3600];
  const exact = ["0 s", "85 ms", "1 s", "3.2 s", "45 s", "1 min 0 s", "3 min 20 s", "2 h 5 min", "3 d 4 h"];
  assert.deepEqual(spans.map(duration), exact);
  const estimates = [NaN, 2, 42, 58, 1200, 3599, 7500, 7 * 3600 + 3500, 37 * 3600, 80 * 3600].map(
    aboutDuration,
  );
  assert.deepEqual(estimates, [
    ...["a few seconds", "a few seconds", "about 40 s", "about 1 min", "about 20 min"],
    ...["about 1 h", "about 2 h 10 min", "about 8 h", "about 37 h", "about 3 d"],
  ]);
  assert.deepEqual([5, 200, 7500].map(clock), ["0:05", "3:20", "2:05:00"]);
});

test("sizes count in thousands, a device's memory in powers of two", () => {
  assert.deepEqual([1, 12_345, 512e6, 999.9e6, 3.14e9].map(bytes), [
    "1 kB",
    "13 kB",
    "512 MB",
    "1.0 GB",
    "3.1 GB",
  ]);
  assert.equal(deviceMemory(8 * 2 ** 30), "8.0 GB");
});

test("the time left is rounded, and an estimate that wavers does not change what is shown", () => {
  const shownFor = (seconds: number) => new SteadyTimeLeft().update(seconds);
  assert.deepEqual([42, 400, 1130, 4300, 5.2 * 3600].map(shownFor), [
    ...["about 40 s", "about 7 min", "about 20 min", "about 1 h 10 min", "about 5 h"],
  ]);
  const left = new SteadyTimeLeft();
  const shown = new Set([1040, 1060, 1045, 1055, 1041, 1059].map((seconds) => left.update(seconds)));
  assert.equal(shown.size, 1);
  assert.equal(left.update(700), "about 10 min");
  assert.equal(left.update(undefined), undefined);
});

test("a number of things says one or several", () => {
  const counts = [0, 1, 2].map((count) => counted(count, "run"));
  assert.deepEqual(counts, ["0 runs", "1 run", "2 runs"]);
});

test("metrics worth looking at come first, others by name", () => {
  const found = ["mse", "zeta", "mae", "psnr", "alpha", "ssim"];
  assert.deepEqual(orderedMetrics(found), ["psnr", "ssim", "mse", "mae", "alpha", "zeta"]);
});
