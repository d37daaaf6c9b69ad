import { existsSync, readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";

/** Whether a process runs. A zombie (ended, not yet collected by its parent) does not. */
export function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !existsSync("/proc") || !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z");
  } catch {
    return false;
  }
}

/** Waits until a process has ended. */
export async function untilGone(pid: number): Promise<void> {
  while (lives(pid)) await setTimeout(10);
}
