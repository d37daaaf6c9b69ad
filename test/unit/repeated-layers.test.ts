/** Layers that a network repeats: traced once, with the results of layers that are traced separately. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { sameConv } from "../../src/models/layers.ts";
import { silu } from "../../src/runtime/activations.ts";
import { declaredWeights } from "../../src/runtime/declared-weights.ts";
import { memoryPlan } from "../../src/runtime/onnx/memory-plan.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import { traceProgram } from "../../src/runtime/onnx/trace-program.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import type { Program, Tensors } from "../../src/runtime/program.ts";
import { ones, type RepeatedLayer, type Scope } from "../../src/runtime/scope.ts";
import type { tf } from "../../src/runtime/tensor.ts";

const FILTERS = 16;
const REPETITIONS = 4;

/** Counts how often it is traced. Its scale is read twice, and the one named `unused` not at all. */
function countedLayer() {
  const count = { traces: 0 };
  const layer: RepeatedLayer = (scope, x) => {
    count.traces++;
    const scale = scope.parameter("scale", [FILTERS], ones);
    scope.parameter("unused", [2], ones);
    const hidden = silu(sameConv(scope.at("first"), x.mul(scale), FILTERS));
    return x.add(sameConv(scope.at("second"), hidden, FILTERS).mul(hidden.mean([1, 2], true))).mul(scale);
  };
  return { layer, count };
}

type Apply = (scope: Scope, name: string, layer: RepeatedLayer, x: tf.Tensor) => tf.Tensor;
const shared: Apply = (scope, name, layer, x) => scope.repeated(name, layer, x);
const single: Apply = (scope, name, layer, x) => layer(scope.at(name), x);

/** A network of repetitions on images of two sizes, with other layers around them. */
function network(apply: Apply, layer: RepeatedLayer, training = true): Program {
  return {
    training,
    inputs: { images: { type: "float32", shape: [2, 12, 8, 1] } },
    forward: (scope, { images }): Tensors => {
      let x = sameConv(scope.at("head"), images, FILTERS);
      for (let index = 0; index < REPETITIONS; index++) x = apply(scope, `body.${index}`, layer, x);
      x = apply(scope, "half", layer, x.slice([0, 0, 0, 0], [-1, 6, -1, -1]).add(1));
      const y = sameConv(scope.at("tail"), x, 1);
      return training ? { loss: y.square().mean() } : { y };
    },
  };
}

/** Runs a program twice and returns all results and gradients. */
async function results(program: Program): Promise<ReadonlyMap<string, Float32Array>> {
  const gradients = program.training;
  const parameters = new Parameters(declaredWeights(program), { trainable: true, threads: 1 });
  parameters.initialize(1);
  const executable = new OnnxRuntime(2).compile(program, parameters, {
    gradients,
    gradientSquares: gradients,
  });
  try {
    executable.inputs.images?.set(Float32Array.from({ length: 192 }, (_, index) => Math.sin(index)));
    await executable.run(0);
    await executable.run(0);
    return new Map([
      ...Object.entries(executable.outputs).map(([name, values]) => [name, values.slice()] as const),
      ...parameters.specs
        .filter(() => gradients)
        .map(({ name }) => [`gradient of ${name}`, parameters.values(name, "gradient").slice()] as const),
    ]);
  } finally {
    executable.release();
    await parameters.close();
  }
}

for (const training of [true, false])
  test(`shared repetitions compute what single layers compute (${training ? "gradients" : "prediction"})`, async () => {
    const { layer } = countedLayer();
    const wanted = await results(network(single, layer, training));
    const found = await results(network(shared, layer, training));
    assert.deepEqual([...found.keys()], [...wanted.keys()]);
    for (const [name, values] of wanted) {
      const largest = Math.max(...values.map(Math.abs));
      for (const [index, value] of values.entries())
        assert.ok(Math.abs((found.get(name)?.[index] ?? Number.NaN) - value) <= 1e-5 * largest, name);
      assert.ok(name.endsWith("unused") || largest > 0, `${name} is zero`);
    }
  });

test("repetitions are traced once for each shape", () => {
  const { layer, count } = countedLayer();
  const program = network(shared, layer);
  const specs = declaredWeights(program);
  count.traces = 0;
  traceProgram(program, specs, { gradients: true });
  assert.equal(count.traces, 2);
});

test("graphs for GPUs and for other programs call no other graphs", () => {
  const program = network(shared, countedLayer().layer);
  for (const target of ["gpu", "portable"] as const) {
    const { nodes } = traceProgram(program, declaredWeights(program), { gradients: true }, target);
    assert.ok(nodes.every(({ body }) => body === undefined));
  }
});

test("the expected memory of shared repetitions is near that of single layers", () => {
  const { layer } = countedLayer();
  const [one, other] = [shared, single].map((apply) => {
    const program = network(apply, layer);
    const graph = traceProgram(program, declaredWeights(program), { gradients: true });
    return memoryPlan(graph, () => false).peakBytes;
  });
  assert.ok(Math.abs(one / other - 1) < 0.15, `${one} and ${other} bytes`);
});

test("a repeated layer that draws random numbers is refused", () => {
  const program: Program = {
    training: true,
    inputs: { x: { type: "float32", shape: [2, 3] } },
    forward: (scope, { x }) => ({
      y: scope.repeated("layer", (inner, given) => given.mul(inner.uniform([2, 3])), x),
    }),
  };
  assert.throws(
    () => traceProgram(program, declaredWeights(program), { gradients: false }),
    /^Error: layer: A repeated layer can neither draw random numbers nor update states/,
  );
});
