/** The parts that differ between workflows: inputs of a batch, loss and metrics, and the files and pictures of an image. */
import type { Phase } from "../../config/basics.ts";
import type { Sample } from "../../data/augmentation/sample.ts";
import type { NormalizedImage } from "../../data/image-set.ts";
import type { Orientation } from "../../data/orientation.ts";
import type { Random } from "../../data/random.ts";
import { valuesIn } from "../../data/tiling.ts";
import type { ImageEvent, ImageFiles, Metrics, ReportEvent } from "../../facts/run-events.ts";
import type { ImageInfo, Region } from "../../images/image.ts";
import type { BuildArguments } from "../../models/build-arguments.ts";
import type { InputData } from "../../runtime/executable.ts";
import type { Program, Tensors } from "../../runtime/program.ts";
import type { Scope } from "../../runtime/scope.ts";
import type { Batch } from "../../training/trainer.ts";
import type { PartFile } from "../by-chunks.ts";
import type { PatchModel, PredictedPart, Watch } from "../predict.ts";

/** One workflow, set up by a configuration. `src/facts/workflows.ts` lists them. */
export interface Task {
  /** MODEL.ARCHITECTURE. */
  readonly architecture: string;
  /** The arguments that build the same model in BiaPy, as its checkpoints keep them. */
  readonly buildArguments: BuildArguments;
  readonly batchSize: number;
  /**
   * Finds the targets of a phase's images, and creates missing ones.
   *
   * @param infos the images of DATA.*.PATH
   * @throws {InputError} and {ImageError} for files that do not fit, and the signal's reason when aborted.
   */
  sources(
    phase: Phase,
    infos: readonly ImageInfo[],
    report: ReportEvent,
    signal?: AbortSignal,
  ): Promise<PhaseSources>;
  readonly training: TrainingTask;
  readonly testing: TestingTask;
  /**
   * Returns the program of the encoder's features of patches: input `images`, output `features` `[batch, (z,) y, x, feature]`.
   *
   * @param shape of the images, `[batch, (z,) y, x, channel]`
   */
  features(shape: readonly number[]): Program;
}

/** The images of a phase and their targets, in the same order. */
export interface PhaseSources {
  readonly images: readonly ImageInfo[];
  readonly targets?: {
    readonly infos: readonly ImageInfo[];
    /** How they are read: normalized like their images, as stored, or as class labels, which are not interpolated. */
    readonly values: "like images" | "stored" | "labels";
  };
}

/** How a workflow learns. */
export interface TrainingTask {
  /** The inputs of a batch, `[batch, …]` each. */
  readonly inputs: Program["inputs"];
  /** Predicts a batch and compares it with its targets. Returns `loss` and the metrics of each patch, `[batch]` each. */
  compare(scope: Scope, inputs: Tensors): Tensors;
  /**
   * Converts the means of {@link compare}'s outputs over steps or patches to the reported metrics, if they differ: a ratio of sums,
   * for example.
   */
  readonly summary?: (means: Metrics) => Metrics;
  /** Returns the inputs for these samples; `random` draws what the workflow hides. */
  batch(samples: readonly Sample[], random: (sample: number) => Random): Batch;
}

/** Patches `[z, y, x, channel]` that are predicted together; at most a batch of them. */
export interface PatchBatch {
  readonly patches: readonly Float32Array[];
  /** The patches' numbers in their image. */
  readonly tiles: readonly number[];
  /** How the patches have been turned. */
  readonly orientation: Orientation;
  readonly batchSize: number;
}

/** How a workflow predicts images by its own network, and writes and measures the predictions. */
export interface TestingTask extends ResultTask {
  /**
   * Returns the program that predicts patches.
   *
   * @param shape of the images, `[batch, (z,) y, x, channel]`. Each output has the same axes.
   */
  prediction(shape: readonly number[]): Program;
  /** Fills the inputs of {@link prediction}; a batch that is not full repeats its last patch. */
  feed(inputs: Readonly<Record<string, InputData>>, batch: PatchBatch): void;
  /** Number of channels of each output. Defaults to that of the image. */
  readonly channels?: number;
  /** Further outputs that need no network. */
  readonly withoutNetwork?: PatchModel;
}

