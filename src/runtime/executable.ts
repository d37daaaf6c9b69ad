import type { LossScale } from "./loss-scale.ts";
import type { TrainingSettings } from "./optimiser-settings.ts";
import type { Parameters } from "./parameters.ts";
import type { Program } from "./program.ts";

export type InputData = Float32Array | Int32Array | Uint8Array;

/** A program ready to run on one device, reading its weights from {@link Parameters}. */
export interface Executable {
  /** To be filled before each run, by input name. */
  readonly inputs: Readonly<Record<string, InputData>>;
  /** Holds the results after each run, by output name. */
  readonly outputs: Readonly<Record<string, Float32Array>>;
  /**
   * Runs the program once. A training program also leaves its loss's gradients in the parameters' `gradient` slots and
   * moves the states that layers update themselves.
   *
   * @param seed decides the program's random numbers (dropout)
   */
  run(seed: number): Promise<void>;
  release(): void;
}

/** The sum of the squares of all gradients, a further output where it is asked for. */
export const GRADIENT_SQUARES = "gradientSquares";

export interface CompileOptions {
  /** Whether each run also computes the gradients of the output `loss`. */
  readonly gradients: boolean;
  /** Whether {@link GRADIENT_SQUARES} is an output too: clipping needs it. */
  readonly gradientSquares?: boolean;
}

/** A training program whose optimiser runs with it: weights and moments move in each step, where they lie on the device. */
export interface TrainingStep {
  /** To be filled before each step, by input name. */
  readonly inputs: Readonly<Record<string, InputData>>;
  /** Holds the results after each step, by output name. */
  readonly outputs: Readonly<Record<string, Float32Array>>;
  /** Steps taken so far; to be set where a training goes on. */
  steps: number;
  /** In mixed precision: halved by a step whose gradients were not finite, which left everything as it was and is not counted. */
  readonly lossScale?: LossScale;
  /** @param seed decides the program's random numbers (dropout) */
  run(seed: number, learningRate: number): Promise<void>;
  release(): void;
}

/** Executes programs: see onnx/runtime.ts and onnx/device-runtime.ts. */
export interface Runtime {
  /** Where it runs, for people: `CPU, 2 threads (onnxruntime)`. */
  readonly device: string;
  readonly threads: number;
  compile(program: Program, parameters: Parameters, options: CompileOptions): Executable;
  /** On runtimes whose device does the optimiser's work too. */
  compileTraining?(program: Program, parameters: Parameters, settings: TrainingSettings): TrainingStep;
  /** On the same: why it does not train in mixed precision, in words that follow its name; undefined where it does. */
  whyNotMixed?(): string | undefined;
  /** Lets go of the device. */
  release?(): void;
}
