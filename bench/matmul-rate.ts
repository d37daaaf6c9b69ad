/** Measures onnxruntime's rate for one large matrix product in GFLOP/s, the limit in `bench:steps`. Prints JSON. */
import { encodeModel, type GraphDefinition } from "../src/runtime/onnx/model-proto.ts";
import { NativeSession } from "../src/runtime/onnx/native-session.ts";
import { NativeTensor } from "../src/runtime/onnx/native-tensor.ts";

const SIZE = 2048;
const SECONDS = 1.5;
const value = (name: string) => ({ name, type: "float32" as const, shape: [SIZE, SIZE] });
const graph: GraphDefinition = {
  nodes: [{ operator: "MatMul", domain: "", inputs: ["a", "b"], outputs: ["y"], attributes: {} }],
  inputs: [value("a"), value("b")],
  outputs: [value("y")],
  constants: [],
};
const tensor = () =>
  new NativeTensor(
    Float32Array.from({ length: SIZE ** 2 }, (_, at) => Math.sin(at)),
    "float32",
    [SIZE, SIZE],
  );
const session = NativeSession.compiled(
  encodeModel(graph),
  { threads: Number(process.argv[2] ?? 2) },
  { inputs: ["a", "b"], outputs: ["y"] },
);
const tensors = { a: tensor(), b: tensor(), y: tensor() };
const read = BigUint64Array.of(tensors.a.pointer, tensors.b.pointer);
const written = BigUint64Array.of(tensors.y.pointer);
session.runNow(read, written);
const seconds: number[] = [];
const begun = performance.now();
while (performance.now() - begun < SECONDS * 1000) {
  const started = performance.now();
  session.runNow(read, written);
  seconds.push((performance.now() - started) / 1000);
}
session.release();
const median = seconds.sort((a, b) => a - b)[Math.floor(seconds.length / 2)] ?? NaN;
console.log(JSON.stringify({ gigaflopsPerSecond: (2 * SIZE ** 3) / median / 1e9 }));
