import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type BlindSpotSettings,
  spotSpacing,
  stratifiedPlaces,
  withBlindSpots,
} from "../../src/data/noise2void.ts";
import { Random } from "../../src/data/random.ts";
import type { Box } from "../../src/data/tiling.ts";
import { N2V_MANIPULATORS, type N2vManipulator } from "../../src/facts/workflows.ts";

const PLAIN: BlindSpotSettings = { percent: 1, manipulator: "uniform_withCP", radius: 2, structured: false };

/** Every pixel has a value of its own. */
const patch = (size: Box, channels = 1) =>
  Float32Array.from({ length: size[0] * size[1] * size[2] * channels }, (_, at) => (at * 7919) % 10007);

/** The places of the spots of a channel. */
function spotsOf(spots: Float32Array, size: Box, channels = 1, channel = 0): Box[] {
  const found: Box[] = [];
  for (let z = 0; z < size[0]; z++)
    for (let y = 0; y < size[1]; y++)
      for (let x = 0; x < size[2]; x++)
        if (spots[((z * size[1] + y) * size[2] + x) * channels + channel] === 1) found.push([z, y, x]);
  return found;
}

test("each box of the grid has one spot, as the paper's stratified sampling does", () => {
  assert.equal(spotSpacing(0.198), 22);
  for (const size of [
    [1, 60, 70],
    [24, 30, 20],
  ] as const) {
    const places = stratifiedPlaces(size, 1, new Random(4));
    const boxes = places.map((place) =>
      place.map((at, axis) => (size[axis] === 1 ? 0 : Math.floor(at / 10))),
    );
    assert.equal(new Set(boxes.map(String)).size, places.length);
    const whole = size
      .map((side) => (side === 1 ? 1 : Math.floor(side / 10)))
      .reduce((all, each) => all * each);
    assert.ok(places.length >= whole, `${places.length} of at least ${whole}`);
    for (const place of places) assert.ok(place.every((at, axis) => at >= 0 && at < size[axis]));
  }
});

test("a patch smaller than a box always has a spot", () => {
  for (let seed = 0; seed < 30; seed++)
    assert.ok(stratifiedPlaces([4, 6, 5], 0.198, new Random(seed)).length > 0);
});

test("the same seed hides the same pixels, and each channel has spots of its own", () => {
  const size: Box = [1, 40, 40];
  const image = patch(size, 2);
  const first = withBlindSpots(image, size, PLAIN, new Random(1));
  assert.deepEqual(withBlindSpots(image, size, PLAIN, new Random(1)), first);
  assert.notDeepEqual(withBlindSpots(image, size, PLAIN, new Random(2)).spots, first.spots);
  assert.notDeepEqual(spotsOf(first.spots, size, 2, 0), spotsOf(first.spots, size, 2, 1));
  for (const [at, value] of first.image.entries()) if (first.spots[at] === 0) assert.equal(value, image[at]);
});

for (const manipulator of N2V_MANIPULATORS)
  test(`${manipulator} computes a spot's value from the pixels that it names`, () => {
    for (const size of [
      [1, 50, 50],
      [12, 25, 25],
    ] as const) {
      const image = patch(size);
      const { image: hidden, spots } = withBlindSpots(image, size, { ...PLAIN, manipulator }, new Random(5));
      const at = ([z, y, x]: Box) => (z * size[1] + y) * size[2] + x;
      const places = spotsOf(spots, size);
      assert.ok(places.length > 0);
      for (const place of places) {
        const value = hidden[at(place)];
        const own = image[at(place)];
        const around: number[] = [];
        const inReach = (axis: number, other: number) => Math.abs(place[axis] - other) <= 2;
        for (let z = 0; z < size[0]; z++)
          for (let y = 0; y < size[1]; y++)
            for (let x = 0; x < size[2]; x++)
              if (inReach(0, z) && inReach(1, y) && inReach(2, x)) around.push(image[at([z, y, x])]);
        const others = around.filter((each) => each !== own).sort((a, b) => a - b);
        const mean = others.reduce((sum, each) => sum + each, 0) / others.length;
        const middle = others.length >> 1;
        const median = others.length % 2 === 1 ? others[middle] : (others[middle - 1] + others[middle]) / 2;
        const close = (expected: number) =>
          assert.ok(Math.abs(value - expected) < 1e-2 * Math.abs(expected) + 1e-3);
        if (manipulator === "uniform_withCP") assert.ok(around.includes(value));
        else if (manipulator === "uniform_withoutCP") assert.ok(others.includes(value));
        else if (manipulator === "normal_withoutCP") assert.ok(image.includes(value) && value !== own);
        // Judged below.
        else if (manipulator === "normal_additive" || manipulator === "normal_fitted")
          assert.ok(Number.isFinite(value) && value !== own);
        else if (manipulator === "mean") close(mean);
        else if (manipulator === "median") close(median);
        else assert.equal(value, own);
      }
    }
  });

