/** A device's copy of weights beside the host's: the newest values of either side are kept, whatever is compiled or written between. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { declaredWeights } from "../../src/runtime/declared-weights.ts";
import { DeviceRuntime } from "../../src/runtime/onnx/device-runtime.ts";
import type { OptimizerSettings } from "../../src/runtime/optimizer-settings.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import type { Program } from "../../src/runtime/program.ts";
import { compileTraining } from "../../src/training/training-step.ts";

const SGD: OptimizerSettings = { kind: "sgd", momentum: 0, weightDecay: 0 };

/** `loss = mean(used · x)`, and a state that each step in training raises by one. */
const trained: Program = {
  inputs: { x: { type: "float32", shape: [4] } },
  training: true,
  forward(scope, { x }) {
    const count = scope.state("count", [1], { kind: "constant", value: 0 });
    scope.updateState("count", count.add(1));
    return { loss: scope.parameter("used", [4], { kind: "constant", value: 1 }).mul(x).mean() };
  },
};

/** Reads a weight too that the training does not. */
const predicting: Program = {
  inputs: { x: { type: "float32", shape: [4] } },
  training: false,
  forward(scope, { x }) {
    const used = scope.parameter("used", [4], { kind: "constant", value: 1 });
    const other = scope.parameter("other", [4], { kind: "constant", value: 2 });
    return { y: x.mul(used).add(other) };
  },
};

async function afterOneStep() {
  const runtime = new DeviceRuntime({ provider: { kind: "cpu" } }, "CPU", 1);
  const specs = [...declaredWeights(trained), ...declaredWeights(predicting)];
  const unique = [...new Map(specs.map((spec) => [spec.name, spec])).values()];
  const parameters = new Parameters(unique, { trainable: true, threads: 2 });
  parameters.initialize(0);
  const step = compileTraining(runtime, trained, parameters, {
    optimizer: SGD,
    clipNorm: 0,
    precision: "single",
  });
  step.inputs.x.fill(1);
  await step.run(0, 1);
  return { runtime, parameters, step };
}

test("weights that a step moved survive the compilation of a program with further weights", async () => {
  const { runtime, parameters, step } = await afterOneStep();
  const prediction = runtime.compile(predicting, parameters, { gradients: false });
  prediction.inputs.x.fill(1);
  await prediction.run(0);
  // One step of SGD takes the mean's derivative, 1/4, from each weight; the other weight is added.
  assert.deepEqual([...prediction.outputs.y], [2.75, 2.75, 2.75, 2.75]);
  assert.deepEqual([...parameters.read("used")], [0.75, 0.75, 0.75, 0.75]);
  step.release();
  prediction.release();
  await parameters.close();
});

test("a state that another program updates on the device does not undo a step", async () => {
  const { runtime, parameters, step } = await afterOneStep();
  const measuring = runtime.compile(trained, parameters, { gradients: false });
  measuring.inputs.x.fill(1);
  await measuring.run(0);
  assert.deepEqual([...parameters.read("used")], [0.75, 0.75, 0.75, 0.75]);
  assert.deepEqual([...parameters.read("count")], [2]);
  step.release();
  measuring.release();
  await parameters.close();
});

test("a step starts from weights that the host wrote after the step before", async () => {
  const { parameters, step } = await afterOneStep();
  parameters.values("used").fill(5);
  await step.run(1, 1);
  assert.deepEqual([...parameters.read("used")], [4.75, 4.75, 4.75, 4.75]);
  step.release();
  await parameters.close();
});
