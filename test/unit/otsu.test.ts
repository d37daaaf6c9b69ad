import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { otsuThreshold } from "../../src/data/otsu.ts";

/** Made by test/fixtures/make_workflow_losses.py with scikit-image. */
const judged: {
  readonly otsu: readonly { readonly count: number; readonly a: number; readonly threshold: number }[];
} = JSON.parse(readFileSync(new URL("../fixtures/workflow_losses.json", import.meta.url), "utf8"));

test("the threshold is scikit-image's", () => {
  for (const { count, a, threshold } of judged.otsu) {
    const values = Float32Array.from(
      { length: count },
      (_, at) => 1 / (1 + Math.exp(-8 * Math.sin(at * a) + 3)),
    );
    const found = otsuThreshold(values);
    assert.ok(Math.abs(found - threshold) < 1e-5, `${found} is not ${threshold}`);
  }
});

test("nothing lies above the threshold of a constant", () => {
  const values = new Float32Array(50).fill(0.25);
  assert.ok(values.every((value) => !(value > otsuThreshold(values))));
});
