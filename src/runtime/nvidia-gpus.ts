/** The GPUs that NVIDIA's program nvidia-smi lists. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { exactly } from "../facts/checked-lists.ts";

/** A GPU that nvidia-smi lists. */
export interface NvidiaGpu {
  readonly name: string;
  readonly memoryBytes: number;
  readonly freeBytes: number;
  /** Driver version: `550.54`. */
  readonly driver: string;
}

const MEBIBYTE = 2 ** 20;

/** Returns the GPUs that nvidia-smi lists, or none if it is missing or fails. */
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
