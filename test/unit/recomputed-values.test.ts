/** Large values that are computed again for the gradient: the same gradients in less memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import "@tensorflow/tfjs-backend-cpu";
import { gelu } from "../../src/runtime/activations.ts";
import { EagerRuntime } from "../../src/runtime/eager/runtime.ts";
import type { Runtime } from "../../src/runtime/executable.ts";
import { layerNormalization } from "../../src/runtime/normalization.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import type { Program } from "../../src/runtime/program.ts";
import { tf } from "../../src/runtime/tensor.ts";

const [TOKENS, WIDE] = [1000, 1600];
/** Bytes of a wide layer. */
const BYTES = 4 * TOKENS * WIDE;

type Activation = (x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) => tf.Tensor;

/** Compiles a training step of layers that are wide inside: tokens · in · activation · out. */
function compiled(runtime: Runtime, layers: number, activation: Activation) {
  const weights = Array.from({ length: layers }, (_, layer) => [
    { name: `in${layer}`, shape: [4, WIDE] },
    { name: `gamma${layer}`, shape: [WIDE] },
    { name: `beta${layer}`, shape: [WIDE] },
    { name: `out${layer}`, shape: [WIDE, 4] },
  ]).flat();
  const start = { kind: "constant", value: 0 } as const;
  const specs = weights.map((weight) => ({ ...weight, role: "parameter", initializer: start }) as const);
  const program: Program = {
    training: true,
    inputs: {},
    forward(scope) {
      const named = new Map(weights.map(({ name, shape }) => [name, scope.parameter(name, shape, start)]));
      const weight = (name: string) => named.get(name) ?? tf.scalar(0);
      const values = Float32Array.from({ length: TOKENS * 4 }, (_, at) => Math.sin(at * 0.37));
      let x: tf.Tensor = tf.tensor(values, [TOKENS, 4]);
      for (let layer = 0; layer < layers; layer++) {
        const wide = x.matMul(weight(`in${layer}`));
        const active = activation(wide, weight(`gamma${layer}`), weight(`beta${layer}`));
        x = active.matMul(weight(`out${layer}`));
      }
      return { loss: x.square().mean(), x };
    },
  };
  const parameters = new Parameters(specs, { trainable: true, threads: 1 });
  for (const [place, { name }] of weights.entries())
    parameters.values(name).forEach((_, at, values) => {
      values[at] = 0.4 * Math.sin(at * (0.7 + 0.1 * place) + 1);
    });
  const executable = runtime.compile(program, parameters, { gradients: true });
  const close = async () => {
    executable.release();
    await parameters.close();
  };
  return { executable, parameters, names: weights.map(({ name }) => name), close };
}

async function gradients(runtime: Runtime, activation: Activation): Promise<readonly (readonly number[])[]> {
  const { executable, parameters, names, close } = compiled(runtime, 1, activation);
  await executable.run(0);
  const found = names.map((name) => Array.from(parameters.values(name, "gradient")));
  await close();
  return found;
}

/** Returns the bytes that a layer adds to a training step. */
async function bytesOfALayer(activation: Activation): Promise<number> {
  const bytes = [2, 4].map((layers) => {
    const { executable, close } = compiled(new OnnxRuntime(1), layers, activation);
    return { values: executable.memory?.values ?? Number.NaN, close };
  });
  for (const { close } of bytes) await close();
  const [few = Number.NaN, more = Number.NaN] = bytes.map(({ values }) => values);
  return (more - few) / 2;
}

const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  gelu,
  "layer normalization": (x, gamma, beta) => layerNormalization(x, gamma, beta, 1e-5),
  relu: (x) => x.relu(),
  "leaky ReLU": (x) => tf.leakyRelu(x, 0.1),
  // The weights' gradient reads the joined values, the activation's its own result.
  "joined values": (x) => {
    const [first = x, second = x] = tf.split(x, 2, 1);
    return tf.concat([first.relu(), second], 1);
  },
};

for (const [name, activation] of Object.entries(ACTIVATIONS)) {
  test(`the gradient of ${name} is right where values are computed again`, async () => {
    const known = await gradients(new EagerRuntime("cpu", "judge", 1), activation);
    const found = await gradients(new OnnxRuntime(1), activation);
    for (const [place, values] of known.entries()) {
      const largest = Math.max(...values.map(Math.abs));
      const worst = Math.max(
        ...values.map((value, at) => Math.abs(value - (found[place]?.[at] ?? Number.NaN))),
      );
      assert.ok(worst <= 1e-4 * largest, `${place}: ${worst} of ${largest}`);
    }
  });

  test(`of a wide layer and its ${name}, one is kept for the gradient`, async () => {
    const bytes = await bytesOfALayer(activation);
    assert.ok(bytes < 1.3 * BYTES, `${bytes / BYTES} buffers`);
  });
}

test("the gradient of attention is right where its weights are computed again, of which none is kept", async () => {
  const attention: Activation = (x) => x.softmax();
  const known = await gradients(new EagerRuntime("cpu", "judge", 1), attention);
  const found = await gradients(new OnnxRuntime(1), attention);
  for (const [place, values] of known.entries()) {
    const largest = Math.max(...values.map(Math.abs));
    for (const [at, value] of values.entries())
      assert.ok(Math.abs(value - (found[place]?.[at] ?? Number.NaN)) <= 1e-4 * largest);
  }
  const bytes = await bytesOfALayer(attention);
  assert.ok(bytes < 0.3 * BYTES, `${bytes / BYTES} buffers`);
});
