/** Images predicted in one piece (TEST.FULL_IMG): they are completed to a size that every level of the network divides. */
import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { loadConfig } from "../../src/config/config.ts";
import { resultTree } from "../../src/facts/result-tree.ts";
import { declaredWeights } from "../../src/runtime/declared-weights.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import { CompiledModels } from "../../src/workflow/patch-models.ts";
import { taskOf } from "../../src/workflow/run.ts";

const runtime = openOnnxRuntime(1);

for (const [model, size, completed] of [
  ["ARCHITECTURE: unet, FEATURE_MAPS: [4, 8, 16]", 21, 24],
  ["ARCHITECTURE: multiresunet, FEATURE_MAPS: [4, 8, 16]", 21, 32],
  ["ARCHITECTURE: multiresunet, FEATURE_MAPS: [4, 8, 16], YX_DOWN: [1, 1, 1, 1]", 21, 32],
  ["ARCHITECTURE: stunet, FEATURE_MAPS: [4, 8, 16], STUNET: {VARIANT: small}", 21, 32],
  [
    "ARCHITECTURE: unext_v2, CONVNEXT_STEM_K_SIZE: 3, FEATURE_MAPS: [4, 8, 16], CONV_LAYERS: [1, 1, 1]",
    21,
    24,
  ],
  [
    "ARCHITECTURE: unext_v2, CONVNEXT_STEM_K_SIZE: 4, FEATURE_MAPS: [4, 8, 16], CONV_LAYERS: [1, 1, 1]",
    21,
    32,
  ],
] as const)
  test(`an image of ${size} pixels is completed to ${completed} for ${model}, which the network keeps`, async () => {
    const { config } = loadConfig(
      "job.yaml",
      `
PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: 2D}
DATA: {PATCH_SIZE: "(96,96,1)"}
MODEL: {${model}}
`,
    );
    const task = await taskOf({ config, tree: resultTree(tmpdir(), "job", 1), normalizePixels: false });
    const weights = declaredWeights(task.testing.prediction([1, 96, 96, 1]));
    const parameters = new Parameters(weights, { trainable: false, threads: 1 });
    const models = new CompiledModels(config, task, runtime, parameters);
    try {
      parameters.initialize(1);
      assert.equal(models.complete(size), completed);
      const network = models.modelFor([1, completed, completed], 1);
      const { prediction } = await network.run([new Float32Array(completed ** 2)], [0]);
      assert.equal(prediction[0].length, completed ** 2);
    } finally {
      models.release();
      await parameters.close();
    }
  });
