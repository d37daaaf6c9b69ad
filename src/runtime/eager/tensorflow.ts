/** Runs programs op by op on TensorFlow: `@tensorflow/tfjs-node` or `tfjs-node-gpu`, installed on demand (install/tensorflow.ts). */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import util from "node:util";
import { installedTensorflow } from "../../install/tensorflow.ts";
import { tf } from "../tensor.ts";
import { EagerRuntime } from "./runtime.ts";

/** TensorFlow is not installed or does not load; the message says what to do. */
export class TensorflowMissing extends Error {
  override readonly name = "TensorflowMissing";
}

/** NVIDIA's libraries, each after those it depends on. TensorFlow looks for them by name only. */
const CUDA_LIBRARIES = [
  "libcudart.so.12",
  "libnvJitLink.so.12",
  "libcublasLt.so.12",
  "libcublas.so.12",
  "libcufft.so.11",
  "libcusparse.so.12",
  "libcusolver.so.11",
  "libcupti.so.12",
  "libcudnn.so.8",
  "libcudnn_ops_infer.so.8",
  "libcudnn_cnn_infer.so.8",
  "libcudnn_ops_train.so.8",
  "libcudnn_cnn_train.so.8",
];
/** Kept referenced: koffi unloads a library that is garbage-collected. */
const cudaLibraries: unknown[] = [];

/** Loads NVIDIA's libraries from TensorFlow's folder, where the system's loader would not look. */
function loadCuda(folder: string): void {
  const require = createRequire(import.meta.url);
  const koffi: typeof import("koffi") = require("koffi");
  for (const path of CUDA_LIBRARIES.map((name) => join(folder, name)).filter((each) => existsSync(each)))
    cudaLibraries.push(koffi.load(path));
}

/** Functions of `util` that tfjs-node 4.22 uses and Node.js 23 removed. */
const OLDER_UTIL = { isNullOrUndefined: (value: unknown) => value == null, isArray: Array.isArray };

/** Opens TensorFlow's backend. All copies of TensorFlow.js in a process share one engine, ours and tfjs-node's too. */
export async function openTensorflowRuntime(threads: number): Promise<EagerRuntime> {
  const installed = installedTensorflow();
  if (installed === undefined) {
    throw new TensorflowMissing(
      "TensorFlow is not installed. Run `biapy --install_tensorflow` (CPU) or `biapy --install_tensorflow gpu` (NVIDIA GPUs).",
    );
  }
  for (const [name, value] of Object.entries(OLDER_UTIL))
    if (!(name in util)) Object.assign(util, { [name]: value });
  process.env.TF_CPP_MIN_LOG_LEVEL ??= "2";
  try {
    if (installed.kind === "gpu") loadCuda(join(installed.path, "deps", "lib"));
    createRequire(import.meta.url)(installed.path);
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    throw new TensorflowMissing(`TensorFlow in ${installed.path} does not load: ${reason}`);
  }
  await tf.setBackend("tensorflow");
  const backend = tf.backend();
  const place = "isUsingGpuDevice" in backend && backend.isUsingGpuDevice === true ? "GPU (CUDA)" : "CPU";
  return new EagerRuntime("tensorflow", `${place} (TensorFlow)`, threads);
}
