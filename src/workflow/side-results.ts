/** Results that a training does not depend on: charts, previews, TensorBoard's log. */
import { isStop } from "../facts/errors.ts";
import { ResultError, writeErrorReason } from "../facts/files/write-file.ts";
import type { ReportEvent } from "../facts/run-events.ts";
import { ImageError } from "../images/image.ts";

export class SideResults {
  /** Kinds of results that could not be written. */
  private readonly failing = new Set<string>();

  constructor(private readonly request: { readonly report: ReportEvent; readonly signal: AbortSignal }) {}

  /** Writes a result. Warns once for its kind if that fails. A stop ends it, and then the training. */
  async attempt(what: string, write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      if (isStop(error, this.request.signal)) return;
      const expected = error instanceof ResultError || error instanceof ImageError;
      const reason = expected ? error.message : writeErrorReason(error);
      if (reason === undefined) throw error;
      if (this.failing.has(what)) return;
      this.failing.add(what);
      const message = `${what} could not be written, which changes nothing else: ${reason}`;
      this.request.report({ event: "log", level: "warning", message });
    }
  }
}
