/** Position embeddings of other programs, resampled to this network's grid of tokens. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CheckpointTensor } from "../../src/checkpoint/tensor.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import type { WeightSpec } from "../../src/runtime/scope.ts";
import { adaptWeights } from "../../src/workflow/foreign-weights.ts";

const spec: WeightSpec = {
  name: "pos_embed",
  shape: [1, 5, 1],
  role: "state",
  initializer: { kind: "constant", value: 0 },
};

/** Adapts embeddings of one feature to a class token and 2 x 2 tokens. */
async function adapted(values: readonly number[]): Promise<number[]> {
  const parameters = new Parameters([spec], { trainable: false, threads: 1 });
  parameters.initialize(1);
  const tensor = CheckpointTensor.of(Float32Array.from(values), [1, values.length, 1]);
  const checkpoint = { path: "a.pth", weights: new Map([["pos_embed", tensor]]), close: async () => {} };
  try {
    await adaptWeights(checkpoint, parameters, [2, 2]);
    return [...parameters.read("pos_embed")];
  } finally {
    await parameters.close();
  }
}

test("a class token keeps its embedding, and the others are resampled", async () => {
  assert.deepEqual(await adapted([7, 3]), [7, 3, 3, 3, 3]);
});

test("a single embedding is that of a token, not a class token without a grid", async () => {
  assert.deepEqual(await adapted([3]), [0, 3, 3, 3, 3]);
});
