import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { OnnxRuntime, openOnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import type { Program } from "../../src/runtime/program.ts";

const program: Program = {
  training: false,
  inputs: { x: { shape: [3], type: "float32" } },
  forward: (_, { x }) => ({ y: x.mul(2) }),
};

test("onnxruntime stays loaded through garbage collections", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  openOnnxRuntime(1);
  for (let round = 0; round < 3; round++) {
    collect();
    // Finalizers run in an immediate.
    await setImmediate();
  }
  const parameters = new Parameters([], { trainable: false, threads: 1 });
  const executable = new OnnxRuntime(1).compile(program, parameters, { gradients: false });
  executable.inputs.x.set([1, 2, 3]);
  await executable.run(0);
  assert.deepEqual([...executable.outputs.y], [2, 4, 6]);
  executable.release();
  await parameters.close();
});
