/** A training step computed op by op, against the same step as one graph. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { declaredWeights } from "../../src/runtime/declared-weights.ts";
import { openRuntime, type RuntimeName } from "../../src/runtime/open-runtime.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import type { Program } from "../../src/runtime/program.ts";
import { fill, maeProgram } from "../support/programs.ts";

const autoencoder = maeProgram([16, 16]);
const program: Program = {
  ...autoencoder,
  forward(scope, inputs) {
    const { loss } = autoencoder.forward(scope, inputs);
    return { loss: loss.mul(scope.uniform([2]).add(1)).mean() };
  },
};

async function step(name: RuntimeName) {
  const runtime = await openRuntime(name, 1, assert.fail);
  const parameters = new Parameters(declaredWeights(program), { trainable: true, threads: 1 });
  parameters.initialize(5);
  const executable = runtime.compile(program, parameters, { gradients: true, gradientSquares: true });
  fill(executable.inputs);
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
