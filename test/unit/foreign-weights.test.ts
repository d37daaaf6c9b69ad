/** Position embeddings of other programs, resampled to this network's grid of tokens. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CheckpointTensor } from "../../src/checkpoint/tensor.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import type { WeightSpec } from "../../src/runtime/scope.ts";
import { adaptWeights, underOwnNames, whyOtherTransformer } from "../../src/workflow/foreign-weights.ts";

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

/** A checkpoint of single numbers under some names. */
const named = (...names: string[]) => ({
  path: "a.pth",
  weights: new Map(names.map((name) => [name, CheckpointTensor.of(Float32Array.of(1), [1])] as const)),
  close: async () => {},
});

test("the prefix of a larger network is left out of names, unless several networks have one", () => {
  const own = new Set(["a.weight", "b.weight"]);
  const nested = underOwnNames(
    named("net.encoder.a.weight", "net.encoder.b.weight", "net.head.b.weight"),
    own,
  );
  assert.equal(nested.prefix, "net.encoder.");
  assert.deepEqual([...nested.checkpoint.weights.keys()], ["a.weight", "b.weight", "net.head.b.weight"]);
  for (const names of [
    ["a.weight", "model.b.weight"],
    ["x.c", "c"],
  ]) {
    const checkpoint = named(...names);
    assert.deepEqual(underOwnNames(checkpoint, own), { checkpoint });
  }
  assert.throws(
    () => underOwnNames(named("one.a.weight", "two.a.weight"), own),
    /several networks \(one\.…, two\.…\)/,
  );
});

test("a transformer that computes otherwise is refused with the layer that tells", () => {
  const layers = ["patch_embed.proj.weight", "blocks.0.attn.qkv.weight"];
  assert.equal(whyOtherTransformer(named(...layers), 3), undefined);
  for (const [name, why] of [
    ["blocks.0.gamma_1", /layer scales/],
    ["blocks.1.attn.q_bias", /separate biases/],
    ["rel_pos_bias.relative_position_bias_table", /relative positions/],
    ["register_tokens", /further tokens/],
    ["patch_embed.norm.weight", /a normalization of its tokens/],
    ["blocks.0.mlp.norm.weight", /normalizations inside/],
  ] as const)
    assert.match(whyOtherTransformer(named(...layers, name), 3) ?? "", why);
  assert.match(
    whyOtherTransformer(named("patch_embed.proj.weight"), 3) ?? "",
    /lacks blocks\.0\.attn\.qkv\.weight/,
  );
  const trained = { ...named(...layers), modelBuildArguments: { num_heads: 4 } };
  assert.match(whyOtherTransformer(trained, 3) ?? "", /4 attention heads, and this network has 3/);
  assert.equal(whyOtherTransformer(trained, 4), undefined);
});
