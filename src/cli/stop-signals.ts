/** Requests to stop a run: signals, and the end of the parent process. */

import { EXIT } from "../facts/exit-codes.ts";
import type { ReportEvent } from "../facts/run-events.ts";

/** Signals that request a stop. A terminal that is closed sends SIGHUP. */
export const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** A terminal or a job scheduler sends a signal to all processes, and a parent passes it on: within this time it counts once. */
const SAME_SIGNAL_MS = 500;

/**
 * Returns a signal that stops the run after the current step, with a checkpoint. A second request ends the process at once. A parent
 * process can send the message `stop` instead, on any system, and the run also stops when the parent ends.
 */
export function stopSignal(report: ReportEvent): AbortSignal {
  const controller = new AbortController();
  let counts = true;
  const stop = (reason?: string) => {
    if (!counts) return;
    if (controller.signal.aborted) process.exit(EXIT.stopped);
    counts = false;
    const because = reason === undefined ? "" : ` (${reason})`;
    report({ event: "log", level: "info", message: `Stopping after this step${because}…` });
    controller.abort();
    // A long step delays signals too: those that arrived during it are handled between a timer and an immediate.
    setTimeout(() => {
      setImmediate(() => {
        counts = true;
      });
    }, SAME_SIGNAL_MS).unref();
  };
  for (const name of STOP_SIGNALS) process.on(name, stop);
  process.on("message", (message) => message === "stop" && stop());
  // The end of the parent is not a second request. It may have ended while the program was loading.
  const orphaned = () => controller.signal.aborted || stop("the process that started this run has ended");
  process.on("disconnect", orphaned);
  if (process.connected === false) orphaned();
  // Writing to a parent or a terminal that has ended must not end this process.
  for (const output of [process.stdout, process.stderr]) output.on("error", () => {});
  return controller.signal;
}
