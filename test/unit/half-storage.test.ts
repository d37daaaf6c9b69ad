/** Values that a training step stores in float16: the same loss, nearly the same gradients, less memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import "@tensorflow/tfjs-backend-cpu";
import { imageModel } from "../../src/models/architectures.ts";
import type { BuildArguments } from "../../src/models/build-arguments.ts";
import { declaredWeights } from "../../src/runtime/declared-weights.ts";
import { EagerRuntime } from "../../src/runtime/eager/runtime.ts";
import type { Runtime } from "../../src/runtime/executable.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import type { TrainingSettings } from "../../src/runtime/optimizer-settings.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import type { Precision } from "../../src/runtime/precision.ts";
import type { Program } from "../../src/runtime/program.ts";
import { compileTraining, PrecisionError } from "../../src/training/training-step.ts";
import { referenceModel } from "../support/reference-models.ts";

const images = { shape: [8, 96, 96, 1], type: "float32" } as const;

const LEVELS = {
  drop_values: [0, 0],
  yx_down: [2],
  z_down: [1],
  conv_layers: [2, 2],
  isotropy: [true, true],
};
const NETWORKS: Readonly<Record<"unet" | "rcan", BuildArguments>> = {
  unet: { ...referenceModel("unet_2d").build_args, ...LEVELS, feature_maps: [16, 32] },
  // Its groups are traced once.
  rcan: { ...referenceModel("rcan_2d").build_args, num_rg: 2, num_rcab: 2 },
};

function programOf(architecture: keyof typeof NETWORKS): Program {
  const network = imageModel(architecture, NETWORKS[architecture]);
  return {
    training: true,
    inputs: { images, targets: images },
    forward: (scope, { images, targets }) => ({
      loss: network(scope, images).sub(targets).square().mean(),
    }),
  };
}

const OPTIMIZER: TrainingSettings["optimizer"] = { kind: "sgd", momentum: 0, weightDecay: 0 };

/** Takes a step. Returns its loss, the change of all weights and the bytes between inputs and outputs. */
async function stepOf(program: Program, precision: Precision, partSize?: number, amplitude = 1) {
  const parameters = new Parameters(declaredWeights(program), { trainable: true, threads: 2 });
  parameters.initialize(7);
  const trained = parameters.specs.filter(({ role }) => role === "parameter");
  const weights = () => trained.flatMap(({ name }) => Array.from(parameters.values(name)));
  const before = weights();
  const settings: TrainingSettings = { optimizer: OPTIMIZER, clipNorm: 0, precision, partSize };
  const step = compileTraining(new OnnxRuntime(2), program, parameters, settings);
  for (const [name, values] of Object.entries(step.inputs))
    for (let at = 0; at < values.length; at++)
      values[at] = amplitude * Math.sin(at * (name === "images" ? 0.37 : 0.11));
  await step.run(1, 1);
  const change = weights().map((weight, at) => weight - (before[at] ?? Number.NaN));
  const result = { loss: step.outputs.loss?.[0], change, bytes: step.memory?.values ?? Number.NaN };
  step.release();
  await parameters.close();
  return result;
}

/** What is alive at the peak is not stored for a while: what the backward pass is about to read, and values below 1 MB. */
const MOST_OF_THE_MEMORY = 0.8;

const norm = (values: readonly number[]) => Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0));

for (const architecture of ["unet", "rcan"] as const)
  test(`a step of ${architecture} with half storage has the same loss, gradients within rounding and less memory`, async () => {
    const program = programOf(architecture);
    const [single, half] = [await stepOf(program, "single"), await stepOf(program, "half-storage")];
    assert.equal(half.loss, single.loss);
    const error = norm(half.change.map((value, at) => value - (single.change[at] ?? Number.NaN)));
    // A rounding error of float16 is at most 2^-11 of the value.
    assert.ok(error > 0 && error < 2 ** -11 * norm(single.change), `${error / norm(single.change)}`);
    assert.ok(half.bytes < MOST_OF_THE_MEMORY * single.bytes, `${half.bytes / single.bytes} of the memory`);
  });

test("a batch in parts has half storage too", async () => {
  const program = programOf("unet");
  const [single, half] = [await stepOf(program, "single", 4), await stepOf(program, "half-storage", 4)];
  assert.ok(half.bytes < MOST_OF_THE_MEMORY * single.bytes, `${half.bytes / single.bytes} of the memory`);
});

for (const [architecture, partSize] of [["unet"], ["unet", 4], ["rcan"]] as const)
  test(`values that float16 cannot hold make weights infinite (${architecture}, parts of ${partSize ?? "all"})`, async () => {
    const program = programOf(architecture);
    const [single, half] = [
      await stepOf(program, "single", partSize, 1e7),
      await stepOf(program, "half-storage", partSize, 1e7),
    ];
    assert.ok(single.change.every(Number.isFinite));
    assert.ok(!half.change.every(Number.isFinite));
  });

test("other devices refuse half storage", async () => {
  const runtime: Runtime = new EagerRuntime("cpu", "JavaScript", 1);
  const program = programOf("unet");
  const parameters = new Parameters(declaredWeights(program), { trainable: true, threads: 1 });
  const settings: TrainingSettings = { optimizer: OPTIMIZER, clipNorm: 0, precision: "half-storage" };
  assert.throws(
    () => compileTraining(runtime, program, parameters, settings),
    (error) => error instanceof PrecisionError && /half-storage: JavaScript.*--gpu ""/.test(error.message),
  );
  await parameters.close();
});
