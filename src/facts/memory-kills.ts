import { readFileSync } from "node:fs";
import { join } from "node:path";

/** What the kernel counts: `oom_kill 3`, of a control group or of the whole system. */
const KILLS = /^oom_kill (\d+)$/m;

/**
 * Returns how many processes the Linux kernel has killed because memory ran out: in this process's control group if the kernel
 * counts that, otherwise in the whole system. 0 on other systems.
 */
export function memoryKills(): number {
  return count(join("/sys/fs/cgroup", controlGroup(), "memory.events")) ?? count("/proc/vmstat") ?? 0;
}

/** Returns the path of this process's control group (version 2), such as `/user.slice/x`. */
function controlGroup(): string {
  return /^0::(.*)$/m.exec(read("/proc/self/cgroup") ?? "")?.[1] ?? "";
}

function count(file: string): number | undefined {
  const found = KILLS.exec(read(file) ?? "");
  return found === null ? undefined : Number(found[1]);
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
