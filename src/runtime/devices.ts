/** The devices of this machine: the routes by which they train, and why others do not work. */
import { totalmem } from "node:os";
import { deviceMemory } from "../facts/format.ts";
import { both, cudaRoutes, graphicsRoutes, ROUTE_NAMES, type Routes, withoutGraphics } from "./gpu-routes.ts";
import { adapterMemory, adapterName, cpuName, graphicsAdapters, INTEL, NVIDIA } from "./graphics-adapters.ts";
import { type NvidiaGpu, nvidiaGpus } from "./nvidia-gpus.ts";
import type { Hardware } from "./onnx/hardware.ts";
import { physicalCores } from "./physical-cores.ts";

/** A GPU of this machine. */
export interface Gpu extends Routes {
  /** Index for `--gpu`. */
  readonly index: number;
  readonly name: string;
  readonly memoryBytes?: number;
  readonly freeBytes?: number;
  /** Whether the GPU is emulated in software. Such a GPU is never selected automatically. */
  readonly software: boolean;
  /** Index among NVIDIA's GPUs, in the order of nvidia-smi. */
  readonly nvidiaIndex?: number;
  /** Index in the system's list of graphics adapters. */
  readonly adapterIndex: number;
  readonly power: "high-performance" | "low-power";
}

/** The devices of this machine. */
export interface Devices {
  readonly cpu: { readonly name: string; readonly cores: number; readonly memoryBytes: number };
  readonly gpus: readonly Gpu[];
  /** Why there is no GPU, if there is none. */
  readonly note?: string;
}

/** Lists the devices of this machine. Takes up to a few tenths of a second. */
export async function listDevices(): Promise<Devices> {
  const cpu = { name: cpuName(), cores: physicalCores(), memoryBytes: totalmem() };
  const nvidia = await nvidiaGpus();
  const cuda = await cudaRoutes(nvidia);
  const usesCuda = cuda.routes.length > 0;
  const graphics = usesCuda ? withoutGraphics : graphicsRoutes();
  const found = [
    ...(await combined(await graphicsAdapters(), nvidia, cuda, graphics)),
    ...softwareGpus(graphics),
  ];
  const gpus = found.map((gpu, index) => ({ ...gpu, index }));
  const note =
    gpus.length === 0 ? "The system shows no GPU (no graphics adapter, and no nvidia-smi)." : undefined;
  return { cpu, gpus, note };
}

type Found = Omit<Gpu, "index">;

/** Combines graphics adapters with what nvidia-smi reports. GPUs that only nvidia-smi lists come last. */
async function combined(
  hardware: readonly Hardware[],
  nvidia: readonly NvidiaGpu[],
  cuda: Routes,
  graphics: Routes,
): Promise<Found[]> {
  let seen = 0;
  const adapters = hardware.map(async (adapter, adapterIndex): Promise<Found> => {
    const nvidiaIndex = adapter.vendor === NVIDIA && seen < nvidia.length ? seen++ : undefined;
    const known = nvidiaIndex === undefined ? undefined : nvidia[nvidiaIndex];
    return {
      ...(known === undefined ? graphics : both(cuda, graphics)),
      name: known?.name ?? (await adapterName(adapter)),
      memoryBytes: known?.memoryBytes ?? adapterMemory(adapter),
      freeBytes: known?.freeBytes,
      software: false,
      nvidiaIndex,
      adapterIndex,
      // Next to another GPU, Intel's is the one integrated in the processor.
      power: hardware.length > 1 && adapter.vendor === INTEL ? "low-power" : "high-performance",
    };
  });
  const hidden: Routes = {
    routes: [],
    refused: [
      { route: ROUTE_NAMES.webgpu, reason: "the system shows it to CUDA only, not as a graphics adapter" },
    ],
  };
  const others = nvidia.slice(seen).map(
    ({ name, memoryBytes, freeBytes }, index): Found => ({
      ...both(cuda, hidden),
      name,
      memoryBytes,
      freeBytes,
      software: false,
      nvidiaIndex: seen + index,
      adapterIndex: hardware.length + index,
      power: "high-performance",
    }),
  );
  return [...(await Promise.all(adapters)), ...others];
}

/** Vulkan drivers that compute on the CPU, by the names of their files. */
const SOFTWARE_DRIVERS = [
  { file: /swiftshader/i, name: "SwiftShader" },
  { file: /lvp/i, name: "llvmpipe" },
];

/** Returns the software Vulkan driver that the environment names, if any. */
function softwareGpus(graphics: Routes): Found[] {
  const drivers = process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES ?? "";
  const name = SOFTWARE_DRIVERS.find(({ file }) => file.test(drivers))?.name;
  if (name === undefined || process.platform !== "linux") return [];
  return [
    {
      ...graphics,
      name: `${name} (Vulkan in software)`,
      memoryBytes: totalmem(),
      software: true,
      adapterIndex: 0,
      power: "high-performance",
    },
  ];
}

/** Describes the devices, one line each, and one line for each route that does not work. */
export function describeDevices({ cpu, gpus, note }: Devices): string {
  const lines = [`CPU    ${cpu.name}, ${cpu.cores} cores, ${deviceMemory(cpu.memoryBytes)}   --gpu ""`];
  for (const gpu of gpus) {
    const memory = gpu.memoryBytes === undefined ? "" : `, ${deviceMemory(gpu.memoryBytes)}`;
    const routes = gpu.routes.map((route) => ROUTE_NAMES[route]).join(", ") || "not usable";
    lines.push(`GPU ${gpu.index}  ${gpu.name}${memory}: ${routes}   --gpu ${gpu.index}`);
    for (const { route, reason } of gpu.refused) lines.push(`       without ${route}: ${reason}`);
  }
  if (note !== undefined) lines.push(note);
  return lines.join("\n");
}
