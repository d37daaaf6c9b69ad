/** Which reader understands what a trainer prints. */
import { parseRunEvent } from "../facts/run-events.ts";
import type { OutputReader } from "../runs/output-reader.ts";
import type { OutputFormat, RunOrder } from "../runs/record.ts";
import { missedEpochs } from "./missed-epochs.ts";

/** A reader of a run's output, loaded by its format. */
export async function outputReader(format: OutputFormat, order: RunOrder): Promise<OutputReader> {
  if (format === "events") return { ...jsonLinesReader, missed: () => missedEpochs(order) };
  const { BiapyOutput } = await import("./biapy-output.ts");
  return new BiapyOutput(order);
}

/** Our own events; what native libraries print between them goes to the log. */
const jsonLinesReader: OutputReader = {
  line(text, stream) {
    if (stream === "stderr" || !text.startsWith("{")) return [];
    const event = parseRunEvent(text);
    return event === undefined ? [] : [event];
  },
};
