/** The graphics adapters of this machine: those that onnxruntime finds, with their names and memory. */
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Hardware } from "./onnx/hardware.ts";

const MEBIBYTE = 2 ** 20;

/** PCI ids of vendors. */
export const NVIDIA = 0x10de;
const AMD = 0x1002;
export const INTEL = 0x8086;

/** Returns the GPUs that onnxruntime finds, or none if it does not load. */
export async function graphicsAdapters(): Promise<Hardware[]> {
  try {
    const { gpuHardware } = await import("./onnx/hardware.ts");
    return gpuHardware();
  } catch {
    return [];
  }
}

export function cpuName(): string {
  return cpus()[0]?.model.trim() || process.arch;
}

/** Returns the name of an adapter, as precisely as the system reports it. */
export async function adapterName({ vendor, vendorName, model, facts }: Hardware): Promise<string> {
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

/** Returns the size of an adapter's memory in bytes; undefined if the system does not report it. */
export function adapterMemory({ vendor, model, facts }: Hardware): number | undefined {
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
