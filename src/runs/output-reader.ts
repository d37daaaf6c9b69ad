import type { NewRunEvent, RunEvent } from "../facts/run-events.ts";
import type { OutputFormat, RunOrder } from "./record.ts";

/** Reads a trainer's output, line by line, as run events. */
export interface OutputReader {
  /** Returns the events that a line reports; none for a line that belongs in the log only. */
  line(text: string, stream: "stdout" | "stderr"): readonly (RunEvent | NewRunEvent)[];
  /** Returns events of a resumed run that its previous supervisor could not record because it was killed. */
  missed?(): Promise<readonly RunEvent[]>;
  /** Returns events that are known only after the process has ended; `code` is 0 on success. */
  end?(code: number | null): readonly (RunEvent | NewRunEvent)[];
}

/** Opens the reader for a format. The engines provide it, so that src/runs does not depend on them. */
export type OpenReader = (format: OutputFormat, order: RunOrder) => Promise<OutputReader>;
