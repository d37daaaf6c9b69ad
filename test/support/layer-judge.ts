/** Layers of the onnx runtime, against TensorFlow.js's own operations and gradients. */
import assert from "node:assert/strict";
import "@tensorflow/tfjs-backend-cpu";
import { EagerRuntime } from "../../src/runtime/eager/runtime.ts";
import type { Runtime } from "../../src/runtime/executable.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import type { Program } from "../../src/runtime/program.ts";
import type { WeightSpec } from "../../src/runtime/scope.ts";
import { tf } from "../../src/runtime/tensor.ts";

export type Layer = (x: tf.Tensor, weight: tf.Tensor) => tf.Tensor;

/** Returns the layer's result, and the gradients by its input and weight of a loss that weights every value differently. */
async function evaluate(runtime: Runtime, layer: Layer, x: readonly number[], weight: readonly number[]) {
  const start = { kind: "constant", value: 0 } as const;
  const program: Program = {
    training: true,
    inputs: {},
    forward(scope) {
      const y = layer(scope.parameter("x", x, start), scope.parameter("weight", weight, start));
      const count = y.shape.reduce((product, size) => product * size, 1);
      const factors = tf.tensor(
        Float32Array.from({ length: count }, (_, at) => Math.cos(at * 0.7)),
        y.shape,
      );
      return { loss: y.mul(factors).sum(), y };
    },
  };
  const specs = Object.entries({ x, weight }).map(
    ([name, shape]): WeightSpec => ({ name, shape, role: "parameter", initializer: start }),
  );
  const parameters = new Parameters(specs, { trainable: true, threads: 1 });
  parameters.values("x").forEach((_, at, values) => {
    values[at] = Math.sin(at * 1.3);
  });
  parameters.values("weight").forEach((_, at, values) => {
    values[at] = Math.cos(at * 0.9);
  });
  const executable = runtime.compile(program, parameters, { gradients: true });
  await executable.run(0);
  const gradient = (name: string) => parameters.values(name, "gradient").slice();
  const result = { y: executable.outputs.y.slice(), x: gradient("x"), weight: gradient("weight") };
  executable.release();
  await parameters.close();
  return result;
}

/** Compares results and gradients of `layer` on the onnx runtime with those of `judge`, by default on TensorFlow.js's cpu backend. */
export async function agree(
  layer: Layer,
  judge: Layer,
  x: readonly number[],
  weight: readonly number[],
  tolerance = 1e-5,
  judging: Runtime = new EagerRuntime("cpu", "judge", 1),
) {
  const found = await evaluate(new OnnxRuntime(1), layer, x, weight);
  const known = await evaluate(judging, judge, x, weight);
  for (const name of ["y", "x", "weight"] as const) {
    assert.equal(found[name].length, known[name].length);
    const largest = known[name].reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
    const worst = found[name].reduce(
      (most, value, at) => Math.max(most, Math.abs(value - known[name][at])),
      0,
    );
    assert.ok(worst < tolerance * (largest + 1), `${name} differs by ${worst} of ${largest}`);
  }
}
