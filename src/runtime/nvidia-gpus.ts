/** The GPUs that NVIDIA's program nvidia-smi lists. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { exactly } from "../facts/checked-lists.ts";

/** A GPU that nvidia-smi lists. */
export interface NvidiaGpu {
  readonly name: string;
  /** Absent where nvidia-smi reports none: a GPU that shares the computer's memory. `freeBytes` too. */
  readonly memoryBytes?: number | undefined;
  readonly freeBytes?: number | undefined;
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
      return { name, memoryBytes: bytesOf(total), freeBytes: bytesOf(free), driver };
    });
}

/** Returns a number of MiB in bytes; undefined for `[N/A]`. */
function bytesOf(mebibytes: string): number | undefined {
  const bytes = Number(mebibytes) * MEBIBYTE;
  return Number.isNaN(bytes) ? undefined : bytes;
}
