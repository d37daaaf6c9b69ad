/** The messages between the extension and the page of the runs table. */
import type { RunNotes } from "../facts/run-notes.ts";
import type { FailureReport, RunSummary, SaveRequest } from "./panel-messages.ts";

/** A run without the details that are read from its files. */
export interface RunRow {
  readonly summary: RunSummary;
  /** The lowest loss so far: of validation, if there is any, or of training. */
  readonly bestLoss?: number;
  /** Milliseconds since the epoch at which it ended or its files were last written; absent while it is active. */
  readonly ended?: number;
}

/** Details that are read from a run's files after the table is shown. */
export interface RunRowDetails {
  readonly run: string;
  readonly notes: RunNotes;
  /** `CPU, 2 threads`; absent if it is unknown. */
  readonly device?: string;
  /** Means over the test images by metric. */
  readonly tests: Readonly<Record<string, number>>;
  /** Keys whose values differ from the defaults, as written in its configuration. */
  readonly keys: Readonly<Record<string, string>>;
}

/** What changed in the table. */
export interface ToTable {
  readonly type: "runs";
  /** All runs, if they changed. */
  readonly rows?: readonly RunRow[];
  /** Details of some runs. */
  readonly details: readonly RunRowDetails[];
  /** Defaults of all keys that the details mention. */
  readonly defaults: Readonly<Record<string, string>>;
}

/** Messages from the runs table. */
export type FromTable =
  | SaveRequest
  | FailureReport
  | { readonly type: "ready" }
  | { readonly type: "show-run"; readonly run: string }
  | { readonly type: "star"; readonly run: string; readonly starred: boolean }
  /** Asks the user for the run's name or notes. */
  | { readonly type: "edit"; readonly run: string; readonly field: "title" | "notes" }
  | { readonly type: "delete"; readonly runs: readonly string[] }
  | { readonly type: "compare-curves"; readonly runs: readonly string[] }
  /** Shows the same test image of several runs side by side. */
  | { readonly type: "compare-images"; readonly runs: readonly string[] }
  | { readonly type: "compare-configurations"; readonly runs: readonly [string, string] }
  | { readonly type: "add-folder" };
