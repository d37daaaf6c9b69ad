/** DATA.NORMALIZATION.TARGET as in BiaPy's IMAGE_TO_IMAGE, the only workflow in which BiaPy 3.7.1 obeys it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { fixedNormalization } from "../../src/data/measure-normalization.ts";
import {
  denormalizedPrediction,
  type NormalizationSettings,
  normalize,
} from "../../src/data/normalization.ts";
import { Random } from "../../src/data/random.ts";
import type { ImageShape } from "../../src/images/image.ts";
import { python, skip } from "./python.ts";

const shape: ImageShape = [1, 12, 9, 2];
const count = 12 * 9 * 2;
const random = new Random(3);
const image = Uint16Array.from({ length: count }, () => random.integer(1000));

const centered = { mean: [400, 500], std: [120, 90] };
const limits = { lower_bound_val: [100, 200], upper_bound_val: [900, 800] };
const clip = { lower: limits.lower_bound_val, upper: limits.upper_bound_val };
const custom = { mean: centered.mean, deviation: centered.std };

const CASES: readonly (readonly [string, object, NormalizationSettings])[] = [
  [
    "by mean and deviation",
    { type: "zero_mean_unit_variance", percentile_clip: false, ...centered },
    { type: "zero_mean_unit_variance", custom },
  ],
  [
    "clipped, by mean and deviation",
    { type: "zero_mean_unit_variance", percentile_clip: true, ...centered, ...limits },
    { type: "zero_mean_unit_variance", custom, clip },
  ],
  [
    "between limits",
    { type: "scale_range", percentile_clip: true, ...limits },
    { type: "scale_range", clip },
  ],
];

test("targets, and predictions converted back, are BiaPy's", { skip }, () => {
  const made = CASES.map(([, module, settings]) => {
    const channels = fixedNormalization(settings, 2);
    const prediction = Float32Array.from({ length: count }, () =>
      settings.type === "scale_range" ? random.uniform() : random.normal(),
    );
    const restored = new Uint16Array(count);
    denormalizedPrediction(prediction, channels, "uint16", restored);
    const normalized = normalize({ shape, sampleType: "uint16", data: image }, channels);
    return { module, prediction, restored, normalized };
  });
  const input = made.map(({ module, prediction }) => ({
    module,
    shape: shape.slice(1),
    image: [...image],
    prediction: [...prediction],
  }));
  const judge = join(import.meta.dirname, "target-normalization-judge.py");
  const { status, stdout, stderr } = spawnSync(python, [judge], {
    input: JSON.stringify(input),
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr.slice(-3000));
  const theirs = JSON.parse(stdout) as { normalized: number[]; restored: number[] }[];
  for (const [index, { normalized, restored }] of made.entries()) {
    const [name] = CASES[index];
    for (const [at, value] of theirs[index].normalized.entries())
      assert.ok(Math.abs(value - normalized[at]) < 1e-5, `${name}: ${value}, not ${normalized[at]}`);
    // Where rounding decides, single precision may fall on either side.
    for (const [at, value] of theirs[index].restored.entries())
      assert.ok(Math.abs(value - restored[at]) <= 1, `${name}: ${value}, not ${restored[at]}`);
  }
});
