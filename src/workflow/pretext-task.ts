/** What a pretext task brings to a run: the programs that train it, and what it shows of an image. */

import type { Sample } from "../data/augmentation/sample.ts";
import type { ImagePairs } from "../data/patches.ts";
import type { Random } from "../data/random.ts";
import type { ImageFiles, Metrics } from "../protocol/run-events.ts";
import type { Runtime } from "../runtime/executable.ts";
import type { Parameters } from "../runtime/parameters.ts";
import type { Program } from "../runtime/program.ts";
import type { Batch } from "../training/trainer.ts";
import type { Watch } from "./predict.ts";

export interface PretextTask {
  /** MODEL.ARCHITECTURE. */
  readonly architecture: string;
  /** The arguments that build the same model in BiaPy, as its checkpoints keep them. */
  readonly buildArguments: Readonly<
    Record<string, string | number | boolean | readonly (string | number | boolean)[]>
  >;
  readonly batchSize: number;
  /** A training step: `loss` and the metrics of a batch, a number each. */
  training(): Program;
  /** The same for every patch of a validation batch: `[batch]` each. */
  evaluation(): Program;
  /** What the programs are fed for these samples; `random` draws what the task hides. */
  batch(samples: readonly Sample[], random: (sample: number) => Random): Batch;
  viewer(runtime: Runtime, parameters: Parameters): ImageViewer;
}

export interface ViewedImage {
  readonly files: ImageFiles;
  readonly metrics: Metrics;
}

/** Applies a model to images and writes what there is to see. */
export interface ImageViewer {
  /** Shows how far training has come: the image, or the middle of a large one. */
  check(pairs: ImagePairs, index: number): Promise<ViewedImage>;
  /** Predicts a whole test image as TEST.* says. Throws the signal's reason when it is asked to stop. */
  test(pairs: ImagePairs, index: number, watch: Watch): Promise<ViewedImage>;
  release(): void;
}
