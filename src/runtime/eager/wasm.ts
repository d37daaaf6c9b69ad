/** TensorFlow.js's WebAssembly backend, which runs on any platform that Node does. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import "@tensorflow/tfjs-backend-cpu";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { tf } from "../tensor.ts";
import { EagerRuntime } from "./runtime.ts";

/** @param threads number of threads of the optimizer; the backend itself has one in Node */
export async function openWasmRuntime(threads: number): Promise<EagerRuntime> {
  setWasmPaths(binariesFolder() + sep);
  await tf.setBackend("wasm");
  borrowKernels("wasm", "cpu");
  return new EagerRuntime("wasm", "CPU, WebAssembly (TensorFlow.js)", threads);
}

/** Returns the folder of the .wasm files: next to the bundle, or in the package when run from source. */
function binariesFolder(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  if (existsSync(join(here, "tfjs-backend-wasm.wasm"))) return here;
  return dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm"));
}

/** Makes a backend use another's kernels where it has none, with tensors copied there and back. */
function borrowKernels(borrower: string, lender: string): void {
  const own = new Set(tf.getKernelsForBackend(borrower).map(({ kernelName }) => kernelName));
  for (const { kernelName } of tf.getKernelsForBackend(lender)) {
    if (own.has(kernelName)) continue;
    tf.registerKernel({
      kernelName,
      backendName: borrower,
      kernelFunc: ({ inputs, attrs }) => borrowed(kernelName, borrower, lender, inputs, attrs),
    });
  }
}

function borrowed(
  kernelName: string,
  borrower: string,
  lender: string,
  inputs: tf.NamedTensorInfoMap,
  attrs: tf.NamedAttrMap | undefined,
): tf.TensorInfo | tf.TensorInfo[] {
  const [own, other] = [tf.findBackend(borrower), tf.findBackend(lender)];
  const copied = ({ dataId, shape, dtype }: tf.TensorInfo, from: tf.KernelBackend, to: tf.KernelBackend) => ({
    dataId: to.write(from.readSync(dataId), shape, dtype),
    shape,
    dtype,
  });
  const each = <A, B>(value: A | A[], map: (item: A) => B): B | B[] =>
    Array.isArray(value) ? value.map(map) : map(value);
  const lent = Object.fromEntries(
    Object.entries(inputs).flatMap(([name, info]) =>
      info === undefined ? [] : [[name, each(info, (one) => copied(one, own, other))]],
    ),
  ) as tf.NamedTensorInfoMap;
  const kernel = tf.getKernel(kernelName, lender);
  const results = kernel.kernelFunc({ inputs: lent, backend: other, attrs });
  const returned = each(results, (one) => copied(one, other, own));
  for (const info of [...Object.values(lent), results].flat()) if (info) other.disposeData(info.dataId);
  return returned;
}
