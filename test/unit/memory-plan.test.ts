/** The expected memory of a training step: shapes of all values, which of them are alive together, and warnings. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { loadConfig } from "../../src/config/config.ts";
import { product } from "../../src/facts/checked-lists.ts";
import type { NewRunEvent } from "../../src/facts/run-events.ts";
import { imageModel } from "../../src/models/architectures.ts";
import type { BuildArguments } from "../../src/models/build-arguments.ts";
import { convolution } from "../../src/runtime/convolution.ts";
import { declaredWeights } from "../../src/runtime/declared-weights.ts";
import { executionOrder, memoryPlan } from "../../src/runtime/onnx/memory-plan.ts";
import type { GraphDefinition, NodeDefinition } from "../../src/runtime/onnx/model-proto.ts";
import { traceProgram } from "../../src/runtime/onnx/trace-program.ts";
import { valueTypes } from "../../src/runtime/onnx/value-shapes.ts";
import type { Program } from "../../src/runtime/program.ts";
import type { InputError } from "../../src/workflow/input-error.ts";
import { checkMemory } from "../../src/workflow/training-memory.ts";
import { referenceMae } from "../support/reference-mae.ts";

interface Judged {
  readonly architecture: string;
  readonly build: BuildArguments;
  readonly input_shape: readonly number[];
}

function trainingGraph({ architecture, build, input_shape: shape }: Judged, batch: number): GraphDefinition {
  const [, channels = 1, ...space] = shape;
  const network = imageModel(architecture, build);
  const program: Program = {
    training: true,
    inputs: { images: { shape: [batch, ...space, channels], type: "float32" } },
    forward: (scope, { images }) => ({ loss: network(scope, images).square().mean() }),
  };
  return traceProgram(program, declaredWeights(program), { gradients: true });
}

const judgedFolder = new URL("../fixtures/models/judged/", import.meta.url);
const judged = (file: string) => JSON.parse(readFileSync(new URL(file, judgedFolder), "utf8")) as Judged;

test("the shapes of all values of every network's training step are inferred, gradients as large as their weights", () => {
  // The judged vision transformers are BiaPy's classifiers; the masked autoencoder stands for them.
  const files = readdirSync(judgedFolder).filter((file) => !file.startsWith("vit"));
  const mae = referenceMae({ ndim: 2, size: 32, token: 8, channels: 1, batch: 2, normalizePixels: true });
  const graphs: [string, GraphDefinition][] = [
    ["mae", traceProgram(mae, declaredWeights(mae), { gradients: true })],
    ...files.map((file): [string, GraphDefinition] => [file, trainingGraph(judged(file), 2)]),
  ];
  for (const [file, graph] of graphs) {
    const types = valueTypes(graph);
    for (const { name, shape, type } of graph.outputs)
      assert.deepEqual(types.get(name), { shape: [...shape], type }, `${file}: ${name}`);
    assert.equal(executionOrder(graph.nodes).length, graph.nodes.length, file);
  }
});

test("the gradient of a strided convolution of one value copies only the pixels that it takes", () => {
  const [images, weight] = [
    [1, 63, 63, 32],
    [8, 32, 1, 1],
  ];
  const window = { stride: [2, 2], padding: [0, 0], dilation: [1, 1] };
  const program: Program = {
    training: true,
    inputs: { images: { shape: images, type: "float32" } },
    forward(scope, { images }) {
      const kernel = scope.parameter("weight", weight, { kind: "constant", value: 0 });
      return { loss: convolution(images, kernel, window).square().mean() };
    },
  };
  const graph = traceProgram(program, declaredWeights(program), { gradients: true });
  // One copy channels-first, and a quarter of its pixels.
  assert.ok(memoryPlan(graph, () => false).peakBytes < 1.5 * 4 * product(images));
});

test("the memory of a step grows with its batch", () => {
  const plan = (batch: number) =>
    memoryPlan(trainingGraph(judged("unet_2d.json"), batch), () => false).peakBytes;
  const growth = plan(8) / plan(2);
  assert.ok(growth > 3 && growth < 4.5, `${growth} times as much for four times the batch`);
});

const node = (operator: string, inputs: string[], output: string): NodeDefinition => ({
  operator,
  domain: "",
  inputs,
  outputs: [output],
  attributes: {},
});
const value = (name: string) => ({ name, type: "float32" as const, shape: [1000] });

test("a value takes memory until its last reader has run", () => {
  const graph: GraphDefinition = {
    nodes: [
      node("Sin", ["x"], "a"),
      node("Cos", ["a"], "b"),
      node("Elu", ["b"], "c"),
      node("Mul", ["a", "c"], "y"),
    ],
    inputs: [value("x")],
    outputs: [value("y")],
    constants: [],
  };
  // a and b; c is written over b.
  assert.equal(memoryPlan(graph, () => false).peakBytes, 8000);
  assert.equal(memoryPlan(graph, () => false).boundBytes, 8000);
  assert.equal(memoryPlan(graph, (name) => name === "x").boundBytes, 4000);
});

function said(
  values: number,
  machine: { held: number; free: number; total: number },
  whole = 12,
  couldStoreHalf = false,
) {
  const { config } = loadConfig("job.yaml", "TRAIN: {BATCH_SIZE: 12}\n");
  const events: NewRunEvent[] = [];
  const programs = [{ values, bound: 0 }, undefined];
  checkMemory(
    { config, report: (event) => events.push(event), programs, batch: 12, whole, couldStoreHalf },
    machine,
  );
  return events.filter((event) => event.event === "log");
}

test("too little memory is reported before training, with the batch that fits and the part size that gives the same result", () => {
  const gigabyte = 1e9;
  assert.deepEqual(said(5 * gigabyte, { held: gigabyte, free: 6 * gigabyte, total: 16 * gigabyte }), []);
  const [warning] = said(12 * gigabyte, { held: gigabyte, free: 8.5 * gigabyte, total: 16 * gigabyte });
  assert.equal(warning?.level, "warning");
  assert.equal(warning.partSize, 6);
  assert.match(
    warning.message,
    /^TRAIN\.BATCH_SIZE: .*13\.0 GB.*12 patches.* 8 fit\. --part_size 6 keeps the batch of 12/,
  );
  assert.doesNotMatch(warning.message, /half-storage/);
  const [other] = said(
    12 * gigabyte,
    { held: gigabyte, free: 8.5 * gigabyte, total: 16 * gigabyte },
    12,
    true,
  );
  assert.match(other?.message ?? "", /with the same result\. --precision half-storage needs up to half/);
  // There are only ten patches: parts must divide these.
  const [fewer] = said(12 * gigabyte, { held: gigabyte, free: 8.5 * gigabyte, total: 16 * gigabyte }, 10);
  assert.equal(fewer?.partSize, 5);
  assert.throws(
    () => said(12 * gigabyte, { held: gigabyte, free: 7 * gigabyte, total: 8 * gigabyte }),
    ({ problems: [problem] }: InputError) =>
      problem?.partSize === 6 && /the machine has 8.* 7 fit\. --part_size 6/.test(problem.message),
  );
  assert.throws(
    () => said(120 * gigabyte, { held: gigabyte, free: 7 * gigabyte, total: 8 * gigabyte }),
    ({ problems: [problem] }: InputError) =>
      problem?.partSize === undefined && /Not even one patch fits/.test(problem?.message ?? ""),
  );
});
