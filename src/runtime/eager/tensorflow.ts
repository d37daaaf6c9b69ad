/** TensorFlow itself, op by op, from `@tensorflow/tfjs-node` or its GPU form: installed on demand (install/tensorflow.ts). */
import { createRequire } from "node:module";
import util from "node:util";
import { installedTensorflow } from "../../install/tensorflow.ts";
import { tf } from "../tensor.ts";
import { EagerRuntime } from "./runtime.ts";

/** TensorFlow is not installed or does not load; the message says what to do. */
export class TensorflowMissing extends Error {
  override readonly name = "TensorflowMissing";
}

/** What Node.js 23 took out of `util`, and tfjs-node 4.22 asks for. */
const OLDER_UTIL = { isNullOrUndefined: (value: unknown) => value == null, isArray: Array.isArray };

/** Opens TensorFlow's backend. TensorFlow.js's engine is one for all copies of it in a process, ours and the package's. */
export async function openTensorflowRuntime(threads: number): Promise<EagerRuntime> {
  const installed = installedTensorflow();
  if (installed === undefined) {
    throw new TensorflowMissing(
      "TensorFlow is not installed: `biapy --install_tensorflow` fetches it for the CPU, `biapy --install_tensorflow gpu` for NVIDIA's GPUs.",
    );
  }
  for (const [name, value] of Object.entries(OLDER_UTIL))
    if (!(name in util)) Object.assign(util, { [name]: value });
  process.env.TF_CPP_MIN_LOG_LEVEL ??= "2";
  try {
    createRequire(import.meta.url)(installed.path);
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    throw new TensorflowMissing(`TensorFlow in ${installed.path} does not load: ${reason}`);
  }
  await tf.setBackend("tensorflow");
  const backend = tf.backend() as tf.KernelBackend & { readonly isUsingGpuDevice?: boolean };
  const place = backend.isUsingGpuDevice ? "GPU (CUDA)" : "CPU";
  return new EagerRuntime("tensorflow", `${place} (TensorFlow)`, threads);
}
