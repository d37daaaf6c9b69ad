import assert from "node:assert/strict";
import { test } from "node:test";
import { maeLoss, maePrediction, maeTarget } from "../../src/models/mae.ts";
import { declaredWeights } from "../../src/runtime/declared-weights.ts";
import { openRuntime, type RuntimeName } from "../../src/runtime/open-runtime.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import type { Program } from "../../src/runtime/program.ts";

const transformer = { features: 24, layers: 2, heads: 3, hidden: 48 };
const settings = {
  patchSize: [16, 16],
  channels: 1,
  tokenSize: 4,
  encoder: transformer,
  decoder: { ...transformer, layers: 1 },
  epsilon: 1e-6,
  normalizePixels: true,
};
const program: Program = {
  training: true,
  inputs: {
    images: { shape: [2, 16, 16, 1], type: "float32" },
    keep: { shape: [2, 8], type: "int32" },
    restore: { shape: [2, 16], type: "int32" },
    mask: { shape: [2, 16], type: "float32" },
  },
  forward(scope, { images, keep, restore, mask }) {
    const prediction = maePrediction(scope, settings, images, { keep, restore, mask });
    const noise = scope.uniform([2]);
    return { loss: maeLoss(prediction, maeTarget(settings, images), mask).mul(noise.add(1)).mean() };
  },
};

async function step(name: RuntimeName) {
  const runtime = await openRuntime(name, 1, assert.fail);
  const parameters = new Parameters(declaredWeights(program), { trainable: true, threads: 1 });
  parameters.initialize(5);
  const executable = runtime.compile(program, parameters, { gradients: true, gradientSquares: true });
  executable.inputs.images.set(Float32Array.from({ length: 512 }, (_, at) => Math.sin(at * 0.7)));
  executable.inputs.keep.set(Int32Array.from({ length: 16 }, (_, at) => (at % 8) * 2));
  const restore = (at: number) => (at % 2 === 0 ? at / 2 : 8 + (at - 1) / 2);
  executable.inputs.restore.set(Int32Array.from({ length: 32 }, (_, at) => restore(at % 16)));
  executable.inputs.mask.set(Float32Array.from({ length: 32 }, (_, at) => at % 2));
  await executable.run(11);
  const gradients = parameters.specs
    .filter((spec) => spec.role === "parameter")
    .map(({ name: weight }) => parameters.values(weight, "gradient").slice());
  const { loss, gradientSquares } = executable.outputs;
  executable.release();
  await parameters.close();
  return { loss: loss[0], squares: gradientSquares[0], gradients };
}

test("loss, gradients and random numbers of a step are the same op by op as in one graph", async () => {
  const graph = await step("onnx");
  const eager = await step("wasm");
  const near = (a: number, b: number, scale: number) =>
    assert.ok(Math.abs(a - b) <= 1e-4 * scale, `${a} is not ${b}`);
  near(eager.loss, graph.loss, graph.loss);
  near(eager.squares, graph.squares, graph.squares);
  graph.gradients.forEach((gradient, index) => {
    const largest = gradient.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
    for (const [at, value] of gradient.entries()) near(eager.gradients[index][at], value, largest);
  });
});
