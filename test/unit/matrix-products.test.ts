/** Matrix products with many columns, whose first matrix is transposed before the product. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import type { Program } from "../../src/runtime/program.ts";
import { tf } from "../../src/runtime/tensor.ts";

const [ROWS, OUTPUTS, INPUTS] = [5, 3, 600];

test("the weight gradient of a layer with many inputs is the sum of its rows' products", async () => {
  const x = Float32Array.from({ length: ROWS * INPUTS }, (_, at) => Math.sin(at));
  const slopes = Float32Array.from({ length: ROWS * OUTPUTS }, (_, at) => Math.cos(at));
  const initializer = { kind: "constant", value: 0 } as const;
  const program: Program = {
    training: true,
    inputs: {},
    forward(scope) {
      const y = tf
        .tensor(x, [ROWS, INPUTS])
        .matMul(scope.parameter("weight", [OUTPUTS, INPUTS], initializer), false, true);
      return { loss: y.mul(tf.tensor(slopes, [ROWS, OUTPUTS])).sum() };
    },
  };
  const specs = [{ name: "weight", shape: [OUTPUTS, INPUTS], role: "parameter", initializer }] as const;
  const parameters = new Parameters(specs, { trainable: true, threads: 1 });
  const executable = new OnnxRuntime(1).compile(program, parameters, { gradients: true });
  await executable.run(0);
  const gradient = parameters.values("weight", "gradient").slice();
  executable.release();
  await parameters.close();
  for (const [place, value] of gradient.entries()) {
    const [output, input] = [Math.floor(place / INPUTS), place % INPUTS];
    let sum = 0;
    for (let row = 0; row < ROWS; row++)
      sum += (slopes[row * OUTPUTS + output] ?? Number.NaN) * (x[row * INPUTS + input] ?? Number.NaN);
    assert.ok(Math.abs(value - sum) < 1e-5, `${value} instead of ${sum} at ${place}`);
  }
});
