/** The devices of this machine that can train: by which routes, and why not by others. */
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { exactly } from "../facts/checked-lists.ts";
import { deviceMemory } from "../facts/format.ts";
import { cudaLibraries, cudaState } from "../install/cuda.ts";
import { physicalCores } from "./physical-cores.ts";

/** How a GPU is reached: CUDA; WebGPU on Vulkan, Metal or Direct3D 12; DirectML on Direct3D 12. */
export type Route = "cuda" | "webgpu" | "directml";
export const ROUTE_NAMES: Readonly<Record<Route, string>> = {
  cuda: "CUDA",
  webgpu: "WebGPU",
  directml: "DirectML",
};

export interface Gpu {
  /** Index for `--gpu`. */
  readonly index: number;
  readonly name: string;
  readonly memoryBytes?: number;
  readonly freeBytes?: number;
  /** Routes to try, the one that is probably fastest first. */
  readonly routes: readonly Route[];
  /** Routes that do not work here, each with the reason and what to do. */
  readonly refused: readonly { readonly route: string; readonly reason: string }[];
  /** Whether the GPU is emulated in software. Such a GPU is never selected automatically. */
  readonly software: boolean;
  /** Index among NVIDIA's GPUs, in the order of nvidia-smi. */
  readonly nvidiaIndex?: number;
  /** Index in the system's list of graphics adapters. */
  readonly adapterIndex: number;
  readonly power: "high-performance" | "low-power";
}

export interface Devices {
  readonly cpu: { readonly name: string; readonly cores: number; readonly memoryBytes: number };
  readonly gpus: readonly Gpu[];
  /** Why there is no GPU, if there is none. */
  readonly note?: string;
}

const NVIDIA = 0x10de;
const AMD = 0x1002;
const INTEL = 0x8086;

/** Lists the devices of this machine. Takes up to a few tenths of a second. */
export async function listDevices(): Promise<Devices> {
  const cpu = { name: cpuName(), cores: physicalCores(), memoryBytes: totalmem() };
  const nvidia = await nvidiaGpus();
  const cuda = await cudaRoutes(nvidia);
  const usesCuda = cuda.routes.length > 0;
  const graphics = usesCuda ? withoutGraphics : graphicsRoutes();
  const found = [
    ...(await combined(await findHardware(), nvidia, cuda, graphics)),
    ...softwareGpus(graphics),
  ];
  const gpus = found.map((gpu, index) => ({ ...gpu, index }));
  const note =
    gpus.length === 0 ? "The system shows no GPU (no graphics adapter, and no nvidia-smi)." : undefined;
  return { cpu, gpus, note };
}

function cpuName(): string {
  return cpus()[0]?.model.trim() || process.arch;
}

type Found = Omit<Gpu, "index">;
type Hardware = Awaited<ReturnType<typeof findHardware>>[number];

/** Returns the GPUs that onnxruntime finds, or none where it does not load. */
async function findHardware() {
  try {
    const { gpuHardware } = await import("./onnx/hardware.ts");
    return gpuHardware();
  } catch {
    return [];
  }
}

/** A GPU that nvidia-smi lists. */
export interface NvidiaGpu {
  readonly name: string;
  readonly memoryBytes: number;
  readonly freeBytes: number;
  /** Driver version: `550.54`. */
  readonly driver: string;
}

const MEBIBYTE = 2 ** 20;

/** Returns the GPUs that nvidia-smi lists, or none where it is missing or fails. */
export async function nvidiaGpus(): Promise<NvidiaGpu[]> {
  const query = "--query-gpu=name,memory.total,memory.free,driver_version";
  try {
    const { stdout } = await promisify(execFile)("nvidia-smi", [query, "--format=csv,noheader,nounits"], {
      timeout: 5000,
      windowsHide: true,
    });
    return parseNvidiaGpus(stdout);
  } catch {
    return [];
  }
}

/** Parses the output of nvidia-smi: one GPU per line, memory in MiB. */
export function parseNvidiaGpus(table: string): NvidiaGpu[] {
  return table
    .split("\n")
    .map((line) => line.split(",").map((cell) => cell.trim()))
    .filter((cells) => cells.length === 4)
    .map((cells) => {
      const [name, total, free, driver] = exactly(cells, 4);
      const [memoryBytes, freeBytes] = [Number(total) * MEBIBYTE, Number(free) * MEBIBYTE];
      return { name, memoryBytes, freeBytes, driver };
    });
}

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

type Routes = Pick<Gpu, "routes" | "refused">;

const both = (a: Routes, b: Routes): Routes => ({
  routes: [...a.routes, ...b.routes],
  refused: [...a.refused, ...b.refused],
});

/** Returns the CUDA route. Where it is open, this process loads the CUDA build of onnxruntime and uses it from now on. */
async function cudaRoutes(nvidia: readonly NvidiaGpu[]): Promise<Routes> {
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
    return closed(`its libraries do not load: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Returns the routes through the system's graphics drivers. */
function graphicsRoutes(): Routes {
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

const withoutGraphics: Routes = {
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

/** Returns the software Vulkan driver that the environment names, if any. */
function softwareGpus(graphics: Routes): Found[] {
  const drivers = process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES ?? "";
  const name = /swiftshader/i.test(drivers) ? "SwiftShader" : /lvp/i.test(drivers) ? "llvmpipe" : undefined;
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

async function adapterName({ vendor, vendorName, model, facts }: Hardware): Promise<string> {
  if (facts.Description) return facts.Description;
  if (process.platform === "darwin") return `${cpuName()} GPU`;
  const maker = { [NVIDIA]: "NVIDIA", [AMD]: "AMD", [INTEL]: "Intel" }[vendor] ?? vendorName;
  const id = `${hexadecimal(vendor)}:${hexadecimal(model)}`;
  const known = process.platform === "linux" ? await pciName(id) : undefined;
  return known ?? `${maker} GPU (${id})`;
}

const hexadecimal = (id: number) => id.toString(16).padStart(4, "0");

/** Returns a device's name from lspci, where that is installed. */
async function pciName(id: string): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)("lspci", ["-d", id], { timeout: 5000 });
    return /: (.+?)(?: \(rev .*\))?$/m.exec(stdout)?.[1];
  } catch {
    return undefined;
  }
}

function adapterMemory({ vendor, model, facts }: Hardware): number | undefined {
  const dedicated = /^(\d+)\s*(MB|MiB)?$/i.exec(facts.DxgiVideoMemory ?? "");
  if (dedicated !== null) return Number(dedicated[1]) * (dedicated[2] ? MEBIBYTE : 1);
  if (process.platform === "darwin") return totalmem();
  return process.platform === "linux" ? linuxMemory(vendor, model) : undefined;
}

/** Returns the memory that AMD's driver reports for a card. */
function linuxMemory(vendor: number, model: number): number | undefined {
  const folder = "/sys/class/drm";
  if (!existsSync(folder)) return undefined;
  const text = (path: string) => (existsSync(path) ? readFileSync(path, "utf8").trim() : "");
  for (const card of readdirSync(folder).filter((name) => /^card\d+$/.test(name))) {
    const device = join(folder, card, "device");
    const same =
      Number(text(join(device, "vendor"))) === vendor && Number(text(join(device, "device"))) === model;
    const bytes = Number(text(join(device, "mem_info_vram_total")));
    if (same && bytes > 0) return bytes;
  }
  return undefined;
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
