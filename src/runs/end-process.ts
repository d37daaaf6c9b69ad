import { type ChildProcess, spawn } from "node:child_process";
import type { Program } from "./record.ts";

/**
 * Ends a process with all that it started. The process leads a group of its own (`detached`), except on Windows, where the
 * system knows who started whom.
 */
export function endTree(pid: number): void {
  if (process.platform === "win32")
    spawn("taskkill", ["/PID", String(pid), "/T", "/F"], { stdio: "ignore", windowsHide: true }).on(
      "error",
      () => {},
    );
  else signalGroup(pid, "SIGKILL");
}

/**
 * Asks a trainer to stop after its step: by a message where it listens for one (our command line, on all systems), else by an
 * interrupt as Ctrl+C sends it. Gives whether it can have heard.
 */
export function askToStop(child: ChildProcess): boolean {
  if (child.connected) return child.send("stop");
  if (process.platform === "win32" || child.pid === undefined) return false;
  return signalGroup(child.pid, "SIGINT");
}

function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(-pid, signal);
  } catch {
    return false; // It has ended already.
  }
}

/** Runs a program whose outcome does not matter. */
export function runAside({ command, args }: Program): void {
  spawn(command, args, { stdio: "ignore", windowsHide: true }).on("error", () => {});
}
