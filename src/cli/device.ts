/** The device that a command computes on. */

import type { Config } from "../config/config.ts";
import type { ReportEvent } from "../facts/run-events.ts";
import type { Runtime } from "../runtime/executable.ts";
import { chooseRuntime } from "../workflow/device-choice.ts";
import type { ChoiceReport, Work } from "../workflow/device-trial.ts";
import { threadCount } from "../workflow/settings.ts";
import type { Arguments } from "./arguments.ts";

/** Returns a function that opens the device that the command line or the configuration requests. Defaults to the fastest one. */
export function runtimeOpener(
  given: Arguments,
  config: Config,
  report: ChoiceReport,
): (work: Work) => Promise<Runtime> {
  const wish = {
    gpu: given.gpu,
    device: config.sets("SYSTEM.DEVICE") ? config.text("SYSTEM.DEVICE") : undefined,
    runtime: given.runtime,
    threads: threadCount(config),
  };
  return (work) => chooseRuntime(wish, work, report);
}

/** Reports the choice of a device as run events. */
export function choiceReport(report: ReportEvent): ChoiceReport {
  return {
    info: (message) => report({ event: "log", level: "info", message }),
    warn: (message) => report({ event: "log", level: "warning", message }),
    progress: (label, done, total) => report({ event: "progress", label, done, total }),
  };
}