/** The values that a manipulator gives a plane's spots in many draws, each with the spot's index. */
function drawnFrom(image: Float32Array, size: Box, manipulator: N2vManipulator) {
  return Array.from({ length: 400 }, (_, seed) => {
    const settings = { ...PLAIN, manipulator };
    const { image: hidden, spots } = withBlindSpots(image, size, settings, new Random(seed));
    return [...spots.entries()].flatMap(([at, spot]) => (spot === 1 ? [{ at, value: hidden[at] }] : []));
  }).flat();
}

function isGaussian(values: readonly number[], mean: number, deviation: number): void {
  const found = values.reduce((sum, each) => sum + each, 0) / values.length;
  const spread = Math.sqrt(values.reduce((sum, each) => sum + (each - found) ** 2, 0) / values.length);
  const near = Math.abs(found - mean) < 0.08 * deviation && Math.abs(spread / deviation - 1) < 0.08;
  assert.ok(near, `${found} ± ${spread}`);
}

test("values drawn from the fitted Gaussian have the neighborhood's mean and deviation", () => {
  const image = Float32Array.from({ length: 900 }, (_, at) => (at % 2 === 0 ? 3 : 5));
  const drawn = drawnFrom(image, [1, 30, 30], "normal_fitted");
  isGaussian(
    drawn.map(({ value }) => value),
    4,
    1,
  );
});

test("additive noise has the radius as its deviation", () => {
  const drawn = drawnFrom(new Float32Array(900).fill(7), [1, 30, 30], "normal_additive");
  isGaussian(
    drawn.map(({ value }) => value),
    7,
    PLAIN.radius,
  );
});

test("normal_withoutCP takes pixels at distances with a deviation of four pixels", () => {
  const side = 60;
  // Each pixel's value is its index.
  const image = Float32Array.from({ length: side ** 2 }, (_, at) => at);
  const inside = (at: number) => at >= 20 && at < side - 20;
  const drawn = drawnFrom(image, [1, side, side], "normal_withoutCP").filter(
    ({ at }) => inside(at % side) && inside(Math.floor(at / side)),
  );
  isGaussian(
    drawn.map(({ at, value }) => (value % side) - (at % side)),
    0,
    4,
  );
  isGaussian(
    drawn.map(({ at, value }) => Math.floor(value / side) - Math.floor(at / side)),
    0,
    4,
  );
});

test("structN2V also replaces four pixels to the left and right, in the spot's own slice", () => {
  for (const size of [
    [1, 44, 44],
    [23, 30, 40],
  ] as const) {
    const image = patch(size).map((value) => value + 10);
    const settings: BlindSpotSettings = { ...PLAIN, percent: 0.198, structured: true };
    const { image: hidden, spots } = withBlindSpots(image, size, settings, new Random(3));
    const expected = new Set<string>();
    for (const [z, y, x] of spotsOf(spots, size))
      for (let step = -4; step <= 4; step++)
        expected.add(String([z, y, Math.min(Math.max(x + step, 0), size[2] - 1)]));
    for (let z = 0; z < size[0]; z++)
      for (let y = 0; y < size[1]; y++)
        for (let x = 0; x < size[2]; x++) {
          const at = (z * size[1] + y) * size[2] + x;
          const isHidden = expected.has(String([z, y, x]));
          if (!isHidden) assert.equal(hidden[at], image[at]);
          else if (spots[at] === 0) assert.ok(Math.abs(hidden[at]) <= 2, `${hidden[at]}`);
        }
  }
});
