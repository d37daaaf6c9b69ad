/** Training by WebGPU, against the CPU: the same losses and weights, and no operator that runs anywhere but on the device. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { declaredWeights } from "../../src/runtime/declared-weights.ts";
import { DeviceMemoryError } from "../../src/runtime/device-memory-error.ts";
import { DeviceRuntime } from "../../src/runtime/onnx/device-runtime.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import type { OptimiserSettings } from "../../src/runtime/optimiser-settings.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import type { Program } from "../../src/runtime/program.ts";
import { fill, maeProgram, train, unetProgram } from "../support/programs.ts";

const folder = mkdtempSync(join(tmpdir(), "webgpu-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const adam = { betas: [0.9, 0.95], epsilon: 1e-8, weightDecay: 0.05 } as const;
const ADAMW: OptimiserSettings = { kind: "adamw", ...adam };
const OPTIMISERS: readonly OptimiserSettings[] = [
  ADAMW,
  { kind: "adam", ...adam },
  { kind: "sgd", momentum: 0.9, weightDecay: 0.01 },
];

function webgpu(profile?: string): DeviceRuntime {
  return new DeviceRuntime({ provider: { kind: "webgpu", power: "high-performance" }, profile }, "GPU", 1);
}

/** How often each operator ran, by `provider operator`, as onnxruntime's profile of a session has it. */
function operatorsIn(prefix: string): Map<string, number> {
  const file = readdirSync(folder).find((name) => name.startsWith(prefix));
  assert.ok(file, "a profile was written");
  const events = JSON.parse(readFileSync(join(folder, file), "utf8")) as {
    cat: string;
    args?: { provider?: string; op_name?: string };
  }[];
  const counts = new Map<string, number>();
  for (const { cat, args } of events) {
    if (cat !== "Node" || args?.provider === undefined) continue;
    const key = `${args.provider} ${args.op_name}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

const PROGRAMS: Readonly<Record<string, Program>> = {
  "2D MAE": maeProgram([16, 24]),
  "3D MAE": maeProgram([8, 8, 16]),
  "2D U-Net": unetProgram([16, 24]),
  "2D U-Net with instance normalisation, interpolated, of odd sizes": unetProgram([18, 22], {
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
  const optimiser = OPTIMISERS[index % OPTIMISERS.length];
  test(`a ${name} trains on the device alone, with the CPU's losses (${optimiser.kind})`, async () => {
    const settings = { optimiser, clipNorm: 1 };
    const course = { steps: 3, rate: 1e-3 };
    const prefix = `profile-${index}`;
    const expected = await train(new OnnxRuntime(2), program, settings, course);
    const runtime = webgpu(join(folder, prefix));
    const found = await train(runtime, program, settings, course);
    runtime.release();
    for (const [step, outputs] of expected.steps.entries())
      for (const [output, value] of Object.entries(outputs)) {
        const [is, allowed] = [found.steps[step][output], 1e-3 * Math.max(1, Math.abs(value))];
        assert.ok(Math.abs(is - value) <= allowed, `${output} of step ${step}: ${is}, not ${value}`);
      }
    for (const [weight, values] of Object.entries(expected.weights)) {
      const off = values.reduce((sum, value, at) => sum + Math.abs(value - found.weights[weight][at]), 0);
      // Adam makes a whole step of the rounding error where a gradient is zero in truth.
      assert.ok(off / values.length < 2e-3, `${weight} is off by ${off / values.length} on average`);
    }
    const operators = [...operatorsIn(prefix)];
    const ran = operators.reduce((sum, [, count]) => sum + count, 0);
    const elsewhere = operators.filter(([key]) => !key.startsWith("WebGpu") || key.includes("Memcpy"));
    assert.ok(ran > 300, `${ran} operators ran`);
    assert.deepEqual(elsewhere, []);
  });
}

test("weights come home when they are read, and go back when they are written", async () => {
  const program = maeProgram([8, 8]);
  const runtime = webgpu();
  const parameters = new Parameters(declaredWeights(program), { trainable: true, threads: 1 });
  parameters.initialise(3);
  const step = runtime.compileTraining(program, parameters, { optimiser: ADAMW, clipNorm: 0 });
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
  // Of 16 pixels normalised by their unbiased variance.
  near(step.outputs.mse[0], 15 / 16);
  for (const each of [step, evaluation]) each.release();
  await parameters.close();
  runtime.release();
});

// WebGPU has no buffer of 4 GiB anywhere, and SwiftShader none of 2 GiB.
for (const rows of [2 ** 14, 2 ** 15]) {
  test(`what the device's memory cannot hold is told from other failures: ${rows} rows`, async () => {
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
