import type * as vscode from "vscode";
import type { RunEvent } from "../../facts/run-events.ts";
import type { RunNotes } from "../../facts/run-notes.ts";
import type { RunDetails, RunSummary } from "../../protocol/panel-messages.ts";

/** All runs for the panel and the results view: queued, running and past ones of any engine. */
export interface RunSource {
  /** Newest first. */
  readonly runs: readonly RunSummary[];
  /** Fires when a run appears, disappears or changes its status. */
  readonly onDidChangeRuns: vscode.Event<void>;
  /** Returns a run's events so far, in order; empty for a run that left none. */
  events(runId: string): Promise<readonly RunEvent[]>;
  /** Fires with a run's new events. */
  readonly onDidReceiveEvents: vscode.Event<{ readonly run: string; readonly events: readonly RunEvent[] }>;
  /** Fires with a run's identity when its files change on disk. */
  readonly onDidChangeFiles: vscode.Event<string>;
  /** Stops a run after its step, with a checkpoint; removes a queued run from the queue. */
  stop(runId: string): Promise<void>;
  /** Resumes a run that was stopped or interrupted. */
  resume(runId: string): Promise<void>;
  /** Returns a run's notes and configuration; undefined for an unknown run. */
  details(runId: string): Promise<RunDetails | undefined>;
  annotate(runId: string, notes: RunNotes): Promise<void>;
  /** Fires with a run's identity when its name, star or notes change. */
  readonly onDidAnnotateRun: vscode.Event<string>;
}
