import type { ReportEvent } from "../results/reporters.ts";
import { EXIT } from "./exit-codes.ts";

/** Signals that request a stop. A terminal that is closed sends SIGHUP. */
export const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Returns a signal that stops the run after the current step, with a checkpoint. A second request ends the process at once. A parent
 * process can send the message `stop` instead, on any system, and the run also stops when the parent ends.
 */
export function stopSignal(report: ReportEvent): AbortSignal {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) process.exit(EXIT.stopped);
    report({ event: "log", level: "info", message: "Stopping after this step…" });
    controller.abort();
  };
  for (const name of STOP_SIGNALS) process.on(name, stop);
  process.on("message", (message) => message === "stop" && stop());
  process.on("disconnect", stop);
  // Writing to a parent or a terminal that has ended must not end this process.
  for (const output of [process.stdout, process.stderr]) output.on("error", () => {});
  return controller.signal;
}
