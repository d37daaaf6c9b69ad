/** TensorFlow as a runtime, against onnxruntime. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { RuntimeName } from "../../src/runtime/open-runtime.ts";
import { openRuntime } from "../../src/runtime/open-runtime.ts";
import type { TrainingSettings } from "../../src/runtime/optimizer-settings.ts";
import type { Program } from "../../src/runtime/program.ts";
import { maeProgram, train, unetProgram } from "../support/programs.ts";

const PROGRAMS: Readonly<Record<string, Program>> = {
  "2D MAE": maeProgram([16, 24]),
  "3D MAE": maeProgram([8, 8, 16]),
  "2D U-Net": unetProgram([32, 32]),
  "3D U-Net": unetProgram([16, 16, 16]),
};
const settings: TrainingSettings = {
  optimizer: { kind: "adamw", betas: [0.9, 0.95], epsilon: 1e-8, weightDecay: 0.05 },
  clipNorm: 1,
};

async function trained(name: RuntimeName, program: Program) {
  const runtime = await openRuntime(name, 2, assert.fail);
  return { device: runtime.device, ...(await train(runtime, program, settings, { steps: 5, rate: 1e-3 })) };
}

for (const [name, program] of Object.entries(PROGRAMS)) {
  test(`a ${name} trains on TensorFlow with onnxruntime's losses`, async () => {
    const graph = await trained("onnx", program);
    const eager = await trained("tensorflow", program);
    assert.match(eager.device, /TensorFlow/);
    for (const [index, outputs] of graph.steps.entries())
      for (const [output, value] of Object.entries(outputs)) {
        const found = eager.steps[index][output];
        const allowed = 1e-4 * Math.max(1, Math.abs(value));
        assert.ok(Math.abs(found - value) <= allowed, `${output} of step ${index}: ${found}, not ${value}`);
      }
    assert.ok(graph.steps[4].loss < graph.steps[0].loss, "it learns");
  });
}
