/** What a pretext task brings to a run: what is learnt from patches, and what it shows of an image. */
import type { Sample } from "../../data/augmentation/sample.ts";
import type { ImagePairs } from "../../data/patches.ts";
import type { Random } from "../../data/random.ts";
import type { ImageFiles, Metrics } from "../../facts/run-events.ts";
import type { BuildArguments } from "../../models/architectures.ts";
import type { Runtime } from "../../runtime/executable.ts";
import type { Parameters } from "../../runtime/parameters.ts";
import type { Program, Tensors } from "../../runtime/program.ts";
import type { Scope } from "../../runtime/scope.ts";
import type { Batch } from "../../training/trainer.ts";
import type { Watch } from "../predict.ts";

export interface PretextTask {
  /** MODEL.ARCHITECTURE. */
  readonly architecture: string;
  /** The arguments that build the same model in BiaPy, as its checkpoints keep them. */
  readonly buildArguments: BuildArguments;
  readonly batchSize: number;
  /** The inputs of a batch, `[batch, …]` each. */
  readonly inputs: Program["inputs"];
  /** Predicts a batch and compares it with what it should be: `loss` and the metrics of each patch, `[batch]` each. */
  compare(scope: Scope, inputs: Tensors): Tensors;
  /** The inputs for these samples; `random` draws what the task hides. */
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

/** A training step: `loss` and the metrics of a batch, a number each. */
export function trainingProgram(task: PretextTask): Program {
  return {
    training: true,
    inputs: task.inputs,
    forward: (scope, inputs) => {
      const values = Object.entries(task.compare(scope, inputs));
      return Object.fromEntries(values.map(([name, value]) => [name, value.mean()]));
    },
  };
}

/** The same for every patch of a validation batch: `[batch]` each. */
export function evaluationProgram(task: PretextTask): Program {
  return {
    training: false,
    inputs: task.inputs,
    forward: (scope, inputs) => task.compare(scope, inputs),
  };
}
