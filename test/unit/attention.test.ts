/** Attention of many tokens, which is computed in parts, against the formula on all tokens at once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import "@tensorflow/tfjs-backend-cpu";
import { attention } from "../../src/runtime/attention.ts";
import { EagerRuntime } from "../../src/runtime/eager/runtime.ts";
import type { Runtime } from "../../src/runtime/executable.ts";
import { loadOnnxruntime } from "../../src/runtime/onnx/native.ts";
import { NativeSession } from "../../src/runtime/onnx/native-session.ts";
import { NativeTensor } from "../../src/runtime/onnx/native-tensor.ts";
import { portableModel } from "../../src/runtime/onnx/portable-model.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import type { Program } from "../../src/runtime/program.ts";
import { tf } from "../../src/runtime/tensor.ts";

type Attention = (query: tf.Tensor, key: tf.Tensor, value: tf.Tensor) => tf.Tensor;

const HEADS = 2;
const SHAPE = [HEADS, 300, 4] as const;
const NAMES = ["query", "key", "value"] as const;

/** Compiles the training step of an attention on parameters that are all `SHAPE`. */
async function compiled(runtime: Runtime, compute: Attention) {
  const start = { kind: "constant", value: 0 } as const;
  const program: Program = {
    training: true,
    inputs: {},
    forward(scope) {
      const y = compute(
        scope.parameter("query", [...SHAPE], start),
        scope.parameter("key", [...SHAPE], start),
        scope.parameter("value", [...SHAPE], start),
      );
      const factors = Float32Array.from({ length: y.size }, (_, at) => Math.cos(at * 0.7));
      return { loss: y.mul(tf.tensor(factors, y.shape)).sum(), y };
    },
  };
  const specs = NAMES.map((name) => ({ name, shape: SHAPE, role: "parameter", initializer: start }) as const);
  const parameters = new Parameters(specs, { trainable: true, threads: 1 });
  for (const [index, name] of NAMES.entries())
    parameters.values(name).forEach((_, at, values) => {
      values[at] = 2 * Math.sin(at * (1.3 + index));
    });
  const executable = runtime.compile(program, parameters, { gradients: true });
  const close = async () => {
    executable.release();
    await parameters.close();
  };
  return { executable, parameters, close };
}

/** Returns the result, and the gradients by query, key and value of a loss that weights every value differently. */
async function evaluate(runtime: Runtime, compute: Attention) {
  const { executable, parameters, close } = await compiled(runtime, compute);
  await executable.run(0);
  const gradients = NAMES.map((name) => parameters.values(name, "gradient").slice());
  const found = [executable.outputs.y?.slice() ?? [], ...gradients];
  await close();
  return found;
}

/** Returns the bytes of a step of several layers. */
async function memoryOf(layers: number, compute: Attention): Promise<number> {
  const repeated: Attention = (query, key, value) =>
    Array.from({ length: layers }).reduce<tf.Tensor>(
      (mixed) => compute(mixed, mixed, mixed),
      query.add(key).add(value),
    );
  const { executable, close } = await compiled(new OnnxRuntime(1), repeated);
  const bytes = executable.memory?.values ?? 0;
  await close();
  return bytes;
}

const formula: Attention = (query, key, value) => query.matMul(key, false, true).softmax().matMul(value);
/** Three parts, the last of which is smaller. */
const inParts: Attention = (query, key, value) => attention(query, key, value, HEADS, 70_000);

test("attention in parts has the formula's results and gradients, traced and op by op", async () => {
  const known = await evaluate(new OnnxRuntime(1), formula);
  const traced = await evaluate(new OnnxRuntime(1), inParts);
  const eager = await evaluate(new EagerRuntime("cpu", "judge", 1), inParts);
  for (const found of [traced, eager])
    for (const [index, values] of known.entries()) {
      const differences = Array.from(values, (value, at) =>
        Math.abs(value - (found[index]?.[at] ?? Number.NaN)),
      );
      const [worst, largest] = [Math.max(...differences), Math.max(...Array.from(values, Math.abs))];
      assert.ok(largest > 1e-3 && worst < 1e-4 * largest, `${index} differs by ${worst} of ${largest}`);
    }
});

test("attention in parts keeps no weights for the gradient", async () => {
  const weights = 4 * SHAPE[0] * SHAPE[1] ** 2;
  const added = async (compute: Attention) => (await memoryOf(6, compute)) - (await memoryOf(4, compute));
  assert.ok((await added(formula)) > 1.9 * weights);
  assert.ok((await added(inParts)) < 0.1 * weights);
});

test("attention in parts computes the gradient of one part at a time", async () => {
  const more: Attention = (query, key, value) => attention(query, key, value, HEADS, 6_000);
  const parts = 30;
  const inAll = 3 * 4 * SHAPE[0] * SHAPE[1] ** 2;
  assert.ok((await memoryOf(1, more)) < (4 * inAll) / parts + 20 * 4 * SHAPE[0] * SHAPE[1] * SHAPE[2]);
});

test("attention in parts is exported for any number of images", () => {
  const tokens = [64, 4] as const;
  const exported = (most: number) =>
    portableModel({
      program: (shape) => ({
        training: false,
        inputs: { images: { shape, type: "float32" } },
        forward(_, { images }) {
          const x = images.reshape([-1, ...tokens]);
          return { y: attention(x, x.mul(0.5), x.add(1), 1, most).reshape([...shape]) };
        },
      }),
      specs: [],
      weight: () => new Float32Array(),
      shape: [1, 1, 16, 16],
      steps: [1, 0, 0, 0],
    });
  const predicted = ({ bytes }: { bytes: Uint8Array }) => {
    const shape = [3, 1, 16, 16];
    const result = new Float32Array(3 * 256);
    const images = new NativeTensor(
      result.map((_, at) => Math.sin(at)),
      "float32",
      shape,
    );
    const y = new NativeTensor(result, "float32", shape);
    const session = NativeSession.compiled(bytes, { threads: 1 }, { inputs: ["images"], outputs: ["y"] });
    session.runNow(BigUint64Array.of(images.pointer), BigUint64Array.of(y.pointer));
    session.release();
    images.release();
    y.release();
    return result;
  };
  loadOnnxruntime();
  const [whole, parts] = [predicted(exported(1e9)), predicted(exported(1000))];
  assert.ok(whole.some((value) => Math.abs(value) > 0.1));
  for (const [at, value] of whole.entries()) assert.ok(Math.abs(value - (parts[at] ?? 0)) < 1e-5, `${at}`);
});
