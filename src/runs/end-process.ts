/** Ends processes, or asks them to end. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import type { Program } from "./record.ts";

/**
 * Ends a process with everything that it started. The process leads a group of its own (`detached`), except on Windows, where the
 * system records the parent of each process.
 */
export function endTree(pid: number): void {
  if (process.platform === "win32")
    spawn("taskkill", ["/PID", String(pid), "/T", "/F"], { stdio: "ignore", windowsHide: true })
      .on("error", () => signal(pid, "SIGKILL"))
      .on("exit", (code) => code === 0 || signal(pid, "SIGKILL"));
  else {
    // torch.distributed.run gives each of its processes a group of its own.
    for (const started of descendants(pid)) signal(started, "SIGKILL");
    signal(-pid, "SIGKILL");
  }
}

/** Returns all descendants of a process, in any group. */
function descendants(pid: number): number[] {
  const { stdout } = spawnSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" });
  const all = (stdout ?? "").split("\n").map((line) => {
    const [process = 0, parent = 0] = line.trim().split(/\s+/).map(Number);
    return [process, parent] as const;
  });
  const startedBy = (parent: number): number[] =>
    all.filter(([, ppid]) => ppid === parent).flatMap(([child]) => [child, ...startedBy(child)]);
  return startedBy(pid);
}

/**
 * Asks a trainer to stop after its step: by a message if it listens for one (our command line, on all systems), else by an
 * interrupt, as Ctrl+C sends it. Returns whether the request was sent.
 */
export function askToStop(child: ChildProcess): boolean {
  if (child.connected) return child.send("stop");
  if (process.platform === "win32" || child.pid === undefined) return false;
  return signal(-child.pid, "SIGINT");
}

/**
 * Sends a signal. Returns whether the process still ran.
 *
 * @param target a process, or the negative number of a group's leader
 */
function signal(target: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(target, name);
  } catch {
    return false;
  }
}

/** Runs a program and ignores its outcome. */
export function runAside({ command, args }: Program): void {
  spawn(command, args, { stdio: "ignore", windowsHide: true }).on("error", () => {});
}
