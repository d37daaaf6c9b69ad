import type { NewRunEvent, RunEvent } from "../protocol/run-events.ts";
import type { OutputFormat, RunOrder } from "./record.ts";

/** Reads what a trainer prints, line by line, as run events. */
export interface OutputReader {
  /** The events that a line tells of; none for a line that is for the log only. */
  line(text: string, stream: "stdout" | "stderr"): readonly (RunEvent | NewRunEvent)[];
  /** Events that are known only when the process has ended; `code` 0 when it ended well. */
  end?(code: number | null): readonly (RunEvent | NewRunEvent)[];
}

/** A reader of a run's output, loaded by its format. */
export async function outputReader(format: OutputFormat, order: RunOrder): Promise<OutputReader> {
  if (format === "events") return jsonLinesReader;
  const { BiapyOutput } = await import("../engines/biapy-output.ts");
  return new BiapyOutput(order);
}

/** Our own events; what native libraries print between them is for the log. */
const jsonLinesReader: OutputReader = {
  line(text, stream) {
    if (stream === "stderr" || !text.startsWith("{")) return [];
    try {
      const event = JSON.parse(text) as RunEvent;
      return typeof event.event === "string" ? [event] : [];
    } catch {
      return [];
    }
  },
};
