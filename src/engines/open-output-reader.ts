/** Opens the reader of a trainer's output. */
import { parseRunEvent } from "../facts/run-events.ts";
import type { OutputReader } from "../runs/output-reader.ts";
import type { OutputFormat, RunOrder } from "../runs/record.ts";
import { missedEpochs } from "./missed-epochs.ts";

/** Loads the reader for the format of a trainer's output. */
export async function outputReader(format: OutputFormat, order: RunOrder): Promise<OutputReader> {
  if (format === "events") return { ...jsonLinesReader, missed: () => missedEpochs(order) };
  const { BiapyOutput } = await import("./biapy-output.ts");
  return new BiapyOutput(order);
}

/** Reads events of the embedded engine. Other lines, printed by native libraries, belong in the log only. */
const jsonLinesReader: OutputReader = {
  line(text, stream) {
    if (stream === "stderr" || !text.startsWith("{")) return [];
    const event = parseRunEvent(text);
    return event === undefined ? [] : [event];
  },
};
