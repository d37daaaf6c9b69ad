/** Opens runtimes: on the CPU by name, or on a GPU. */
import { errorMessage } from "../facts/errors.ts";
import type { Gpu } from "./devices.ts";
import type { Runtime } from "./executable.ts";
import { ROUTE_NAMES, type Route } from "./gpu-routes.ts";
import type { Provider } from "./onnx/provider.ts";

/** Values of --runtime. */
export const RUNTIMES = ["onnx", "wasm", "tensorflow"] as const;
export type RuntimeName = (typeof RUNTIMES)[number];

/**
 * Opens a runtime on the CPU: the named one, or by default the fastest on this platform.
 *
 * @param warn called with the reason if the default runtime is not used
 */
export async function openRuntime(
  name: RuntimeName | undefined,
  threads: number,
  warn: (message: string) => void,
): Promise<Runtime> {
  if (name === "wasm") return openWasm(threads);
  if (name === "tensorflow") {
    const { openTensorflowRuntime } = await import("./eager/tensorflow.ts");
    return openTensorflowRuntime(threads);
  }
  try {
    const { openOnnxRuntime } = await import("./onnx/runtime.ts");
    return openOnnxRuntime(threads);
  } catch (error) {
    if (name === "onnx") throw error;
    const reason = errorMessage(error);
    warn(`onnxruntime does not run here. Training uses TensorFlow.js's own, much slower backend. ${reason}`);
    return openWasm(threads);
  }
}

async function openWasm(threads: number): Promise<Runtime> {
  const { openWasmRuntime } = await import("./eager/wasm.ts");
  return openWasmRuntime(threads);
}

/** Opens a GPU through one of its routes. Throws an Error that says in plain words why it cannot be used. */
export async function openGpu(gpu: Gpu, route: Route, threads: number): Promise<Runtime> {
  const { DeviceRuntime } = await import("./onnx/device-runtime.ts");
  try {
    const name = `${gpu.name} (${ROUTE_NAMES[route]}, onnxruntime)`;
    return new DeviceRuntime({ provider: providerOf(gpu, route) }, name, threads);
  } catch (error) {
    throw new Error(plainReason(error), { cause: error });
  }
}

function providerOf(gpu: Gpu, route: Route): Provider {
  if (route === "webgpu") return { kind: "webgpu", power: gpu.power };
  if (route === "cuda") return { kind: "cuda", index: gpu.nvidiaIndex ?? 0 };
  return { kind: "directml", index: gpu.adapterIndex };
}

/** Returns onnxruntime's reason in plain words, without paths of its source code. */
function plainReason(error: unknown): string {
  const message = errorMessage(error);
  if (/No supported adapters/.test(message)) return "no graphics driver supports WebGPU";
  if (/no CUDA-capable device|CUDA failure 100/.test(message)) return "CUDA finds no device";
  if (/CUDA driver version is insufficient|CUDA failure 35/.test(message))
    return "NVIDIA's driver is older than the CUDA libraries";
  if (/libcuda\.so\.1: cannot open/.test(message))
    return "NVIDIA's driver is not installed (no libcuda.so.1)";
  const [firstLine = ""] = message.split("\n");
  return firstLine.replace(/^onnxruntime: /, "").replace(/\/onnxruntime_src\/\S+ /g, "");
}
