/** Losses of denoising and segmentation, their gradients and IoU, beside BiaPy's and PyTorch's (test/fixtures/make_workflow_losses.py). */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import type { Program, Tensors } from "../../src/runtime/program.ts";
import { zeros } from "../../src/runtime/scope.ts";
import { spotErrors } from "../../src/training/denoising-loss.ts";
import { classOverlaps, IGNORED, iouOf, segmentationLoss } from "../../src/training/segmentation-losses.ts";
import { channelsFirst, channelsLast } from "../support/reference-models.ts";

interface Judged {
  readonly shape: readonly number[];
  readonly loss: number;
  /** `[batch, class, (z,) y, x]` */
  readonly gradient: readonly number[];
}

interface JudgedSegmentation extends Judged {
  readonly name: string;
  readonly kind: string;
  readonly classes: number;
  readonly weights: readonly number[] | null;
  readonly ignored: { readonly every: number; readonly index: number } | null;
  readonly iou: number;
}

const judged: { readonly segmentation: readonly JudgedSegmentation[]; readonly noise2void: Judged } =
  JSON.parse(readFileSync(new URL("../fixtures/workflow_losses.json", import.meta.url), "utf8"));

const sizeOf = (shape: readonly number[]) => shape.reduce((product, each) => product * each, 1);
const logitAt = (at: number) => 2 * Math.sin(at * 0.73) + Math.cos(at * 0.31);

/** Runs a loss of logits that are weights. Returns its outputs and the gradient by the logits. */
async function computed(
  { shape }: Judged,
  inputs: Readonly<Record<string, { readonly shape: readonly number[]; readonly values: Float32Array }>>,
  forward: (logits: Tensors[string], inputs: Tensors) => Tensors,
): Promise<{ readonly outputs: Record<string, Float32Array>; readonly gradient: Float32Array }> {
  const [batch, channels, ...space] = shape;
  const program: Program = {
    training: true,
    inputs: Object.fromEntries(
      Object.entries(inputs).map(([name, each]) => [name, { shape: each.shape, type: "float32" }]),
    ),
    forward: (scope, given) => forward(scope.parameter("logits", [batch, ...space, channels], zeros), given),
  };
  const spec = {
    name: "logits",
    shape: [batch, ...space, channels],
    initializer: zeros,
    role: "parameter",
  } as const;
  const parameters = new Parameters([spec], { trainable: true, threads: 1 });
  parameters.initialize(1);
  await parameters.settled();
  const logits = Float32Array.from({ length: sizeOf(shape) }, (_, at) => logitAt(at));
  parameters.values("logits").set(channelsLast(logits, shape));
  const executable = new OnnxRuntime(1).compile(program, parameters, { gradients: true });
  for (const [name, { values }] of Object.entries(inputs)) executable.inputs[name].set(values);
  await executable.run(0);
  const outputs = Object.fromEntries(
    Object.entries(executable.outputs).map(([name, values]) => [name, values.slice()]),
  );
  const gradient = channelsFirst(parameters.read("logits", "gradient"), shape);
  executable.release();
  await parameters.close();
  return { outputs, gradient };
}

function near(found: ArrayLike<number>, known: readonly number[], tolerance: number): void {
  const largest = known.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
  for (const [at, value] of known.entries())
    assert.ok(Math.abs(found[at] - value) <= tolerance * largest, `${at}: ${found[at]} is not ${value}`);
}

for (const each of judged.segmentation)
  test(`the loss of ${each.name}, its gradient and the IoU are PyTorch's`, async () => {
    const { shape, classes, kind, weights, ignored } = each;
    const [batch, , ...space] = shape;
    const labels = Float32Array.from({ length: batch * sizeOf(space) }, (_, at) => {
      const isIgnored = ignored !== null && at % ignored.every === 0;
      return isIgnored ? IGNORED : (at * 7 + Math.floor(at / 5)) % classes;
    });
    const weightOf = (name: string) => {
      const match = new RegExp(`([\\d.]*) ?${name}`).exec(kind);
      return match === null ? 0 : Number(match[1] || 1);
    };
    const settings = {
      classes,
      crossEntropy: weightOf("\\bCE$"),
      dice: weightOf("DICE"),
      classWeights: weights ?? undefined,
    };
    const { outputs, gradient } = await computed(
      each,
      { labels: { shape: [batch, ...space, 1], values: labels } },
      (logits, inputs) => ({
        loss: segmentationLoss(logits, inputs.labels, settings),
        ...Object.fromEntries(
          Object.entries(classOverlaps(logits, inputs.labels, classes)).map(([name, value]) => [
            name,
            value.sum(),
          ]),
        ),
      }),
    );
    near(outputs.loss, [each.loss], 1e-5);
    near(gradient, each.gradient, 1e-4);
    const values = Object.entries(outputs).map(([name, [value]]) => [name, value] as const);
    const { iou } = iouOf(Object.fromEntries(values));
    near([iou], [each.iou], 1e-5);
  });

test("the error at blind spots and its gradient are those of BiaPy's loss", async () => {
  const each = judged.noise2void;
  const [batch, channels, ...space] = each.shape;
  const count = sizeOf(each.shape);
  const at = (make: (index: number) => number) =>
    Float32Array.from({ length: count }, (_, index) => make(index));
  const shape = [batch, ...space, channels];
  const { outputs, gradient } = await computed(
    each,
    {
      targets: { shape, values: at((index) => Math.cos(index * 0.17)) },
      spots: { shape, values: at((index) => Number((index * 7 + Math.floor(index / 5)) % 5 === 0)) },
    },
    (logits, { targets, spots }) => ({ loss: spotErrors(logits, targets, spots).mse.mean() }),
  );
  near(outputs.loss, [each.loss], 1e-5);
  near(gradient, each.gradient, 1e-4);
});

test("an IoU is that of all counted pixels; absent classes have none", () => {
  const values = { loss: 1, overlap_0: 6, union_0: 8, overlap_1: 0, union_1: 4, overlap_2: 0, union_2: 0 };
  assert.deepEqual(iouOf(values), { loss: 1, iou: 0.375, iou_0: 0.75, iou_1: 0 });
  assert.deepEqual(iouOf({ loss: 1, overlap_1: 2, union_1: 4 }), { loss: 1, iou: 0.5 });
  assert.deepEqual(iouOf({ loss: 1, overlap_1: 0, union_1: 0 }), { loss: 1 });
  assert.deepEqual(iouOf({ loss: 1, mae: 2 }), { loss: 1, mae: 2 });
});
