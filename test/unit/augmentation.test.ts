import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { loadConfig } from "../../src/config/config.ts";
import { gaussianBlur, medianBlur } from "../../src/data/augmentation/filters.ts";
import {
  elastic,
  flipX,
  flipY,
  flipZ,
  quarterTurns,
  rotation,
  shear,
  zoom,
} from "../../src/data/augmentation/geometry.ts";
import { augment, type Sample, type Transform } from "../../src/data/augmentation/sample.ts";
import { Random } from "../../src/data/random.ts";
import { augmentationSteps } from "../../src/workflow/augmentation-settings.ts";

const sampleOf = (image: Float32Array, size: Sample["size"], channels = 1): Sample => ({
  size,
  channels,
  image,
});
const apply = (transform: Transform, sample: Sample, seed = 0) => transform(sample, new Random(seed), sample);

// [z 1, y 2, x 3, channel 2]: pixel (y, x) holds 10 y + x + 1, and its negative.
const patch = sampleOf(
  Float32Array.from([1, 2, 3, 11, 12, 13].flatMap((value) => [value, -value])),
  [1, 2, 3],
  2,
);
const channel = (values: Float32Array, number: number) =>
  [...values].filter((_, index) => index % 2 === number);

test("flips mirror a patch along their axis, all channels together", () => {
  assert.deepEqual(channel(apply(flipX, patch).image, 0), [3, 2, 1, 13, 12, 11]);
  assert.deepEqual(channel(apply(flipX, patch).image, 1), [-3, -2, -1, -13, -12, -11]);
  assert.deepEqual(channel(apply(flipY, patch).image, 0), [11, 12, 13, 1, 2, 3]);
  const column = sampleOf(Float32Array.from([1, 2, 3, 4, 5, 6]), [3, 1, 2]);
  assert.deepEqual([...apply(flipZ, column).image], [5, 6, 3, 4, 1, 2]);
});

test("class labels are moved without interpolation", () => {
  const target = Float32Array.from({ length: 12 * 15 }, (_, at) => (at % 15 < 7 ? 2 : 5));
  const moved = apply(rotation([30, 30], "reflect"), { ...wavy, target, labels: true }).target;
  assert.deepEqual(new Set(moved), new Set([2, 5]));
});

test("quarter turns give all three rotations of a square, and a half turn of anything else", () => {
  const square = sampleOf(Float32Array.from([1, 2, 3, 4]), [1, 2, 2]);
  const seen = new Set(
    Array.from({ length: 40 }, (_, seed) => String(apply(quarterTurns, square, seed).image)),
  );
  assert.deepEqual([...seen].sort(), ["2,4,1,3", "3,1,4,2", "4,3,2,1"]);
  assert.deepEqual(channel(apply(quarterTurns, patch).image, 0), [13, 12, 11, 3, 2, 1]);
});

/** Made by make_augmentation.py with SciPy. */
const judged = JSON.parse(
  readFileSync(new URL("../fixtures/augmentation.json", import.meta.url), "utf8"),
) as Record<string, number[]>;
const wavy = sampleOf(
  Float32Array.from({ length: 12 * 15 }, (_, at) => Math.sin(at * 0.37) * 5 + 10),
  [1, 12, 15],
);
const TRANSFORMS: Record<string, Transform> = {
  rotation: rotation([30, 30], "reflect"),
  zoom: zoom([1.5, 1.5], false, "reflect"),
  shear: shear([10, 10], "symmetric"),
  gaussian: gaussianBlur([1.5, 1.5]),
  median: medianBlur([5, 5]),
};
for (const [name, transform] of Object.entries(TRANSFORMS)) {
  test(`${name} gives what SciPy gives`, () => {
    const { image } = apply(transform, wavy);
    assert.equal(image.length, judged[name].length);
    const worst = Math.max(...image.map((value, at) => Math.abs(value - judged[name][at])));
    assert.ok(worst < 2e-4, `differs by ${worst}`);
  });
}

