/** Weights that are updated while a training step still runs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { declaredWeights } from "../../src/runtime/declared-weights.ts";
import { cutAtGradients, gradientLives, gradientPlaces } from "../../src/runtime/onnx/gradient-parts.ts";
import { partsOf } from "../../src/runtime/onnx/graph-parts.ts";
import type { GraphDefinition, NodeDefinition } from "../../src/runtime/onnx/model-proto.ts";
import { integerConstant } from "../../src/runtime/onnx/model-proto.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import type { OptimizerSettings } from "../../src/runtime/optimizer-settings.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import type { Program } from "../../src/runtime/program.ts";
import { Optimizer } from "../../src/training/optimizer.ts";
import { compileTraining } from "../../src/training/training-step.ts";

const WIDTH = 2048;
const LAYERS = ["first", "second", "third", "fourth", "fifth", "sixth"];
const RATE = 1e-3;
const ADAM: OptimizerSettings = { kind: "adam", betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.01 };

/** Layers whose gradients take 16 MB each. The first one's weight is used once more at the end. */
const program: Program = {
  training: true,
  inputs: { x: { shape: [2, WIDTH], type: "float32" } },
  forward(scope, { x }) {
    const weights = LAYERS.map((name) =>
      scope.parameter(name, [WIDTH, WIDTH], { kind: "fan-in-uniform", fanIn: WIDTH }),
    );
    const y = weights.reduce((value, weight) => value.matMul(weight).relu(), x);
    return { loss: y.matMul(weights[0]).square().mean() };
  },
};

function initialized(): Parameters {
  const parameters = new Parameters(declaredWeights(program), { trainable: true, threads: 2 });
  parameters.initialize(3);
  return parameters;
}
const fill = (x: { fill(value: number): unknown } | Float32Array) => {
  if (x instanceof Float32Array) for (const at of x.keys()) x[at] = Math.sin(at);
};

test("weights updated while a step runs equal those that are updated after it, and gradients share memory", async () => {
  const [early, late] = [initialized(), initialized()];
  const runtime = new OnnxRuntime(2);
  const step = compileTraining(runtime, program, early, { optimizer: ADAM, clipNorm: 0 });
  const executable = runtime.compile(program, late, { gradients: true });
  const optimizer = new Optimizer(ADAM, late);
  for (const { x } of [step.inputs, executable.inputs]) fill(x);
  for (const seed of [0, 1, 2]) {
    await step.run(seed, RATE);
    await executable.run(seed);
    await optimizer.step(RATE);
    assert.deepEqual(step.outputs.loss, executable.outputs.loss);
  }
  assert.equal(step.steps, 3);
  for (const name of LAYERS) assert.deepEqual(early.read(name), late.read(name), name);
  // The slots have room for more gradients than are known at the same time.
  const unused = LAYERS.filter((name) => early.read(name, "gradient").every((value) => value === 0));
  assert.ok(unused.length > 0);
  step.release();
  executable.release();
  await Promise.all([early.close(), late.close()]);
});

test("gradients that are known at the same time do not overlap in memory", () => {
  const lives = [
    { weight: "a", from: 0, to: 2 },
    { weight: "b", from: 0, to: 0 },
    { weight: "c", from: 1, to: 1 },
    { weight: "d", from: 1, to: 3 },
    { weight: "e", from: 3, to: 3 },
    { weight: "f", from: 3, to: 3 },
  ];
  const sizes: Record<string, number> = { a: 2, b: 8, c: 5, d: 4, e: 3, f: 1 };
  const places = gradientPlaces(lives, (weight) => sizes[weight] ?? 0);
  const end = (weight: string) => (places.get(weight) ?? 0) + (sizes[weight] ?? 0);
  for (const one of lives)
    for (const other of lives) {
      const together = one !== other && one.from <= other.to && other.from <= one.to;
      const apart =
        end(one.weight) <= (places.get(other.weight) ?? 0) ||
        end(other.weight) <= (places.get(one.weight) ?? 0);
      assert.ok(!together || apart, `${one.weight} and ${other.weight}`);
    }
  assert.equal(Math.max(...lives.map(({ weight }) => end(weight))), 11);
});

const value = (name: string) => ({ name, type: "float32" as const, shape: [4] });

/** Returns a graph of such operators on vectors. Its gradients are outputs that each end a part. */
function cutGraph(nodes: readonly (readonly [operator: string, input: string, output: string])[]) {
  const shape = integerConstant("shape", [4]);
  const outputs = nodes.map(([, , output]) => output).filter((name) => name.startsWith("gradient:"));
  const graph: GraphDefinition = {
    nodes: nodes.map(([operator, input, output]): NodeDefinition => {
      const inputs = operator === "Reshape" ? [input, "shape"] : [input];
      return { operator, domain: "", inputs, outputs: [output], attributes: {} };
    }),
    inputs: [value("x")],
    outputs: outputs.map(value),
    constants: [shape],
  };
  return partsOf(cutAtGradients(graph, 16));
}

test("a gradient's memory is in use until the last part that reads it", () => {
  const parts = cutGraph([
    ["Abs", "x", "gradient:one"],
    ["Neg", "gradient:one", "other"],
    ["Exp", "other", "gradient:two"],
  ]);
  const isWeight = (name: string) => name === "one" || name === "two";
  assert.deepEqual(gradientLives(parts, isWeight), [
    { weight: "one", from: 0, to: 1 },
    { weight: "two", from: 1, to: 1 },
  ]);
});

test("a value that a gradient is made of, and that passes between parts, is not taken for a gradient", () => {
  const parts = cutGraph([
    ["Abs", "x", "gradient:one:1"],
    ["Neg", "gradient:one:1", "gradient:one"],
  ]);
  assert.deepEqual(
    gradientLives(parts, (name) => name === "one"),
    [{ weight: "one", from: 1, to: 1 }],
  );
});

test("views of earlier values get names that no other value has", () => {
  const parts = cutGraph([
    ["Abs", "x", "y:1"],
    ["Reshape", "y:1", "y"],
    ["Neg", "y", "gradient:one"],
    ["Exp", "y", "gradient:two"],
  ]);
  const names = parts.flatMap(({ body }) => body.nodes.flatMap(({ outputs }) => outputs));
  assert.equal(parts.length, 2);
  assert.equal(new Set(names).size, names.length, names.join(", "));
});
