/** Graphs that onnxruntime has compiled, part by part. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { CompiledGraph } from "../../src/runtime/onnx/compiled-graph.ts";
import { GraphBuilder } from "../../src/runtime/onnx/graph.ts";
import { partsOf } from "../../src/runtime/onnx/graph-parts.ts";
import type { GraphDefinition } from "../../src/runtime/onnx/model-proto.ts";
import { loadOnnxruntime } from "../../src/runtime/onnx/native.ts";
import { NativeTensor } from "../../src/runtime/onnx/native-tensor.ts";

loadOnnxruntime();

const value = (name: string) => ({ name, type: "float32", shape: [2] }) as const;

/** Adds an operation to an input `x` and names its result `y`. */
function graphOf(add: (graph: GraphBuilder, x: string) => string): GraphDefinition {
  const graph = new GraphBuilder();
  return graph.finish([{ ...value("y"), value: add(graph, graph.input(value("x"))) }]);
}

const square = () => graphOf((graph, x) => graph.add("Mul", [x, x]));

/** Calls the same graph twice. */
const minusFourth = () => {
  const body = square();
  return graphOf((graph, x) => {
    const [once = ""] = graph.call(body, [x]);
    const [twice = ""] = graph.call(body, [graph.add("Neg", [once])]);
    return graph.add("Neg", [twice]);
  });
};

function compiled(graph: GraphDefinition, x: Float32Array, y: Float32Array) {
  const bound = new Map([
    ["x", new NativeTensor(x, "float32", [2])],
    ["y", new NativeTensor(y, "float32", [2])],
  ]);
  return {
    whole: new CompiledGraph(partsOf(graph), bound, { threads: 1 }, "test"),
    nodes: graph.nodes.map((node) => new WeakRef(node.body?.nodes ?? node)),
  };
}

for (const [name, graphOfTest, wanted] of [
  ["a graph", square, [4, 9]],
  ["a graph that calls another one", minusFourth, [-16, -81]],
] as const)
  test(`${name} runs without its definition, which is freed once it is compiled`, async () => {
    setFlagsFromString("--expose-gc");
    const collect: () => void = runInNewContext("gc");
    const [x, y] = [Float32Array.of(2, 3), new Float32Array(2)];
    const { whole, nodes } = compiled(graphOfTest(), x, y);
    await setImmediate();
    collect();
    assert.deepEqual(
      nodes.map((node) => node.deref()),
      nodes.map(() => undefined),
    );
    await whole.run();
    assert.deepEqual([...y], wanted);
    whole.release();
  });

test("a graph that is released while it runs is freed after the part that runs, and runs no other", async () => {
  const size = 512;
  const image = (name: string) => ({ name, type: "float32", shape: [size, size] }) as const;
  const builder = new GraphBuilder();
  const body = new GraphBuilder();
  const inner = body.input(image("x"));
  const squared = body.finish([{ ...image("y"), value: body.add("MatMul", [inner, inner]) }]);
  const x = builder.input(image("x"));
  const [once = ""] = builder.call(squared, [x]);
  const [twice = ""] = builder.call(squared, [once]);
  const graph = builder.finish([{ ...image("y"), value: twice }]);
  const ended: string[] = [];
  for (let round = 0; round < 20; round++) {
    const [given, result] = [new Float32Array(size ** 2).fill(1 / size), new Float32Array(size ** 2)];
    const bound = new Map([
      ["x", new NativeTensor(given, "float32", [size, size])],
      ["y", new NativeTensor(result, "float32", [size, size])],
    ]);
    const whole = new CompiledGraph(partsOf(graph), bound, { threads: 1 }, "test");
    const running = whole.run();
    for (let wait = 0; wait < round; wait++) await setImmediate();
    whole.release();
    ended.push(
      await running.then(
        () => "finished",
        (error) => String(error),
      ),
    );
    // Only the second product writes the result.
    if (ended.at(-1) !== "finished") assert.equal(result[0], 0);
  }
  assert.ok(ended.includes("Error: The graph was released."), ended.join());
});