const NAMES = [
  ..."ZOOM RANDOM_ROT ROT90 SHEAR SHIFT ELASTIC VFLIP HFLIP ZFLIP MISALIGNMENT CUTMIX".split(" "),
  ..."GRAYSCALE CHANNEL_SHUFFLE CUTBLUR CUTNOISE BRIGHTNESS CONTRAST GAMMA_CONTRAST G_BLUR".split(" "),
  ..."MEDIAN_BLUR MOTION_BLUR GAUSSIAN_NOISE POISSON_NOISE SALT PEPPER SALT_AND_PEPPER".split(" "),
  ..."MISSING_SECTIONS GRIDMASK CUTOUT DROPOUT".split(" "),
];
/** These move pixels, and so the target too. */
const MOVING = new Set(NAMES.slice(0, 11));
/** These change nothing in an image with one channel. */
const OF_CHANNELS = new Set(["GRAYSCALE", "CHANNEL_SHUFFLE"]);

for (const { ndim, size, channels, names } of [
  { ndim: "3D", size: [6, 24, 24], channels: 3, names: NAMES },
  {
    ndim: "2D",
    size: [1, 24, 24],
    channels: 1,
    names: NAMES.filter((name) => name !== "ZFLIP" && !OF_CHANNELS.has(name)),
  },
] as const)
  for (const name of names)
    test(`AUGMENTOR.${name} in ${ndim} changes the image, ${MOVING.has(name) ? "moves the target with it" : "leaves the target"}, and repeats with its seed`, () => {
      const { config } = loadConfig(
        "a.yaml",
        `PROBLEM: {NDIM: ${ndim}}\nAUGMENTOR: {ENABLE: True, ${name}: True, ${name}_PROB: 1.0}`,
      );
      const steps = augmentationSteps(config);
      assert.deepEqual(
        steps.map((step) => step.name),
        [name],
      );
      const values = (shift: number) =>
        Float32Array.from(
          { length: size[0] * size[1] * size[2] * channels },
          (_, at) => 0.5 + 0.5 * Math.sin(at * 0.21 + shift),
        );
      const sample: Sample = { size, channels, image: values(0), target: values(0) };
      const other: Sample = { ...sample, image: values(1), target: values(1) };
      const runs = [1, 2, 3, 4].map((seed) => augment(sample, steps, new Random(seed), other));
      assert.ok(runs.some(({ image }) => String(image) !== String(sample.image)));
      for (const [index, { image, target }] of runs.entries()) {
        assert.equal(image.length, sample.image.length);
        assert.ok(image.every(Number.isFinite));
        assert.deepEqual(target, MOVING.has(name) ? image : sample.target);
        assert.deepEqual(augment(sample, steps, new Random(index + 1), other).image, image);
      }
      assert.deepEqual(sample.image, values(0));
    });

test("a plane has no z to flip", () => {
  const { config } = loadConfig("a.yaml", "PROBLEM: {NDIM: 2D}\nAUGMENTOR: {ENABLE: True, ZFLIP: True}");
  assert.deepEqual(augmentationSteps(config), []);
});

test("a Gaussian of sigma 0 blurs nothing", () => {
  assert.deepEqual(apply(gaussianBlur([0, 0]), wavy).image, wavy.image);
});

test("an elastic deformation without smoothing gives finite values", () => {
  const { image } = apply(elastic([1, 1], 0, "constant"), wavy);
  assert.ok(image.every(Number.isFinite));
});

test("a step with probability 0 does nothing, one with 0.5 acts about half of the time", () => {
  const steps = (probability: number) => [{ name: "HFLIP", probability, mixes: false, transform: flipX }];
  assert.equal(augment(patch, steps(0), new Random(1), patch), patch);
  const changed = Array.from(
    { length: 400 },
    (_, seed) => augment(patch, steps(0.5), new Random(seed), patch) !== patch,
  );
  const share = changed.filter(Boolean).length / 400;
  assert.ok(Math.abs(share - 0.5) < 0.1, String(share));
});
