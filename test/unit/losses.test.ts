/** Losses of restored images against BiaPy's, values and gradients: test/fixtures/losses.json. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { embeddedLosses } from "../../src/facts/losses.ts";
import { declaredWeights } from "../../src/runtime/declared-weights.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import type { Program } from "../../src/runtime/program.ts";
import { combinedLoss } from "../../src/training/losses.ts";
import { channelsLast } from "../support/reference-models.ts";

interface Judged {
  readonly name: string;
  readonly kind: string;
  /** Channels-first. */
  readonly shape: readonly number[];
  readonly weight: number;
  readonly value: number;
  /** Of the weighted loss by the prediction. */
  readonly gradient: readonly number[];
}

const cases: Judged[] = JSON.parse(readFileSync(new URL("../fixtures/losses.json", import.meta.url), "utf8"));

const formula = (count: number, a: number, b: number) =>
  Float32Array.from({ length: count }, (_, at) => Math.sin(at * a) + Math.cos(at * b));

for (const { name, kind, shape, weight, value, gradient } of cases) {
  test(`${name} in ${kind}, weight ${weight}: value and gradient equal BiaPy's`, async () => {
    const [batch, channels, ...space] = shape;
    const last = [batch, ...space, channels];
    const program: Program = {
      training: true,
      inputs: { target: { shape: last, type: "float32" } },
      forward: (scope, { target }) => {
        const prediction = scope.parameter("prediction", last, { kind: "constant", value: 0 });
        return { loss: combinedLoss([{ name, weight }], prediction, target).mean() };
      },
    };
    const parameters = new Parameters(declaredWeights(program), { trainable: true, threads: 1 });
    const count = gradient.length;
    const target = formula(count, 0.13, 0.41);
    const error = formula(count, 0.77, 0.29);
    parameters.values("prediction").set(
      channelsLast(
        target.map((each, at) => each + 0.3 * error[at]),
        shape,
      ),
    );
    const executable = new OnnxRuntime(1).compile(program, parameters, { gradients: true });
    executable.inputs.target.set(channelsLast(target, shape));
    await executable.run(0);
    const found = executable.outputs.loss[0] / weight;
    assert.ok(Math.abs(found - value) <= 1e-4 * Math.abs(value), `${found} is not ${value}`);
    const known = channelsLast(gradient, shape);
    const largest = known.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
    const worst = parameters
      .values("prediction", "gradient")
      .reduce((most, each, at) => Math.max(most, Math.abs(each - known[at])), 0);
    assert.ok(worst <= 1e-4 * largest, `a gradient differs by ${worst} of ${largest}`);
    executable.release();
    await parameters.close();
  });
}

test("every loss of the catalog has a reference here, or is a metric that has one", () => {
  const judged = new Set([...cases.map(({ name }) => name), "SSIM"]);
  assert.deepEqual(
    embeddedLosses("crappify").filter((name) => !judged.has(name)),
    [],
  );
});
