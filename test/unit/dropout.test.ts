/** Dropout by PyTorch's rule: in training a share of values is zero and the rest makes up for it; otherwise nothing happens. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { dropout } from "../../src/models/layers.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import { Parameters } from "../../src/runtime/parameters.ts";

const RATE = 0.3;
const SHAPE = [2, 64, 64, 3];

async function dropped(training: boolean, seeds: readonly number[]): Promise<Float32Array[]> {
  const parameters = new Parameters([], { trainable: false, threads: 1 });
  const executable = new OnnxRuntime(1).compile(
    {
      training,
      inputs: { x: { shape: SHAPE, type: "float32" } },
      forward: (scope, { x }) => ({ y: dropout(scope, x, RATE) }),
    },
    parameters,
    { gradients: false },
  );
  executable.inputs.x.fill(2);
  const results: Float32Array[] = [];
  for (const seed of seeds) {
    await executable.run(seed);
    results.push(executable.outputs.y.slice());
  }
  executable.release();
  await parameters.close();
  return results;
}

test("a share of values is dropped and the rest enlarged, the same with the same seed", async () => {
  const [first, second, again] = await dropped(true, [1, 2, 1]);
  assert.deepEqual(first, again);
  assert.notDeepEqual(first, second);
  for (const values of [first, second]) {
    const zeros = values.filter((value) => value === 0).length / values.length;
    assert.ok(Math.abs(zeros - RATE) < 0.01, `${zeros} are dropped`);
    assert.ok(values.every((value) => value === 0 || Math.abs(value - 2 / (1 - RATE)) < 1e-6));
  }
});

test("outside training nothing is dropped", async () => {
  const [values] = await dropped(false, [1]);
  assert.ok(values.every((value) => value === 2));
});
