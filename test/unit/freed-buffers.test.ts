/** Large buffers are freed after their last reader. onnxruntime's own count of bytes is the judge. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { product } from "../../src/facts/checked-lists.ts";
import { imageModel } from "../../src/models/architectures.ts";
import { declaredWeights } from "../../src/runtime/declared-weights.ts";
import { withFreedBuffers } from "../../src/runtime/onnx/freed-buffers.ts";
import { memoryPlan } from "../../src/runtime/onnx/memory-plan.ts";
import { encodeModel, type NodeDefinition, type Subgraph } from "../../src/runtime/onnx/model-proto.ts";
import { loadOnnxruntime } from "../../src/runtime/onnx/native.ts";
import { NativeSession } from "../../src/runtime/onnx/native-session.ts";
import { NativeTensor } from "../../src/runtime/onnx/native-tensor.ts";
import { traceProgram } from "../../src/runtime/onnx/trace-program.ts";
import type { Program } from "../../src/runtime/program.ts";

const folder = mkdtempSync(join(tmpdir(), "freed-buffers-"));
after(() => rmSync(folder, { recursive: true, force: true }));
loadOnnxruntime();

/** The training step or prediction of the U-Net that test/fixtures/models/judged describes, with values of up to 16 MB. */
function unetGraph(training: boolean): Subgraph {
  const file = new URL("../fixtures/models/judged/unet_2d.json", import.meta.url);
  const { architecture, build } = JSON.parse(readFileSync(file, "utf8"));
  const network = imageModel(architecture, build);
  const program: Program = {
    training,
    inputs: { images: { shape: [8, 128, 128, 1], type: "float32" } },
    forward: (scope, { images }) => {
      const y = network(scope, images);
      return { [training ? "loss" : "y"]: training ? y.square().mean() : y };
    },
  };
  return traceProgram(program, declaredWeights(program), { gradients: training });
}

/** Runs a graph on the same numbers each time. Returns its outputs and the most bytes that onnxruntime held at a time. */
async function run(graph: Subgraph, name: string) {
  const names = (values: Subgraph["outputs"]) => values.map((value) => value.name);
  const profile = join(folder, name);
  const session = NativeSession.compiled(
    encodeModel(graph),
    { threads: 2, profile },
    { inputs: names(graph.inputs), outputs: names(graph.outputs) },
  );
  const inputs = graph.inputs.map(({ shape, type }, index) => {
    const values = Float32Array.from({ length: product(shape) }, (_, at) => 0.3 * Math.sin(at + index));
    return new NativeTensor(values, type, shape);
  });
  const results = graph.outputs.map(({ shape }) => new Float32Array(product(shape)));
  const outputs = graph.outputs.map(({ shape, type }, index) => {
    const values = results[index] ?? new Float32Array();
    return new NativeTensor(values, type, shape);
  });
  const pointers = (tensors: NativeTensor[]) => BigUint64Array.from(tensors, ({ pointer }) => pointer);
  await session.run(pointers(inputs), pointers(outputs));
  session.release();
  for (const tensor of [...inputs, ...outputs]) tensor.release();
  const file = readdirSync(folder).find((each) => each.startsWith(name)) ?? "";
  const events: { args?: { mem_bytes_requested_in_use?: string } }[] = JSON.parse(
    readFileSync(join(folder, file), "utf8"),
  );
  const held = events.map(({ args }) => Number(args?.mem_bytes_requested_in_use ?? 0));
  return { results, peak: Math.max(...held) };
}

test("a step takes a sixth less memory where large buffers are freed, and its results are the same to the bit", async () => {
  const graph = unetGraph(true);
  const kept = await run(graph, "kept");
  const freed = await run(withFreedBuffers(graph), "freed");
  assert.ok(kept.results.some((values) => values.some((value) => value !== 0)));
  assert.deepEqual(freed.results, kept.results);
  assert.ok(freed.peak < 0.85 * kept.peak, `${freed.peak} bytes instead of ${kept.peak}`);
  const { peakBytes } = memoryPlan(graph, () => false);
  assert.ok(Math.abs(freed.peak / peakBytes - 1) < 0.01, `planned ${peakBytes}, measured ${freed.peak}`);
});

test("a prediction takes the memory that is planned: no indices of maxima, which only training reads", async () => {
  const graph = unetGraph(false);
  const { peak } = await run(withFreedBuffers(graph), "prediction");
  const { peakBytes } = memoryPlan(graph, () => false);
  assert.ok(Math.abs(peak / peakBytes - 1) < 0.01, `planned ${peakBytes}, measured ${peak}`);
});

