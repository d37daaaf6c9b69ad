import type { NewRunEvent, RunEvent } from "../facts/run-events.ts";
import type { OutputFormat, RunOrder } from "./record.ts";

/** Reads what a trainer prints, line by line, as run events. */
export interface OutputReader {
  /** The events that a line tells of; none for a line that is for the log only. */
  line(text: string, stream: "stdout" | "stderr"): readonly (RunEvent | NewRunEvent)[];
  /** Events that are known only when the process has ended; `code` 0 when it ended well. */
  end?(code: number | null): readonly (RunEvent | NewRunEvent)[];
}

/** Opens the reader for a format. The engines provide it, so that runs need not know them. */
export type OpenReader = (format: OutputFormat, order: RunOrder) => Promise<OutputReader>;
