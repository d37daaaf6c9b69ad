/** Which reader understands what a trainer prints. */
import type { RunEvent } from "../facts/run-events.ts";
import type { OutputReader } from "../runs/output-reader.ts";
import type { OutputFormat, RunOrder } from "../runs/record.ts";

/** A reader of a run's output, loaded by its format. */
export async function outputReader(format: OutputFormat, order: RunOrder): Promise<OutputReader> {
  if (format === "events") return jsonLinesReader;
  const { BiapyOutput } = await import("./biapy-output.ts");
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
