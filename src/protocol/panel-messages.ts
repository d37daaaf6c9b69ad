/**
 * The messages between the extension and its webviews. The training panel and the image viewer share the messages about
 * images.
 */

import type { ChangedKey } from "../facts/changed-key.ts";
import type { EpochPictures } from "../facts/epoch-pictures.ts";
import type { RunEvent } from "../facts/run-events.ts";
import type { RunNotes } from "../facts/run-notes.ts";
import type { RunStatus } from "../facts/run-status.ts";
import type { ImageShape, SampleType } from "../facts/samples.ts";

/** Distances between the centers of neighboring pixels, in `unit` (`µm`, `nm`, …). */
export interface PixelSize {
  readonly x: number;
  readonly y: number;
  /** Absent for 2D images, and if the file does not say. */
  readonly z?: number;
  readonly unit: string;
}

/** What an image file holds, known without reading its pixels. */
export interface ImageSummary {
  readonly path: string;
  /** File name for display. */
  readonly label: string;
  /** `[z, y, x, channel]`. */
  readonly shape: ImageShape;
  /** `uint8`, `uint16`, `float32`, … */
  readonly sampleType: SampleType;
  /** Absent if the file does not say. */
  readonly pixelSize?: PixelSize;
  /** How the file is read: its format, its axes with the reason. */
  readonly details?: string;
  /** Whether it is a picture of an encoder's features, whose places can be compared (`find-similar`). */
  readonly hasFeatures?: boolean;
}

/** Similarity of the encoder's features at all places to those at a picked place. */
export interface Similarity {
  /** Places along `[z, y, x]`. */
  readonly grid: readonly [z: number, y: number, x: number];
  /** Pixels per place along `[z, y, x]`. */
  readonly stride: readonly [z: number, y: number, x: number];
  /** Float32 cosine similarity of each place of the image, `[z, y, x]`. */
  readonly values: ArrayBuffer;
  /** The most similar places of all images of the folder, best first. */
  readonly places: readonly SimilarCrop[];
}

/** A similar place, with a crop of its image. */
export interface SimilarCrop {
  /** File name of its image. */
  readonly image: string;
  /** The file that the crop was read from: the image, or the feature picture where the image is gone. */
  readonly path: string;
  /** The middle of the place, `[z, y, x]`. */
  readonly at: readonly [z: number, y: number, x: number];
  readonly similarity: number;
  /** The slice around it, a plane for each of the first three channels at most; none if the image cannot be read. */
  readonly planes: readonly Plane[];
}

/** Which plane of a stack: a slice, the maximum over all slices, or a section along z. */
export type PlaneView =
  /** Rows y, columns x. */
  | { readonly kind: "slice"; readonly z: number }
  /** Rows y, columns x: the largest value along z. */
  | { readonly kind: "maximum" }
  /** Rows z, columns x. */
  | { readonly kind: "xz"; readonly y: number }
  /** Rows y, columns z. */
  | { readonly kind: "yz"; readonly x: number };

/** One channel of one plane. `values` are of `sampleType`, row-major `[row, column]` as its {@link PlaneView} says. */
export interface Plane {
  readonly height: number;
  readonly width: number;
  readonly sampleType: SampleType;
  /** 1, or n if the plane is too large to send: only every n-th pixel along y and x is included. */
  readonly step: number;
  readonly values: ArrayBuffer;
}

/** A run as lists show it. */
export interface RunSummary {
  /** Unique: the run's directory. */
  readonly id: string;
  /** Name of its job, such as `cells`. */
  readonly name: string;
  readonly runId: number;
  readonly status: RunStatus;
  readonly engine: string;
  /** Milliseconds since the epoch. */
  readonly started: number;
  /** Whether it can be resumed from its last checkpoint. */
  readonly resumable: boolean;
  /** `about 20 min`; absent while there is no estimate. */
  readonly timeLeft?: string;
}

/** The steps of a run as columns of equal length: hundreds of thousands of them reach a webview at once. */
export interface StepColumns {
  /** Epochs done at the end of the step, in fractions: step 3 of 4 in epoch 2 is at 1.75. Ascending. */
  readonly position: Float64Array;
  readonly learningRate: Float64Array;
  /** By metric name; NaN where a step has none of it. */
  readonly metrics: Readonly<Record<string, Float64Array>>;
}

/** The history of a run: its steps as columns, and the other events that still matter, in order. */
export interface RunHistory {
  readonly run: string;
  readonly steps: StepColumns;
  /** Without steps, except the last one. */
  readonly events: readonly RunEvent[];
}

/** Answers to the image messages, by the request's number. */
export type ImageReply =
  | { readonly type: "image"; readonly request: number; readonly image: ImageSummary }
  | { readonly type: "plane"; readonly request: number; readonly plane: Plane }
  | { readonly type: "similar"; readonly request: number; readonly similarity: Similarity }
  | { readonly type: "image-failed"; readonly request: number; readonly message: string };

