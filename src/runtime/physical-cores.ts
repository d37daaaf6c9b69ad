/** Counts the cores that this process may compute on. Two threads of one core share its arithmetic units. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";

/** Returns the number of physical cores that the system lets this process use (affinity, containers), at least 1. */
export function physicalCores(): number {
  const usable = availableParallelism();
  try {
    const counted = COUNTERS[process.platform]?.() ?? usable;
    return counted > 0 ? Math.min(counted, usable) : usable;
  } catch {
    return usable;
  }
}

const CPU_FOLDER = "/sys/devices/system/cpu";

/** Returns the number of cores with at least one thread that this process may use. */
function linuxCores(): number {
  const allowed = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "";
  const cores = numbersIn(allowed).map((cpu) =>
    readFileSync(`${CPU_FOLDER}/cpu${cpu}/topology/thread_siblings_list`, "utf8").trim(),
  );
  return new Set(cores).size;
}

/** Parses a list of ranges: `0-2,5` is 0, 1, 2 and 5. */
export function numbersIn(list: string): number[] {
  return list
    .split(",")
    .filter((part) => part !== "")
    .flatMap((part) => {
      const [first = 0, last = first] = part.split("-").map(Number);
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    });
}

/** Returns the number of cores, on Apple silicon of performance cores: work shared evenly would wait for the efficiency cores. */
function macCores(): number {
  const count = (name: string) =>
    Number(execFileSync("sysctl", ["-n", name], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));
  try {
    return count("hw.perflevel0.physicalcpu");
  } catch {
    return count("hw.physicalcpu");
  }
}

/** Records of GetLogicalProcessorInformation on 64-bit Windows. The record of a core has relation 0. */
const RECORD = { bytes: 32, relationAt: 8, core: 0 };

function windowsCores(): number {
  const koffi: typeof import("koffi") = createRequire(import.meta.url)("koffi");
  const query = koffi
    .load("kernel32.dll")
    .func("bool __stdcall GetLogicalProcessorInformation(void *records, _Inout_ uint32_t *bytes)");
  const bytes: [number] = [0];
  query(null, bytes);
  const records = Buffer.alloc(bytes[0]);
  query(records, bytes);
  const count = Math.floor(records.length / RECORD.bytes);
  return Array.from({ length: count }, (_, index) =>
    records.readUInt32LE(index * RECORD.bytes + RECORD.relationAt),
  ).filter((relation) => relation === RECORD.core).length;
}

const COUNTERS: Readonly<Partial<Record<NodeJS.Platform, () => number>>> = {
  linux: linuxCores,
  darwin: macCores,
  win32: windowsCores,
};
