/** Training by WebGPU, against the CPU: the same losses and weights, and no operator that runs anywhere but on the device. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { declaredWeights } from "../../src/runtime/declared-weights.ts";
import { DeviceMemoryError } from "../../src/runtime/device-memory-error.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import type { OptimizerSettings } from "../../src/runtime/optimizer-settings.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import type { Program } from "../../src/runtime/program.ts";
import { PrecisionError } from "../../src/training/training-step.ts";
import { fill, maeProgram, train, unetProgram } from "../support/programs.ts";
import { trainsOnTheDevice, webgpu } from "./on-device.ts";

const adam = { betas: [0.9, 0.95], epsilon: 1e-8, weightDecay: 0.05 } as const;
const ADAMW: OptimizerSettings = { kind: "adamw", ...adam };
const OPTIMIZERS: readonly OptimizerSettings[] = [
  ADAMW,
  { kind: "adam", ...adam },
  { kind: "sgd", momentum: 0.9, weightDecay: 0.01 },
];

const PROGRAMS: Readonly<Record<string, Program>> = {
  "2D MAE": maeProgram([16, 24]),
  "3D MAE": maeProgram([8, 8, 16]),
  "2D U-Net": unetProgram([16, 24]),
  "2D U-Net with instance normalization, interpolated, of odd sizes": unetProgram([18, 22], {
    normalization: "in",
    upsample_layer: "upsampling",
    feature_maps: [4, 8],
    yx_down: [2],
    conv_layers: [2, 2],
    drop_values: [0.1, 0.1],
  }),
  "3D U-Net": unetProgram([8, 16, 16], { feature_maps: [4, 8], conv_layers: [1, 1], drop_values: [0, 0] }),
};

for (const [index, [name, program]] of Object.entries(PROGRAMS).entries()) {
  const optimizer = OPTIMIZERS[index % OPTIMIZERS.length];
  test(`a ${name} trains on the device alone, with the CPU's losses (${optimizer.kind})`, async () => {
    await trainsOnTheDevice(program, { optimizer, clipNorm: 1 }, { steps: 3, rate: 1e-3 });
  });
}

test("mixed precision trains where the device has half precision, and is refused in words where it has not", async () => {
  const program = maeProgram([16, 24]);
  const settings = { optimizer: ADAMW, clipNorm: 1, precision: "mixed" } as const;
  const course = { steps: 3, rate: 1e-3 };
  const runtime = webgpu();
  const reason = runtime.whyNotMixed();
  if (reason !== undefined) {
    assert.match(reason, /no half-precision arithmetic \(WebGPU's shader-f16\)/);
    await assert.rejects(train(runtime, program, settings, course), PrecisionError);
  } else {
    const expected = await train(new OnnxRuntime(2), program, { optimizer: ADAMW, clipNorm: 1 }, course);
    const found = await train(runtime, program, settings, course);
    for (const [step, { loss }] of expected.steps.entries())
      assert.ok(Math.abs(found.steps[step].loss / loss - 1) < 5e-3, `the loss of step ${step}`);
  }
  runtime.release();
});

test("weights are copied from the device when they are read, and to it when they are written", async () => {
  const program = maeProgram([8, 8]);
  const runtime = webgpu();
  const parameters = new Parameters(declaredWeights(program), { trainable: true, threads: 1 });
  parameters.initialize(3);
  const step = runtime.compileTraining(program, parameters, { optimizer: ADAMW, clipNorm: 0 });
  const evaluation = runtime.compile({ ...program, training: false }, parameters, { gradients: false });
  fill(step.inputs);
  fill(evaluation.inputs);
  const name = "decoder_pred.weight";
  const before = parameters.read(name).slice();
  await step.run(0, 1e-2);
  assert.notDeepEqual(parameters.read(name), before, "the step moved it");
  await step.run(1, 1e-2);
  // The evaluation reads the weights that the last step left on the device: the loss that the next step starts from.
  await evaluation.run(0);
  await step.run(2, 0);
  const near = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-5, `${a} is not ${b}`);
  near(evaluation.outputs.loss[0], step.outputs.loss[0]);
  parameters.values(name).fill(0);
  parameters.values("decoder_pred.bias").fill(0);
  await step.run(3, 0);
  assert.deepEqual(parameters.read(name), new Float32Array(before.length), "and it stays what was written");
  // Of 16 pixels normalized by their unbiased variance.
  near(step.outputs.mse[0], 15 / 16);
  for (const each of [step, evaluation]) each.release();
  await parameters.close();
  runtime.release();
});

// WebGPU has no buffer of 4 GiB anywhere, and SwiftShader none of 2 GiB.
for (const rows of [2 ** 14, 2 ** 15]) {
  test(`a lack of device memory is distinguished from other failures: ${rows} rows`, async () => {
    const program: Program = {
      training: false,
      inputs: {
        lines: { shape: [rows, 1, 1], type: "float32" },
        columns: { shape: [1, 2 ** 15, 1], type: "float32" },
      },
      forward: (_, { lines, columns }) => ({ sum: lines.add(columns).square().sum() }),
    };
    const parameters = new Parameters([], { trainable: false, threads: 1 });
    const executable = webgpu().compile(program, parameters, { gradients: false });
    await assert.rejects(executable.run(0), DeviceMemoryError);
  });
}
