/** Weights on a device: updated in place, where the graph allows it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { declaredWeights } from "../../src/runtime/declared-weights.ts";
import { DeviceRuntime } from "../../src/runtime/onnx/device-runtime.ts";
import { overwritable } from "../../src/runtime/onnx/in-place.ts";
import type { GraphDefinition } from "../../src/runtime/onnx/model-proto.ts";
import type { OptimizerSettings } from "../../src/runtime/optimizer-settings.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import { maeProgram, unetProgram } from "../support/programs.ts";

/** A graph of `operator inputs -> output` lines. */
function graphOf(...lines: string[]): GraphDefinition {
  const nodes = lines.map((line) => {
    const [, operator, inputs, output] = /^(\w+) (.*) -> (\w+)$/.exec(line) ?? [];
    return { operator, domain: "" as const, inputs: inputs.split(" "), outputs: [output], attributes: {} };
  });
  return { nodes, inputs: [], outputs: [], constants: [] };
}

const inPlace = (...lines: string[]) => [...overwritable(graphOf(...lines), { w: "moved" })];

test("a weight is updated in place when all its readers have run before", () => {
  assert.deepEqual(inPlace("MatMul x w -> y", "Mul y s -> g", "Mul w s -> k", "Sub k g -> moved"), ["w"]);
});

test("a weight that the last operation reads is not updated in place", () => {
  assert.deepEqual(inPlace("MatMul x w -> y", "Sub w y -> moved"), []);
  assert.deepEqual(inPlace("Reshape w shape -> flat", "Sub flat g -> moved"), [], "also in another shape");
});

test("a weight that has another reader than its update is not updated in place", () => {
  assert.deepEqual(inPlace("Mul w s -> k", "Sub k g -> moved", "MatMul x w -> loss"), []);
  const alias = ["Reshape w shape -> flat", "MatMul x flat -> loss", "Mul w s -> k", "Sub k g -> moved"];
  assert.deepEqual(inPlace(...alias), [], "also in another shape");
});

const adam = { betas: [0.9, 0.95], epsilon: 1e-8, weightDecay: 0.05 } as const;
const OPTIMIZERS: readonly OptimizerSettings[] = [
  { kind: "adamw", ...adam },
  { kind: "adam", ...adam, weightDecay: 0 },
  { kind: "sgd", momentum: 0.9, weightDecay: 0 },
];

for (const optimizer of OPTIMIZERS)
  for (const precision of ["single", "mixed"] as const)
    test(`a device holds weights and moments once (${optimizer.kind}, ${precision} precision)`, async () => {
      for (const program of [maeProgram([8, 8]), unetProgram([16, 16])]) {
        const parameters = new Parameters(declaredWeights(program), { trainable: true, threads: 1 });
        const runtime = new DeviceRuntime({ provider: { kind: "cpu" } }, "CPU", 1);
        const step = runtime.compileTraining(program, parameters, { optimizer, clipNorm: 0, precision });
        const states = parameters.specs
          .filter(({ role }) => role === "state")
          .reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 4), 0);
        const vectors = optimizer.kind === "sgd" ? 2 : 3;
        const once = vectors * 4 * parameters.count;
        const held = runtime.heldBytes(parameters);
        // Running statistics may be there twice.
        assert.ok(
          held >= once && held <= once + 2 * states,
          `${held} bytes for ${once} and ${states} of states`,
        );
        step.release();
        await parameters.close();
        runtime.release();
      }
    });
