import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { declaredWeights } from "../../src/runtime/declared-weights.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import type { OptimizerSettings } from "../../src/runtime/optimizer-settings.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import { Optimizer } from "../../src/training/optimizer.ts";
import { fillReferenceMae, referenceMae } from "../support/reference-mae.ts";
import { setFormulaWeights } from "../support/reference-models.ts";

interface Summary {
  readonly first: readonly number[];
  readonly sum: number;
  readonly abs_sum: number;
}
interface Case {
  readonly ndim: number;
  readonly size: number;
  readonly token: number;
  readonly channels: number;
  readonly norm_pix: boolean;
  readonly optimizer: "adam" | "adamw" | "sgd";
  readonly losses: readonly number[];
  readonly gradients: Readonly<Record<string, Summary>>;
  readonly weights: Readonly<Record<string, Summary>>;
}

const { batch, cases } = JSON.parse(
  readFileSync(new URL("../fixtures/mae_training.json", import.meta.url), "utf8"),
) as { batch: number; cases: Case[] };

const OPTIMIZERS: Record<Case["optimizer"], { settings: OptimizerSettings; rate: number }> = {
  adamw: { settings: { kind: "adamw", betas: [0.9, 0.95], epsilon: 1e-8, weightDecay: 0.05 }, rate: 1e-3 },
  adam: { settings: { kind: "adam", betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.01 }, rate: 1e-3 },
  sgd: { settings: { kind: "sgd", momentum: 0.9, weightDecay: 0.01 }, rate: 1e-2 },
};

/** The largest difference from PyTorch's values, relative to their mean magnitude. */
function difference(actual: Float32Array, expected: Summary): number {
  const scale = expected.abs_sum / actual.length;
  const sum = actual.reduce((total, value) => total + value, 0);
  const magnitude = actual.reduce((total, value) => total + Math.abs(value), 0);
  return Math.max(
    ...expected.first.map((value, index) => Math.abs(actual[index] - value) / scale),
    Math.abs(sum - expected.sum) / expected.abs_sum,
    Math.abs(magnitude - expected.abs_sum) / expected.abs_sum,
  );
}

for (const each of cases) {
  const { ndim, size, token, channels, norm_pix: normalizePixels, optimizer } = each;
  const target = normalizePixels ? "normalized pixels" : "pixels";
  test(`three ${optimizer} steps of a ${ndim}D MAE on ${target} equal PyTorch's`, async () => {
    const mae = { ndim, size, token, channels, batch, normalizePixels };
    const program = referenceMae(mae);
    const parameters = new Parameters(declaredWeights(program), { trainable: true, threads: 2 });
    setFormulaWeights(parameters);
    const executable = new OnnxRuntime(2).compile(program, parameters, { gradients: true });
    fillReferenceMae(executable.inputs, mae);

    const { settings: optimizerSettings, rate } = OPTIMIZERS[optimizer];
    const moves = new Optimizer(optimizerSettings, parameters);
    for (const [step, loss] of each.losses.entries()) {
      await executable.run(step);
      assert.ok(Math.abs(executable.outputs.loss[0] / loss - 1) < 1e-4, `loss of step ${step}`);
      if (step === 0) {
        for (const [name, gradient] of Object.entries(each.gradients)) {
          const off = difference(parameters.values(name, "gradient"), gradient);
          // A key's bias does not change a softmax: its gradient is rounding error on both sides.
          assert.ok(off < 1e-4, `gradient of ${name} differs by ${off}`);
        }
      }
      await moves.step(rate);
    }
    for (const [name, weight] of Object.entries(each.weights)) {
      const off = difference(parameters.values(name), weight);
      assert.ok(off < 1e-4, `${name} differs by ${off} after three steps`);
    }
    executable.release();
    await parameters.close();
  });
}
