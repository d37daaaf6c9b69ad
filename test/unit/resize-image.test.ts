/** Resizing by splines: judged by SciPy in test/interop/preprocess.test.ts; here by what every spline does. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { GridBorder } from "../../src/data/preprocess/grid.ts";
import { resizedImage } from "../../src/data/preprocess/resize-image.ts";

const BORDERS: readonly GridBorder[] = ["mirror", "reflect", "nearest", "wrap", "constant"];

for (const order of [2, 3, 4, 5] as const)
  test(`a spline of order ${order} passes through all pixels, and follows a wave between them`, () => {
    const count = 24;
    const wave = (place: number) => 10 + Math.sin((2 * Math.PI * place) / count);
    const image = {
      shape: [1, 1, count, 1],
      sampleType: "float64",
      data: Float64Array.from({ length: count }, (_, place) => wave(place)),
    } as const;
    for (const border of BORDERS) {
      const settings = {
        order,
        border,
        outside: 10,
        clip: false,
        preserveRange: true,
        antiAliasing: false,
      };
      // Of three pixels for each, the middle one lies where the old one was.
      const { data } = resizedImage(image, { ...settings, size: [1, 1, 3 * count] });
      for (const [place, value] of image.data.entries())
        assert.ok(Math.abs((data[3 * place + 1] ?? 0) - value) < 1e-9, `${border} at ${place}`);
      // A wrapped border continues the wave, so the spline is near it everywhere.
      const between = border === "wrap" ? [0, 3 * count] : [30, 42];
      for (let place = between[0]; place < between[1]; place++)
        assert.ok(Math.abs((data[place] ?? 0) - wave((place - 1) / 3)) < 1e-3, `${border} near ${place}`);
    }
  });

test("results overshoot the range of the image unless they are clipped", () => {
  const image = {
    shape: [1, 1, 6, 1],
    sampleType: "float32",
    data: Float32Array.from([0, 0, 0, 1, 1, 1]),
  } as const;
  const settings = { border: "mirror", outside: 0, preserveRange: true, antiAliasing: false } as const;
  const range = (clip: boolean) => {
    const { data } = resizedImage(image, { ...settings, size: [1, 1, 12], order: 3, clip });
    return [Math.min(...data), Math.max(...data)] as const;
  };
  assert.deepEqual(range(true), [0, 1]);
  const [least, largest] = range(false);
  assert.ok(least < 0 && largest > 1, `${least} to ${largest}`);
});