/** Requests about images; `request` numbers them. */
export type ImageRequest =
  | { readonly type: "open-image"; readonly request: number; readonly path: string }
  | {
      readonly type: "read-plane";
      readonly request: number;
      readonly path: string;
      readonly view: PlaneView;
      readonly channel: number;
    }
  /** Requests the places of a folder of features that are most similar to the one at a pixel of this feature picture. */
  | {
      readonly type: "find-similar";
      readonly request: number;
      readonly path: string;
      readonly pixel: readonly [z: number, y: number, x: number];
    };

/** A file that the page created (PNG, CSV). The extension asks where to save it. */
export interface SaveRequest {
  readonly type: "save-file";
  /** Proposed file name. */
  readonly name: string;
  readonly content: ArrayBuffer;
}

/** What the user asked a page for, and why it failed. */
export interface FailureReport {
  readonly type: "failed";
  /** For the user. */
  readonly message: string;
}

/** Details of a run from its files. */
export interface RunDetails {
  readonly run: string;
  readonly notes: RunNotes;
  /** The configuration that the run was started with; absent if it no longer exists. */
  readonly configuration?: { readonly file: string; readonly changed: readonly ChangedKey[] };
}

/** Messages to the training panel. */
export type ToPanel =
  | ImageReply
  | { readonly type: "details"; readonly details: RunDetails }
  | { readonly type: "epochs"; readonly run: string; readonly epochs: readonly EpochPictures[] }
  /**
   * The runs that can be shown, newest first; the panel shows `shown`. The histories of `sent` were sent before this message. The page
   * may not have been loaded then, and requests those that it lacks.
   */
  | {
      readonly type: "runs";
      readonly runs: readonly RunSummary[];
      readonly shown?: string;
      readonly sent?: readonly string[];
    }
  /** The history of a shown run. Later events are sent as `events`. */
  | { readonly type: "history"; readonly history: RunHistory }
  /** New events of a shown run, in order. The next ones are sent after the page answers `events-drawn`: it may be slower than a run. */
  | { readonly type: "events"; readonly run: string; readonly events: readonly RunEvent[] }
  /** Runs to compare with the shown one (Compare Runs). Their `history` is sent too. */
  | { readonly type: "compare"; readonly runs: readonly string[] };

/** Commands that the panel may run. */
export type PanelCommand = "run-training" | "new-configuration";

/** Messages from the training panel. */
export type FromPanel =
  | ImageRequest
  | SaveRequest
  | FailureReport
  /** The page is ready. The extension answers with `runs` and `history`. */
  | { readonly type: "ready"; readonly state: PanelState }
  | { readonly type: "show-run"; readonly run: string }
  | { readonly type: "events-drawn" }
  /** Requests the pictures of all epochs (`epochs`). */
  | { readonly type: "ask-epochs"; readonly run: string }
  /** Requests the details of a run (`details`). */
  | { readonly type: "ask-details"; readonly run: string }
  | { readonly type: "annotate"; readonly run: string; readonly notes: RunNotes }
  /** Requests a history that did not arrive. */
  | { readonly type: "ask-history"; readonly run: string }
  /** The runs to compare with the shown one; none ends the comparison. */
  | { readonly type: "compare-runs"; readonly runs: readonly string[] }
  | { readonly type: "stop"; readonly run: string }
  | { readonly type: "resume"; readonly run: string }
  | { readonly type: "show-log"; readonly run: string }
  /** Changes the setting `biapy.run.partSize`. */
  | { readonly type: "set-part-size"; readonly size: number }
  | { readonly type: "command"; readonly command: PanelCommand }
  /** Opens a file in an editor: an image, the configuration at a line, a log. */
  | { readonly type: "open-file"; readonly path: string; readonly line?: number }
  | OpenImages;

/** Opens images side by side in a new image viewer, at a slice. */
export interface OpenImages {
  readonly type: "open-images";
  readonly images: readonly TitledPath[];
  readonly start: ViewStart;
}

/** A file to show with a title. */
export interface TitledPath {
  readonly title: string;
  readonly path: string;
  /** Whether its values are class numbers, which have a fixed contrast. */
  readonly labels?: boolean;
}

/** Messages to the image viewer, which shows one or several images side by side and moves their views together. */
export type ToViewer =
  | ImageReply
  | { readonly type: "show"; readonly images: readonly ViewedImage[]; readonly start?: ViewStart }
  | { readonly type: "show-failed"; readonly message: string };
/** Messages from the image viewer. */
export type FromViewer = ImageRequest | SaveRequest | OpenImages | { readonly type: "ready" };

/** An image to show. */
export interface ViewedImage extends ImageSummary {
  /** Defaults to the file name. */
  readonly title?: string;
  /** Whether its values are class numbers. */
  readonly labels?: boolean;
}

/** The initial view, if the viewer was opened from another view of the same images. */
export interface ViewStart {
  readonly z?: number;
}

/** The state that the panel keeps over a reload of the window (`setState`). */
export interface PanelState {
  readonly run?: string;
  readonly compared?: readonly string[];
}
