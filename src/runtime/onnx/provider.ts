/** onnxruntime's execution providers, and how to enable each for a session. */
import { check, created, runtime } from "./native.ts";
import type { Pointer } from "./native-api.ts";

/** An execution provider, and the device that it uses. */
export type Provider =
  /** Any GPU through Vulkan, Metal or Direct3D 12. `power` selects among several GPUs. */
  | { readonly kind: "webgpu"; readonly power: "high-performance" | "low-power" }
  /** An NVIDIA GPU, by its index in nvidia-smi. */
  | { readonly kind: "cuda"; readonly index: number }
  /** Direct3D 12 on Windows, by the index of the graphics adapter. */
  | { readonly kind: "directml"; readonly index: number }
  /** The CPU with graphs for GPUs, for tests. */
  | { readonly kind: "cpu" };

/** onnxruntime's names for the providers' memory. */
const MEMORY = { webgpu: "WebGPU_Buf", cuda: "Cuda", directml: "DML", cpu: "Cpu" } as const;
const DEVICE_ALLOCATOR = 0;

/** Returns a description of the memory of a provider's device. The caller releases it. */
export function deviceMemory(provider: Provider): Pointer {
  const { api } = runtime();
  const index = "index" in provider ? provider.index : 0;
  return created(api, (out) => api.createMemory(MEMORY[provider.kind], DEVICE_ALLOCATOR, index, 0, out));
}

/** Makes sessions with these options run on the provider. Throws onnxruntime's error where it cannot. */
export function useProvider(options: Pointer, provider: Provider): void {
  const { api } = runtime();
  const append = (name: string, settings: Readonly<Record<string, string>>) =>
    check(
      api,
      api.appendProvider(
        options,
        name,
        Object.keys(settings),
        Object.values(settings),
        Object.keys(settings).length,
      ),
    );
  if (provider.kind === "webgpu") {
    append("WebGPU", { powerPreference: provider.power, enableInt64: "1", preferredLayout: "NCHW" });
  } else if (provider.kind === "directml") append("DML", { device_id: String(provider.index) });
  else if (provider.kind === "cuda") useCuda(options, provider.index);
}

function useCuda(options: Pointer, index: number): void {
  const { api } = runtime();
  const settings = { device_id: String(index), arena_extend_strategy: "kSameAsRequested" };
  const cuda = created(api, (out) => api.createCudaOptions(out));
  try {
    const [keys, values] = [Object.keys(settings), Object.values(settings)];
    check(api, api.updateCudaOptions(cuda, keys, values, keys.length));
    check(api, api.appendCuda(options, cuda));
  } finally {
    api.releaseCudaOptions(cuda);
  }
}
