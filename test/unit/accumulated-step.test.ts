/** A batch computed in parts moves the weights as the whole batch does. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { imageModel } from "../../src/models/architectures.ts";
import { declaredWeights } from "../../src/runtime/declared-weights.ts";
import { openRuntime, type RuntimeName } from "../../src/runtime/open-runtime.ts";
import type { TrainingSettings } from "../../src/runtime/optimizer-settings.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import type { Program } from "../../src/runtime/program.ts";
import { compileTraining } from "../../src/training/training-step.ts";
import { referenceModel } from "../support/reference-models.ts";

const BATCH = 8;
const images = { shape: [BATCH, 16, 16, 1], type: "float32" } as const;
const build = { ...referenceModel("unet_2d").build_args, feature_maps: [4, 8], drop_values: [0, 0] };
const network = imageModel("unet", {
  ...build,
  ...{ yx_down: [2], z_down: [1], isotropy: [true, true], conv_layers: [1, 1] },
});
const program: Program = {
  training: true,
  inputs: { images, targets: images },
  forward: (scope, { images, targets }) => {
    const errors = network(scope, images).sub(targets);
    return { loss: errors.square().mean(), mae: errors.abs().mean() };
  },
};

async function trained(clipNorm: number, partSize?: number, name: RuntimeName = "onnx") {
  const settings: TrainingSettings = {
    optimizer: { kind: "sgd", momentum: 0.9, weightDecay: 0.01 },
    clipNorm,
    partSize,
  };
  const parameters = new Parameters(declaredWeights(program), { trainable: true, threads: 2 });
  parameters.initialize(7);
  const step = compileTraining(await openRuntime(name, 2, assert.fail), program, parameters, settings);
  for (const [name, values] of Object.entries(step.inputs))
    for (let at = 0; at < values.length; at++) values[at] = Math.sin(at * (name === "images" ? 0.37 : 0.11));
  const metrics: number[][] = [];
  for (let each = 0; each < 3; each++) {
    await step.run(each, 1e-2);
    metrics.push(Object.values(step.outputs).map(([value = 0]) => value));
  }
  const weights = parameters.specs.map(({ name }) => parameters.values(name).slice());
  const memory = step.memory?.values ?? 0;
  step.release();
  await parameters.close();
  return { metrics, weights, memory };
}

for (const clipNorm of [0, 0.05]) {
  const how = clipNorm > 0 ? "clipped gradients" : "gradients";
  test(`three steps in parts of two equal three steps of eight, with ${how}`, async () => {
    const [whole, parts] = [await trained(clipNorm), await trained(clipNorm, 2)];
    for (const [step, values] of whole.metrics.entries())
      for (const [at, value] of values.entries())
        assert.ok(
          Math.abs(value - (parts.metrics[step]?.[at] ?? 0)) < 1e-5 * Math.abs(value),
          `step ${step}`,
        );
    for (const [weight, values] of whole.weights.entries())
      for (const [at, value] of values.entries())
        assert.ok(
          Math.abs(value - (parts.weights[weight]?.[at] ?? 0)) < 1e-6 + 1e-4 * Math.abs(value),
          `${weight}[${at}] is ${value}`,
        );
    assert.ok(parts.memory < 0.6 * whole.memory, `${parts.memory} bytes instead of ${whole.memory}`);
  });
}

test("a runtime that computes op by op reports the same metrics of a batch in parts", async () => {
  const [graph, eager] = [await trained(0, 4), await trained(0, 4, "wasm")];
  assert.equal(eager.metrics[0]?.length, 2);
  for (const [step, values] of graph.metrics.entries())
    for (const [at, value] of values.entries()) {
      const other = eager.metrics[step]?.[at] ?? Number.NaN;
      assert.ok(
        Math.abs(value - other) < 1e-4 * Math.abs(value),
        `step ${step}: ${other} instead of ${value}`,
      );
    }
});
