/**
 * What the extension and its webviews tell each other. The training panel and the image editor share the messages about
 * images, so that one viewer serves both.
 */
import type { RunEvent } from "./run-events.ts";

/** What an image file holds, known without reading its pixels. */
export interface ImageSummary {
  readonly path: string;
  /** File name, for people. */
  readonly label: string;
  /** `[z, y, x, channel]`. */
  readonly shape: readonly [z: number, y: number, x: number, channel: number];
  /** `uint8`, `uint16`, `float32`, … */
  readonly sampleType: string;
}

/** One slice of one channel. `values` are of `sampleType`, row-major `[y, x]`. */
export interface Plane {
  readonly height: number;
  readonly width: number;
  readonly sampleType: string;
  readonly values: ArrayBuffer;
}

/** How a run stands, as far as its files and its process tell. */
export type RunStatus = "queued" | "running" | "finished" | "stopped" | "failed" | "interrupted";

export interface RunSummary {
  /** Unique: the run's directory. */
  readonly id: string;
  /** `cells`, run 1. */
  readonly name: string;
  readonly runId: number;
  readonly status: RunStatus;
  readonly engine: string;
  /** Milliseconds since the epoch. */
  readonly started: number;
  /** Whether `resume` would go on with it. */
  readonly resumable: boolean;
}

/** Answers to the image messages, by the request's number. */
export type ImageReply =
  | { readonly type: "image"; readonly request: number; readonly image: ImageSummary }
  | { readonly type: "plane"; readonly request: number; readonly plane: Plane }
  | { readonly type: "image-failed"; readonly request: number; readonly message: string };

export type ImageRequest =
  | { readonly type: "open-image"; readonly request: number; readonly path: string }
  | {
      readonly type: "read-plane";
      readonly request: number;
      readonly path: string;
      readonly z: number;
      readonly channel: number;
    };

export type ToPanel =
  | ImageReply
  /** The runs that can be shown, newest first; `shown` is the one that the panel is to show. */
  | { readonly type: "runs"; readonly runs: readonly RunSummary[]; readonly shown?: string }
  /** Events of the shown run, in order. `replace` starts afresh: the run's whole history comes with it. */
  | {
      readonly type: "events";
      readonly run: string;
      readonly replace: boolean;
      readonly events: readonly RunEvent[];
    }
  /** Runs to lay over each other (Compare Runs): their epochs. */
  | {
      readonly type: "compare";
      readonly runs: readonly { readonly run: RunSummary; readonly events: readonly RunEvent[] }[];
    };

export type FromPanel =
  | ImageRequest
  /** The page can receive: the extension answers with `runs` and `events`. */
  | { readonly type: "ready" }
  | { readonly type: "show-run"; readonly run: string }
  | { readonly type: "stop"; readonly run: string }
  | { readonly type: "resume"; readonly run: string }
  /** Opens a file in an editor: an image, the configuration at a line, a log. */
  | { readonly type: "open-file"; readonly path: string; readonly line?: number }
  | { readonly type: "reveal-file"; readonly path: string };

/** The image editor's page shows one or several images side by side, their views moved together. */
export type ToViewer = ImageReply | { readonly type: "show"; readonly images: readonly ImageSummary[] };
export type FromViewer = ImageRequest | { readonly type: "ready" };

/** What a webview keeps over a reload of the window (`setState`), handed back to the panel's serializer. */
export interface PanelState {
  readonly run?: string;
}
