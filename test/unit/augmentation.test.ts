import assert from "node:assert/strict";
import { test } from "node:test";
import { augment } from "../../src/data/augmentation.ts";
import { Random } from "../../src/data/random.ts";

// [z 1, y 2, x 3, channel 2]: pixel (y, x) holds (10 y + x, -(10 y + x)).
const patch = Float32Array.from([0, 1, 2, 10, 11, 12].flatMap((value) => [value, -value]));
const first = (values: Float32Array) => [...values].filter((_, index) => index % 2 === 0);

test("flips turn a patch over along their axis, all channels together", () => {
  const flip = (kind: "hflip" | "vflip") =>
    augment(patch, [1, 2, 3], 2, [{ kind, probability: 1 }], new Random(0));
  assert.deepEqual(first(flip("hflip")), [2, 1, 0, 12, 11, 10]);
  assert.deepEqual(first(flip("vflip")), [10, 11, 12, 0, 1, 2]);
  assert.deepEqual(
    [...flip("hflip")].filter((_, index) => index % 2 === 1),
    [-2, -1, 0, -12, -11, -10].map((value) => value || -0),
  );
});

test("quarter turns give all three rotations of a square, and a half turn of anything else", () => {
  const square = Float32Array.from([1, 2, 3, 4]);
  const seen = new Set(
    Array.from({ length: 40 }, (_, seed) =>
      String(augment(square, [1, 2, 2], 1, [{ kind: "rot90", probability: 1 }], new Random(seed))),
    ),
  );
  assert.deepEqual([...seen].sort(), ["2,4,1,3", "3,1,4,2", "4,3,2,1"]);
  const turned = augment(patch, [1, 2, 3], 2, [{ kind: "rot90", probability: 1 }], new Random(0));
  assert.deepEqual(first(turned), [12, 11, 10, 2, 1, 0]);
});

test("a probability of 0 does nothing and of a half about half of the time", () => {
  const steps = (probability: number) => [{ kind: "hflip", probability }] as const;
  assert.deepEqual(augment(patch, [1, 2, 3], 2, steps(0), new Random(1)), patch);
  const changed = Array.from(
    { length: 400 },
    (_, seed) => augment(patch, [1, 2, 3], 2, steps(0.5), new Random(seed)) !== patch,
  );
  const share = changed.filter(Boolean).length / 400;
  assert.ok(Math.abs(share - 0.5) < 0.1, String(share));
});
