/** Which runtime a process uses. */
import type { Runtime } from "./executable.ts";

export const RUNTIMES = ["onnx", "wasm"] as const;
export type RuntimeName = (typeof RUNTIMES)[number];

/**
 * Opens a runtime: the named one, or else the fastest that this platform has.
 *
 * @param warn is told when it is not the usual one, and why
 */
export async function openRuntime(
  name: RuntimeName | undefined,
  threads: number,
  warn: (message: string) => void,
): Promise<Runtime> {
  if (name === "wasm") return openWasm(threads);
  try {
    const { openOnnxRuntime } = await import("./onnx/runtime.ts");
    return openOnnxRuntime(threads);
  } catch (error) {
    if (name === "onnx") throw error;
    const reason = error instanceof Error ? error.message : String(error);
    warn(
      `onnxruntime does not run here, and training uses TensorFlow.js's own, much slower backend. ${reason}`,
    );
    return openWasm(threads);
  }
}

async function openWasm(threads: number): Promise<Runtime> {
  const { openWasmRuntime } = await import("./eager/wasm.ts");
  return openWasmRuntime(threads);
}
