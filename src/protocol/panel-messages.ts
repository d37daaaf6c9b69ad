/**
 * The messages between the extension and its webviews. The training panel and the image viewer share the messages about
 * images.
 */

import type { EpochPictures } from "../facts/epoch-pictures.ts";
import type { RunEvent } from "../facts/run-events.ts";
import type { RunNotes } from "../facts/run-notes.ts";
import type { RunStatus } from "../facts/run-status.ts";
import type { ImageShape, SampleType } from "../facts/samples.ts";

/** Distances between the centers of neighboring pixels, in `unit` (`µm`, `nm`, …). */
export interface PixelSize {
  readonly x: number;
  readonly y: number;
  /** Absent for 2D images, and where the file does not tell. */
  readonly z?: number;
  readonly unit: string;
}

/** What an image file holds, known without reading its pixels. */
export interface ImageSummary {
  readonly path: string;
  /** File name, for people. */
  readonly label: string;
  /** `[z, y, x, channel]`. */
  readonly shape: ImageShape;
  /** `uint8`, `uint16`, `float32`, … */
  readonly sampleType: SampleType;
  /** Absent where the file does not tell. */
  readonly pixelSize?: PixelSize;
  /** How the file is read: its format, its axes with the reason. */
  readonly details?: string;
  /** Whether it is a picture of an encoder's features, which places can be compared by (`find-similar`). */
  readonly hasFeatures?: boolean;
}

/** How similar the encoder's features of all places are to those of a picked one. */
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

/** A similar place, with what its image shows there. */
export interface SimilarCrop {
  /** File name of its image. */
  readonly image: string;
  /** The file that the crop was read from: the image, or the feature picture where the image is gone. */
  readonly path: string;
  /** The middle of the place, `[z, y, x]`. */
  readonly at: readonly [z: number, y: number, x: number];
  readonly similarity: number;
  /** The slice around it, a plane for each of the first three channels at most; none where the image cannot be read. */
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
  /** 1, or n where the plane is too large to be handed over whole: every n-th pixel along y and x. */
  readonly step: number;
  readonly values: ArrayBuffer;
}

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

/** What a run has done so far: its steps as columns, and all else that still matters, in order. */
export interface RunHistory {
  readonly run: string;
  readonly steps: StepColumns;
  /** No steps but the last one. */
  readonly events: readonly RunEvent[];
}

/** Answers to the image messages, by the request's number. */
export type ImageReply =
  | { readonly type: "image"; readonly request: number; readonly image: ImageSummary }
  | { readonly type: "plane"; readonly request: number; readonly plane: Plane }
  | { readonly type: "similar"; readonly request: number; readonly similarity: Similarity }
  | { readonly type: "image-failed"; readonly request: number; readonly message: string };

export type ImageRequest =
  | { readonly type: "open-image"; readonly request: number; readonly path: string }
  | {
      readonly type: "read-plane";
      readonly request: number;
      readonly path: string;
      readonly view: PlaneView;
      readonly channel: number;
    }
  /** Which places of a folder of features are like the one at a pixel of this picture of features. */
  | {
      readonly type: "find-similar";
      readonly request: number;
      readonly path: string;
      readonly pixel: readonly [z: number, y: number, x: number];
    };

/** A file that the page made (a PNG, a CSV): the extension asks where to save it. */
export interface SaveRequest {
  readonly type: "save-file";
  /** Proposed file name. */
  readonly name: string;
  readonly content: ArrayBuffer;
}

/** A key that a configuration sets to another value than BiaPy's default, both as they are written. */
export interface ChangedKey {
  readonly key: string;
  readonly value: string;
  readonly defaultValue: string;
  /** 1-based, in the configuration that the run was started with. */
  readonly line: number;
}

/** What stands about a run in its own files. */
export interface RunDetails {
  readonly run: string;
  readonly notes: RunNotes;
  /** The configuration's file; absent where it is gone. */
  readonly configuration?: { readonly file: string; readonly changed: readonly ChangedKey[] };
}

export type ToPanel =
  | ImageReply
  | { readonly type: "details"; readonly details: RunDetails }
  | { readonly type: "epochs"; readonly run: string; readonly epochs: readonly EpochPictures[] }
  /**
   * The runs that can be shown, newest first; `shown` is the one that the panel is to show. The histories of `sent` went before
   * this message, to a page that may not have been there yet: one that it lacks it asks for.
   */
  | {
      readonly type: "runs";
      readonly runs: readonly RunSummary[];
      readonly shown?: string;
      readonly sent?: readonly string[];
    }
  /** All of the shown run up to now; events that follow come as `events`. */
  | { readonly type: "history"; readonly history: RunHistory }
  /** New events of a shown run, in order. No more are sent until the page answers `events-drawn`: it may be slower than a run. */
  | { readonly type: "events"; readonly run: string; readonly events: readonly RunEvent[] }
  /** Runs to lay over the shown one (Compare Runs); their `history` comes too. */
  | { readonly type: "compare"; readonly runs: readonly string[] };

/** What the panel asks of VS Code's commands. */
export type PanelCommand = "run-training" | "new-configuration";

export type FromPanel =
  | ImageRequest
  | SaveRequest
  /** The page can receive: the extension answers with `runs` and `history`. */
  | { readonly type: "ready"; readonly state: PanelState }
  | { readonly type: "show-run"; readonly run: string }
  | { readonly type: "events-drawn" }
  /** Asks for the pictures of all epochs (`epochs`). */
  | { readonly type: "ask-epochs"; readonly run: string }
  /** Asks for what stands about a run (`details`). */
  | { readonly type: "ask-details"; readonly run: string }
  | { readonly type: "annotate"; readonly run: string; readonly notes: RunNotes }
  /** A history that was sent did not come. */
  | { readonly type: "ask-history"; readonly run: string }
  /** The runs to lay over the shown one; none ends the comparison. */
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

export interface TitledPath {
  readonly title: string;
  readonly path: string;
  /** Whether its values are class numbers: its contrast is never that of an image. */
  readonly labels?: boolean;
}

/** The image editor's page shows one or several images side by side, their views moved together. */
export type ToViewer =
  | ImageReply
  | { readonly type: "show"; readonly images: readonly ViewedImage[]; readonly start?: ViewStart }
  | { readonly type: "show-failed"; readonly message: string };
export type FromViewer = ImageRequest | SaveRequest | OpenImages | { readonly type: "ready" };

/** An image with its title; without one it is called by its file's name. */
export interface ViewedImage extends ImageSummary {
  readonly title?: string;
  /** Whether its values are class numbers. */
  readonly labels?: boolean;
}

/** What a viewer shows first, where it was opened from another view of the same images. */
export interface ViewStart {
  readonly z?: number;
}

/** What the panel keeps over a reload of the window (`setState`), handed back to the panel's serializer. */
export interface PanelState {
  readonly run?: string;
  readonly compared?: readonly string[];
}
