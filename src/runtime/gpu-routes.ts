/** The ways to compute on a GPU, and which of them this machine has. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { errorMessage } from "../facts/errors.ts";
import { cudaLibraries, cudaState } from "../install/cuda.ts";
import type { NvidiaGpu } from "./nvidia-gpus.ts";

/** How a GPU is reached: CUDA; WebGPU on Vulkan, Metal or Direct3D 12; DirectML on Direct3D 12. */
export type Route = "cuda" | "webgpu" | "directml";
/** Display names. */
export const ROUTE_NAMES: Readonly<Record<Route, string>> = {
  cuda: "CUDA",
  webgpu: "WebGPU",
  directml: "DirectML",
};

/** The routes to a GPU. */
export interface Routes {
  /** Routes to try, the one that is probably fastest first. */
  readonly routes: readonly Route[];
  /** Routes that do not work here, each with the reason and what to do. */
  readonly refused: readonly { readonly route: string; readonly reason: string }[];
}

/** Joins the routes of two lists, those of `a` first. */
export const both = (a: Routes, b: Routes): Routes => ({
  routes: [...a.routes, ...b.routes],
  refused: [...a.refused, ...b.refused],
});

/** Returns the CUDA route. Where it is open, this process loads the CUDA build of onnxruntime and uses it from now on. */
export async function cudaRoutes(nvidia: readonly NvidiaGpu[]): Promise<Routes> {
  const closed = (reason: string): Routes => ({
    routes: [],
    refused: nvidia.length === 0 ? [] : [{ route: ROUTE_NAMES.cuda, reason }],
  });
  const state = cudaState(nvidia[0]?.driver ?? "");
  if (!state.usable) return closed(state.reason);
  const { useBuild } = await import("./onnx/native.ts");
  try {
    useBuild(cudaLibraries());
    return { routes: ["cuda"], refused: [] };
  } catch (error) {
    return closed(`its libraries do not load: ${errorMessage(error)}`);
  }
}

/** Returns the routes through the system's graphics drivers. */
export function graphicsRoutes(): Routes {
  if (process.platform === "win32") return { routes: ["webgpu", "directml"], refused: [] };
  if (process.platform === "darwin") {
    const reason =
      "Core ML runs networks with fixed weights, which a training step changes; use WebGPU, which runs on Metal";
    return { routes: ["webgpu"], refused: [{ route: "Core ML", reason }] };
  }
  if (process.arch !== "x64" && process.arch !== "arm64") return { routes: [], refused: [] };
  if (hasVulkan()) return { routes: ["webgpu"], refused: [] };
  const reason =
    "there is no libvulkan.so.1; install the package libvulkan1 (Debian, Ubuntu) or vulkan-loader (Fedora, Arch)";
  return { routes: [], refused: [{ route: ROUTE_NAMES.webgpu, reason }] };
}

export const withoutGraphics: Routes = {
  routes: [],
  refused: [{ route: ROUTE_NAMES.webgpu, reason: "the installed GPU runtime includes CUDA instead" }],
};

const LIBRARY_FOLDERS = [
  "/usr/lib",
  "/usr/lib64",
  "/usr/local/lib",
  "/usr/lib/x86_64-linux-gnu",
  "/usr/lib/aarch64-linux-gnu",
];

/** Whether the Vulkan loader is installed. */
function hasVulkan(): boolean {
  const own = (process.env.LD_LIBRARY_PATH ?? "").split(":").filter((folder) => folder !== "");
  return [...own, ...LIBRARY_FOLDERS].some((folder) => existsSync(join(folder, "libvulkan.so.1")));
}
