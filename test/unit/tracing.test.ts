/** Debugging traces: the origin of nodes, errors of wrong shapes, and graphs as files. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { transformerBlock } from "../../src/models/transformer.ts";
import { convolution } from "../../src/runtime/convolution.ts";
import { declaredWeights } from "../../src/runtime/declared-weights.ts";
import { layerNormalization } from "../../src/runtime/normalization.ts";
import { GraphBuilder } from "../../src/runtime/onnx/graph.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import { traceProgram } from "../../src/runtime/onnx/trace-program.ts";
import { trace } from "../../src/runtime/onnx/tracing-backend.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import type { Program } from "../../src/runtime/program.ts";
import { ones, type Scope } from "../../src/runtime/scope.ts";
import { tf } from "../../src/runtime/tensor.ts";

const linear = (scope: Scope, x: tf.Tensor, outputs: number) =>
  x
    .matMul(scope.parameter("weight", [x.shape[1] ?? 0, outputs], ones))
    .add(scope.parameter("bias", [outputs], ones));

const twoLayers: Program = {
  inputs: { x: { type: "float32", shape: [2, 3] } },
  training: true,
  forward: (scope, { x }) => {
    const hidden = linear(scope.at("first"), x, 4).tanh();
    return { loss: linear(scope.at("second").at("head"), hidden, 1).mean() };
  },
};

test("each node has the layer and kernel that it came from, also in the backward pass", () => {
  const graph = traceProgram(twoLayers, declaredWeights(twoLayers), { gradients: true });
  const origins = new Set(graph.nodes.map(({ origin }) => origin));
  const backward = [...origins].filter((origin) => origin?.startsWith("gradient/"));
  for (const origin of ["first/BatchMatMul", "first/Tanh", "second.head/BatchMatMul"])
    assert.ok(origins.has(origin), origin);
  for (const layer of ["first", "second.head"])
    assert.ok(
      backward.some((origin) => origin?.startsWith(`gradient/${layer}/`)),
      [...origins].join(", "),
    );
  assert.ok(!origins.has(undefined));
});

type Refusal = readonly [name: string, compute: (scope: Scope, x: tf.Tensor) => tf.Tensor, message: RegExp];

const window = { stride: [1, 1], padding: [0, 0], dilation: [1, 1] };
const REFUSALS: readonly Refusal[] = [
  [
    "a sum",
    (_, x) => x.add(tf.zeros([2, 3])),
    /^block\.layer: Add of a \[2, 8, 8, 4\] and b \[2, 3\]: sizes 4 and 3 along axis 3/,
  ],
  [
    "a choice",
    (_, x) => x.where(x.greater(0), tf.zeros([5])),
    /^block\.layer: Operands could not be broadcast together with shapes 2,8,8,4 and 5/,
  ],
  [
    "a product",
    (_, x) => x.reshape([128, 4]).matMul(tf.zeros([3, 2])),
    /^block\.layer: BatchMatMul of a \[128, 4\] and b \[3, 2\]: 4 columns cannot be/,
  ],
  [
    "a reshape",
    (_, x) => x.reshape([5, 7]),
    /^block\.layer: Reshape of x \[2, 8, 8, 4\]: 512 values cannot have the shape \[5, 7\]/,
  ],
  [
    "a join",
    (_, x) => tf.concat([x, tf.zeros([2, 8, 7, 4])], 3),
    /^block\.layer: Concat of operand 0 \[2, 8, 8, 4\] and operand 1 \[2, 8, 7, 4\]: they are joined along axis 3, so/,
  ],
  ["a part", (_, x) => x.slice([0, 6, 0, 0], [2, 4, 8, 4]), /^block\.layer: Slice of x .*is not inside/],
  [
    "a normalization",
    (scope, x) => layerNormalization(x, scope.parameter("g", [3], ones), tf.zeros([4]), 1e-5),
    /^block\.layer: LayerNormalization .*gamma must have one value for each of the 4 channels/,
  ],
  [
    "a convolution",
    (scope, x) => convolution(x, scope.parameter("w", [8, 3, 3, 3], ones), window),
    /^block\.layer: Convolution of x \[2, 8, 8, 4\] and weight \[8, 3, 3, 3\]: the weight takes 3 channels and the image has 4/,
  ],
  [
    "an image in the place of tokens",
    (scope, x) => transformerBlock(scope, x, { heads: 1, hidden: 4, epsilon: 1e-6 }),
    /^block\.layer\.\S+: The shape of tokens must have 3 elements, not 4/,
  ],
  [
    "a large kernel",
    (scope, x) => convolution(x, scope.parameter("w", [8, 4, 9, 1], ones), window),
    /smaller than the kernel along axis 0/,
  ],
];

for (const [name, compute, message] of REFUSALS) {
  test(`${name} of operands that do not fit is refused with its layer and shapes`, () => {
    const program: Program = {
      inputs: { x: { type: "float32", shape: [2, 8, 8, 4] } },
      training: false,
      forward: (scope, { x }) => ({ y: compute(scope.at("block").at("layer"), x) }),
    };
    assert.throws(
      () => declaredWeights(program),
      (error) => error instanceof Error && message.test(error.message),
    );
  });
}

test("one name for two weights of different shapes is refused", () => {
  const program: Program = {
    inputs: { x: { type: "float32", shape: [2] } },
    training: false,
    forward: (scope, { x }) => ({
      y: x.mul(scope.parameter("w", [2], ones)).add(scope.parameter("w", [1], ones)),
    }),
  };
  assert.throws(() => declaredWeights(program), /w is declared twice, as \[2\] and as \[1\]/);
});

test("operators of one name in two domains are two nodes", () => {
  const graph = new GraphBuilder();
  const x = graph.input({ name: "x", type: "float32", shape: [1, 16, 2, 2] });
  const plain = graph.add("Conv", [x, x]);
  const blocked = graph.add("Conv", [x, x], { domain: "com.microsoft.nchwc" });
  assert.notEqual(plain, blocked);
  assert.equal(graph.add("Conv", [x, x]), plain);
});

test("a gradient's error names the kernel that it is the gradient of", () => {
  const wrong = tf.customGrad((x) => ({
    value: (x as tf.Tensor).square(),
    gradFunc: (dy) => (dy as tf.Tensor).add(tf.zeros([7])),
  }));
  const compute = () =>
    trace({ x: { type: "float32", shape: [3] } }, ({ x }, tracer) => {
      tracer.enter("layer");
      const forward = () => {
        const loss = wrong(x).sum();
        tracer.labelGradients();
        return loss;
      };
      return { dx: tf.engine().gradients(forward, [x], undefined, true).grads[0] };
    });
  assert.throws(compute, /^Error: gradient.*: Add of a \[3\] and b \[7\]/);
});

test("BIAPY_DUMP_GRAPHS writes each program as an .onnx file whose nodes have names", async () => {
  const folder = mkdtempSync(join(tmpdir(), "biapy-graphs-"));
  process.env.BIAPY_DUMP_GRAPHS = join(folder, "graphs");
  const parameters = new Parameters(declaredWeights(twoLayers), { trainable: true, threads: 1 });
  try {
    new OnnxRuntime(1).compile(twoLayers, parameters, { gradients: true }).release();
    const [file, ...more] = readdirSync(join(folder, "graphs"));
    assert.equal(more.length, 0);
    assert.match(file, /^\d{3}-gradients\.onnx$/);
    const bytes = readFileSync(join(folder, "graphs", file)).toString("latin1");
    for (const name of ["first/", "second.head/", "gradient/second.head/", "first.weight"])
      assert.ok(bytes.includes(name), name);
  } finally {
    delete process.env.BIAPY_DUMP_GRAPHS;
    rmSync(folder, { recursive: true });
    await parameters.close();
  }
});

type Calculation = readonly [
  name: string,
  shape: readonly number[],
  compute: (x: tf.Tensor) => tf.Tensor,
  wanted: readonly number[],
];

/** `x` holds 1, 2, 3, …. Leading axes that only a constant has must be there for operators that name axes. */
const CALCULATIONS: readonly Calculation[] = [
  ["a scalar times a constant", [], (x) => x.mul(tf.fill([1, 1], 2)).sum(0), [2]],
  ["a row plus a constant", [3], (x) => x.add(tf.fill([1, 3], 2)).sum(0), [3, 4, 5]],
  ["a row plus zeros", [3], (x) => x.add(tf.zeros([1, 3])).sum(0), [1, 2, 3]],
  ["a sum of no rows", [2, 3, 4], (x) => x.slice([0, 0, 0], [2, 0, 4]).sum([0, 1]), [0, 0, 0, 0]],
  ["a row times ones", [3], (x) => x.mul(tf.ones([1, 3])).matMul(tf.ones([3, 2])), [6, 6]],
  [
    "a row compared",
    [3],
    (x) =>
      x
        .greater(tf.fill([1, 3], 2))
        .cast("float32")
        .sum(0),
    [0, 0, 1],
  ],
  ["a row in two lines", [3], (x) => x.add(tf.fill([2, 3], 2)).sum(0), [6, 8, 10]],
  ["an activated constant", [1], (x) => tf.zeros([1, 1]).sigmoid().sum(0).add(x), [1.5]],
  ["a stack along the last axis", [2, 2], (x) => tf.stack([x, x.neg()], -1), [1, -1, 2, -2, 3, -3, 4, -4]],
  ["values picked along the last axis", [2, 2], (x) => x.gather(tf.tensor1d([1], "int32"), -1), [2, 4]],
];

for (const [name, shape, compute, wanted] of CALCULATIONS) {
  test(`${name} has the right values and shape`, async () => {
    const program: Program = {
      inputs: { x: { type: "float32", shape } },
      training: false,
      forward: (_, { x }) => ({ y: compute(x) }),
    };
    const parameters = new Parameters([], { trainable: false, threads: 1 });
    const executable = new OnnxRuntime(1).compile(program, parameters, { gradients: false });
    executable.inputs.x.forEach((_, at) => {
      executable.inputs.x[at] = at + 1;
    });
    await executable.run(0);
    assert.deepEqual([...executable.outputs.y], wanted);
    executable.release();
    await parameters.close();
  });
}
