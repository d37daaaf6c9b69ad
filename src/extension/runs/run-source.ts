import type * as vscode from "vscode";
import type { RunEvent } from "../../facts/run-events.ts";
import type { RunNotes } from "../../facts/run-notes.ts";
import type { RunDetails, RunSummary } from "../../protocol/panel-messages.ts";

/** The runs that there are, as the panel and the results browser see them: queued, running and past ones, of any engine. */
export interface RunSource {
  /** Newest first. */
  readonly runs: readonly RunSummary[];
  /** A run appeared, went, or stands otherwise than before. */
  readonly onDidChangeRuns: vscode.Event<void>;
  /** What a run has told so far, in order; empty for a run that left no trace of it. */
  events(runId: string): Promise<readonly RunEvent[]>;
  /** What a run tells from now on. */
  readonly onDidReceiveEvents: vscode.Event<{ readonly run: string; readonly events: readonly RunEvent[] }>;
  /** Stops a run after its step, with a checkpoint; takes a queued run out of the queue. */
  stop(runId: string): Promise<void>;
  /** Goes on with a run that was stopped or interrupted. */
  resume(runId: string): Promise<void>;
  /** A run's notes and configuration; undefined for a run that is not known. */
  details(runId: string): Promise<RunDetails | undefined>;
  annotate(runId: string, notes: RunNotes): Promise<void>;
}