/** A value of 4 MB, which onnxruntime is not expected to keep for others. */
const SHAPE = [64, 16384];
const ACTIVATIONS = [
  "Clip",
  "Elu",
  "HardSigmoid",
  "LeakyRelu",
  "Relu",
  "Sigmoid",
  "Softmax",
  "Softplus",
  "Tanh",
];
const FUNCTIONS = ["Abs", "Cos", "Erf", "Exp", "Floor", "Gelu", "Log", "Neg", "Reciprocal", "Sqrt"];
const ARITHMETIC = ["Add", "Div", "Max", "Min", "Mul", "Pow", "Sub", "Sum"];

const node = (
  operator: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: NodeDefinition["attributes"] = {},
): NodeDefinition => ({ operator, domain: "", inputs, outputs, attributes });

/** Returns a graph whose value `a` is computed from its input `x`, and whose output is computed from `b`. */
function between(nodes: readonly NodeDefinition[]): Subgraph {
  const integers = (name: string, values: readonly number[]) => {
    const bytes = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    return { name, type: "int64", shape: [values.length], bytes } as const;
  };
  const zeros = (name: string, shape: readonly number[]) =>
    ({ name, type: "float32", shape, bytes: new Uint8Array(4 * product(shape)) }) as const;
  const read = new Set(nodes.flatMap(({ inputs }) => inputs));
  return {
    nodes: [node("Sin", ["x"], ["a"]), ...nodes, node("Cos", ["b"], ["y"])],
    inputs: [{ name: "x", type: "float32", shape: SHAPE }],
    outputs: [{ name: "y", type: "float32", shape: SHAPE }],
    constants: [
      integers("shape", SHAPE),
      integers("lines", [1, ...SHAPE]),
      integers("image", [1, 64, 128, 128]),
      integers("half", [32, 32]),
      { ...integers("indices", [0]), shape: [1, 1] },
      zeros("line", [1, 16384]),
      zeros("kernels", [64, 1, 1]),
      zeros("pixels", [64, 1, 1, 1]),
      zeros("bias", [64]),
    ].filter(({ name }) => read.has(name)),
  };
}

const INT32 = 6;
const FLOAT32 = 1;
const OPERATORS: Readonly<Record<string, readonly NodeDefinition[]>> = {
  ...Object.fromEntries(
    [...ACTIVATIONS, ...FUNCTIONS].map((operator) => [operator, [node(operator, ["a"], ["b"])]]),
  ),
  ...Object.fromEntries(ARITHMETIC.map((operator) => [operator, [node(operator, ["a", "x"], ["b"])]])),
  "Cast to a type of the same size": [
    node("Cast", ["a"], ["whole"], { to: INT32 }),
    node("Cast", ["whole"], ["b"], { to: FLOAT32 }),
  ],
  "Reshape of a value": [node("Reshape", ["a", "shape"], ["b"])],
  "Reshape of an input": [
    node("Reshape", ["x", "shape"], ["seen"]),
    node("Add", ["a", "seen"], ["c"]),
    node("Exp", ["c"], ["b"]),
  ],
  "Split with a result that nobody reads": [
    node("Split", ["a", "half"], ["half a", "other half"], { axis: 0 }),
    node("Concat", ["half a", "half a"], ["c"], { axis: 0 }),
    node("Exp", ["c"], ["b"]),
  ],
  ScatterND: [node("ScatterND", ["a", "indices", "line"], ["b"], { reduction: "add" })],
  FusedConv: [
    node("Reshape", ["x", "lines"], ["seen"]),
    node("Reshape", ["a", "lines"], ["added"]),
    {
      ...node("FusedConv", ["seen", "kernels", "bias", "added"], ["c"], { group: 64, kernel_shape: [1] }),
      domain: "com.microsoft",
    },
    node("Reshape", ["c", "shape"], ["b"]),
  ],
  "Conv in blocks of channels that adds an image": [
    node("Reshape", ["x", "image"], ["seen"]),
    node("Reshape", ["a", "image"], ["added"]),
    {
      ...node("Conv", ["seen", "pixels", "bias", "added"], ["c"], { group: 64, kernel_shape: [1, 1] }),
      domain: "com.microsoft.nchwc",
    },
    node("Reshape", ["c", "shape"], ["b"]),
  ],
};

for (const [index, [name, nodes]] of Object.entries(OPERATORS).entries())
  test(`${name}: the memory that is planned is the memory that onnxruntime takes`, async () => {
    const graph = between(nodes);
    const { peak } = await run(withFreedBuffers(graph), `operator-${index}-`);
    const { peakBytes } = memoryPlan(graph, () => false);
    assert.ok(Math.abs(peak - peakBytes) < 1000, `planned ${peakBytes}, measured ${peak}`);
  });
