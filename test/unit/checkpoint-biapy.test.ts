/** BiaPy's checkpoints, against one that BiaPy 3.7.1 wrote after two steps of training (test/fixtures/make_checkpoints.py). */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import {
  type BiapyCheckpoint,
  loadBiapyCheckpoint,
  saveBiapyCheckpoint,
} from "../../src/checkpoint/biapy-checkpoint.ts";
import { CheckpointError } from "../../src/checkpoint/checkpoint-error.ts";
import { PythonFloat, PythonTuple } from "../../src/checkpoint/python-values.ts";
import { writeCheckpoint } from "../../src/checkpoint/pytorch.ts";
import { CheckpointTensor } from "../../src/checkpoint/tensor.ts";
import { checkpointFixture } from "../support/checkpoint-fixtures.ts";
import { temporaryFile } from "../support/temporary-folder.ts";

interface Described {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

interface Expected {
  readonly arguments: Record<string, unknown>;
  readonly model: Record<string, Described>;
  readonly optimizer: Record<string, Record<string, Described>>;
}

const expected: Expected = JSON.parse(await readFile(checkpointFixture("biapy.json"), "utf8"));

async function expectTensor(tensor: CheckpointTensor | undefined, described: Described, name: string) {
  assert.deepEqual(tensor?.shape, described.shape, name);
  assert.deepEqual(await tensor?.read(), Float32Array.from(described.values), name);
}

async function expectWeightsAndOptimizer(checkpoint: BiapyCheckpoint): Promise<void> {
  assert.deepEqual([...checkpoint.weights.keys()], Object.keys(expected.model));
  for (const [name, described] of Object.entries(expected.model))
    await expectTensor(checkpoint.weights.get(name), described, name);
  assert.deepEqual(checkpoint.optimizer?.settings, {
    name: "ADAMW",
    learningRate: 1e-4,
    betas: [0.9, 0.999],
    epsilon: 1e-8,
    weightDecay: 0.02,
  });
  const states = checkpoint.optimizer?.parameters;
  // Frozen position embeddings count among the parameters but have no state.
  assert.deepEqual([...(states?.keys() ?? [])], Object.keys(expected.optimizer));
  assert.equal(states?.has("pos_embed"), false);
  for (const [name, { step, ...moments }] of Object.entries(expected.optimizer)) {
    const state = states?.get(name);
    assert.equal(state?.step, step?.values[0]);
    assert.deepEqual(Object.keys(state?.moments ?? {}), ["exp_avg", "exp_avg_sq"]);
    for (const [key, described] of Object.entries(moments))
      await expectTensor(state?.moments[key], described, `${key} of ${name}`);
  }
}

test("BiaPy's checkpoint is read: weights, optimizer by parameter, configuration", async () => {
  const checkpoint = await loadBiapyCheckpoint(checkpointFixture("biapy.pth"));
  await expectWeightsAndOptimizer(checkpoint);
  assert.equal(checkpoint.epoch, "best");
  assert.equal(checkpoint.biapyVersion, "3.7.1");
  assert.deepEqual(checkpoint.modelBuildArguments, expected.arguments);
  assert.equal(checkpoint.engineState, undefined);
  const config = JSON.parse(JSON.stringify(checkpoint.config));
  assert.equal(config.MODEL.ARCHITECTURE, "mae");
  assert.deepEqual(config.DATA.PATCH_SIZE, [16, 16, 1]);
  await checkpoint.close();
});

test("a saved checkpoint comes back whole, with the engine's own state", async () => {
  const path = temporaryFile("cells_1-checkpoint-4.pth");
  const original = await loadBiapyCheckpoint(checkpointFixture("biapy.pth"));
  await saveBiapyCheckpoint(path, {
    weights: original.weights,
    modelBuildArguments: { img_size: 16, mlp_ratio: new PythonFloat(2) },
    optimizer: original.optimizer,
    epoch: 4,
    config: { DATA: { PATCH_SIZE: new PythonTuple([16, 16, 1]) } },
    engineState: { step: 1234, random: Uint8Array.of(1, 200), best: { loss: 0.25, epoch: 3 } },
  });
  await original.close();
  const checkpoint = await loadBiapyCheckpoint(path);
  await expectWeightsAndOptimizer(checkpoint);
  assert.equal(checkpoint.epoch, 4);
  assert.equal(checkpoint.biapyVersion, "3.7.1");
  assert.deepEqual(checkpoint.modelBuildArguments, { img_size: 16, mlp_ratio: 2 });
  assert.deepEqual(checkpoint.config, { DATA: { PATCH_SIZE: [16, 16, 1] } });
  assert.deepEqual(checkpoint.engineState, {
    step: 1234,
    random: Uint8Array.of(1, 200),
    best: { loss: 0.25, epoch: 3 },
  });
  await checkpoint.close();
});

test("a checkpoint of an older BiaPy is read: CfgNode, a class among the arguments, one optimizer", async () => {
  const checkpoint = await loadBiapyCheckpoint(checkpointFixture("old_biapy.pth"));
  assert.deepEqual(await checkpoint.weights.get("weight")?.read(), Float32Array.of(1, 1));
  assert.deepEqual(checkpoint.config, { MODEL: { ARCHITECTURE: "unetr" } });
  assert.equal(checkpoint.epoch, 3);
  assert.deepEqual(checkpoint.optimizer?.settings, {
    name: "SGD",
    learningRate: 0.5,
    momentum: 0,
    nesterov: false,
    weightDecay: 0,
  });
  assert.deepEqual(checkpoint.modelBuildArguments, {
    norm_layer: "functools.partial(torch.nn.modules.normalization.LayerNorm)",
  });
  await checkpoint.close();
});

test("a checkpoint of another program keeps its command line as inert data and its names without wrappers", async () => {
  const checkpoint = await loadBiapyCheckpoint(checkpointFixture("foreign.pth"));
  assert.deepEqual([...checkpoint.weights.keys()], ["cls_token", "blocks.0.norm1.weight"]);
  assert.deepEqual(await checkpoint.weights.get("cls_token")?.read(), Float32Array.of(0.5, 0.5));
  assert.equal(checkpoint.epoch, 3);
  await checkpoint.close();
});

test("weights alone are found wherever BiaPy looks for them", async () => {
  for (const name of ["tensors.pth", "tensors.safetensors"]) {
    const checkpoint = await loadBiapyCheckpoint(checkpointFixture(name));
    assert.equal(checkpoint.weights.get("scalar")?.size, 1);
    assert.equal(checkpoint.optimizer, undefined);
    await checkpoint.close();
  }
  for (const key of ["model", "model_state_dict", "state_dict"]) {
    const path = temporaryFile(`${key}.pth`);
    await writeCheckpoint(path, { [key]: { weight: CheckpointTensor.of(Float32Array.of(7), [1]) } });
    const checkpoint = await loadBiapyCheckpoint(path);
    assert.deepEqual(await checkpoint.weights.get("weight")?.read(), Float32Array.of(7));
    await checkpoint.close();
  }
  await assert.rejects(loadBiapyCheckpoint(checkpointFixture("values.pth")), /contains no weights by name/);
});

test("BatchNorm's statistics are weights but not among the optimizer's parameters", async () => {
  const path = temporaryFile("norm.pth");
  const tensor = (value: number) => CheckpointTensor.of(Float32Array.of(value), [1]);
  const moments = (value: number) => ({ moments: { momentum_buffer: tensor(value) } });
  await saveBiapyCheckpoint(path, {
    weights: new Map([
      ["norm.weight", tensor(1)],
      ["norm.running_mean", tensor(2)],
      ["norm.running_var", tensor(3)],
      ["norm.num_batches_tracked", CheckpointTensor.of(Float32Array.of(9), [])],
      ["last.weight", tensor(4)],
    ]),
    modelBuildArguments: {},
    optimizer: {
      settings: { name: "SGD", learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0 },
      parameters: new Map([["last.weight", moments(5)]]),
    },
    epoch: "best",
    config: {},
  });
  const checkpoint = await loadBiapyCheckpoint(path);
  assert.deepEqual(await checkpoint.weights.get("norm.num_batches_tracked")?.read(), BigInt64Array.of(9n));
  const state = checkpoint.optimizer?.parameters.get("last.weight");
  assert.deepEqual(await state?.moments.momentum_buffer?.read(), Float32Array.of(5));
  await checkpoint.close();
});

test("weights may change once they are written, before the file has its name", async () => {
  const path = temporaryFile("changing.pth");
  const [small, large] = [Float32Array.of(1, 2), new Float32Array(2 ** 19).fill(3)];
  const weights = Object.entries({ small, large }).map(
    ([name, values]) => [name, CheckpointTensor.of(values, [values.length])] as const,
  );
  const content = { weights: new Map(weights), modelBuildArguments: {}, epoch: 1, config: {} };
  let named: boolean | undefined;
  await saveBiapyCheckpoint(path, content, () => {
    named = existsSync(path);
    small.fill(0);
    large.fill(0);
  });
  assert.equal(named, false);
  const checkpoint = await loadBiapyCheckpoint(path);
  assert.deepEqual(await checkpoint.weights.get("small")?.read(), Float32Array.of(1, 2));
  assert.deepEqual(await checkpoint.weights.get("large")?.read(), new Float32Array(2 ** 19).fill(3));
  await checkpoint.close();
});

test("an optimizer's state of a parameter that the model lacks is refused", async () => {
  const path = temporaryFile("wrong.pth");
  const settings = { name: "SGD", learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0 } as const;
  const saving = saveBiapyCheckpoint(path, {
    weights: new Map([["weight", CheckpointTensor.of(Float32Array.of(1), [1])]]),
    modelBuildArguments: {},
    optimizer: { settings, parameters: new Map([["wieght", { moments: {} }]]) },
    epoch: 1,
    config: {},
  });
  await assert.rejects(saving, (error) => error instanceof CheckpointError && /"wieght"/.test(error.message));
});