/** How predictions are written, measured and shown. */
export interface ResultTask {
  /** The outputs needed for result files and metrics by chunks. Defaults to all. */
  readonly neededByChunks?: readonly string[];
  /** Returns the files that a test image's prediction is written to. The first one is what TEST.REUSE_PREDICTIONS looks for. */
  resultFiles(image: NormalizedImage, byChunks: boolean): readonly ResultFile[];
  /** Reads the outputs that an earlier run wrote for a whole image. Undefined if there are none of the right shape. */
  reuse(image: NormalizedImage, watch: Watch): Promise<PredictedPart["values"] | undefined>;
  /** Starts to measure an image. */
  measurement(byChunks: boolean): Measurement;
  /** Writes pictures of a part of an image, for display, into a folder. */
  writePictures(part: TestPart, folder: string): Promise<ImageFiles>;
  /** The kind of the events of previews and test images. */
  readonly imageKinds: { readonly preview: ImageEvent["kind"]; readonly test: ImageEvent["kind"] };
  /** The folder of test images' pictures, for workflows that show more than their result files. */
  readonly testPictures?: string;
  /**
   * Returns the files to show for an image.
   *
   * @param target the file of the ground truth, if known
   * @param written result files and pictures
   */
  shown(source: string, target: string | undefined, written: ImageFiles): ImageFiles;
}

/** A file of a test image's prediction. */
export interface ResultFile extends Pick<PartFile, "channels" | "sampleType"> {
  readonly folder: string;
  /** What it shows. */
  readonly role: keyof ImageFiles;
  /** Whether it is the network's raw output, which TEST.SAVE_MODEL_RAW_OUTPUT turns on and off. */
  readonly raw: boolean;
  /** Returns the part's values in the file's own type and range, `[z, y, x, channel]`. */
  values(part: TestPart): ReturnType<PartFile["values"]>;
}

/** Accumulates the metrics of one image, part by part. */
export interface Measurement {
  add(part: TestPart): Promise<void>;
  /** The metrics in TEST.METRICS; empty if nothing could be measured. */
  readonly metrics: Metrics;
}

/** A predicted part of an image, with the image and its target. Values are normalized, `[z, y, x, channel]`. */
export class TestPart implements PredictedPart {
  private known: Promise<Float32Array> | undefined;

  constructor(
    readonly image: NormalizedImage,
    readonly target: NormalizedImage | undefined,
    readonly region: Region,
    readonly values: PredictedPart["values"],
  ) {}

  /** Returns the image's own values. */
  original(): Promise<Float32Array> {
    this.known ??= this.image.values(this.region);
    return this.known;
  }

  /** Returns the part of this one that lies in `box`, which must lie in it. */
  within(box: Region): TestPart {
    const picked = (values: Float32Array) => valuesIn(values, this.region, box);
    const values = Object.entries(this.values).map(([name, each]) => [name, picked(each)] as const);
    const part = new TestPart(this.image, this.target, box, Object.fromEntries(values));
    part.known = this.known?.then(picked);
    return part;
  }
}

/** Returns the program of a training step: `loss` and the metrics of a batch, a number each. */
export function trainingProgram({ training }: Task): Program {
  return {
    training: true,
    inputs: training.inputs,
    forward: (scope, inputs) => {
      const values = Object.entries(training.compare(scope, inputs));
      return Object.fromEntries(values.map(([name, value]) => [name, value.mean()]));
    },
  };
}

/** Returns the program of a validation batch: `loss` and the metrics of every patch, `[batch]` each. */
export function evaluationProgram({ training }: Task): Program {
  return {
    training: false,
    inputs: training.inputs,
    forward: (scope, inputs) => training.compare(scope, inputs),
  };
}
