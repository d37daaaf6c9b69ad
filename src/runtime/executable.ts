/** Compiled programs, and the runtimes that compile them. */
import type { LossScale } from "./loss-scale.ts";
import type { TrainingSettings } from "./optimizer-settings.ts";
import type { Parameters, Segment } from "./parameters.ts";
import type { Program } from "./program.ts";

/** Values of an input, by its type: float32, int32, bool (0 and 1). */
export type InputData = Float32Array | Int32Array | Uint8Array;

/** Memory of a program's runs, without weights and the rest of the process. */
export interface StepMemory {
  /** Values between inputs and outputs that are alive together, in bytes; they grow with the batch. */
  readonly values: number;
  /** Inputs and outputs, in bytes. They are already allocated. */
  readonly bound: number;
}

/** A program ready to run on one device, reading its weights from {@link Parameters}. */
export interface Executable {
  /** Inputs by name. Fill them before each run. */
  readonly inputs: Readonly<Record<string, InputData>>;
  /** Results by output name, valid after each run. */
  readonly outputs: Readonly<Record<string, Float32Array>>;
  /**
   * Runs the program once. A training program also writes the gradients of its loss to the parameters' `gradient` slots and
   * updates layer states such as running statistics.
   *
   * @param seed seed of the program's random numbers (dropout)
   */
  run(seed: number): Promise<void>;
  /** An estimate of the memory that runs take; undefined on devices that do not tell. */
  readonly memory?: StepMemory;
  release(): void;
}

/** Name of the output with the sum of the squares of all gradients ({@link CompileOptions.gradientSquares}). */
export const GRADIENT_SQUARES = "gradientSquares";

/** Updates weights by their gradients. */
export type UpdateWeights = (segments: readonly Segment[]) => Promise<void>;

/** What a compiled program computes besides its outputs. */
export interface CompileOptions {
  /** Whether each run also computes the gradients of the output `loss`. */
  readonly gradients: boolean;
  /** Whether {@link GRADIENT_SQUARES} is an output too, for clipping. Defaults to false. */
  readonly gradientSquares?: boolean;
  /** Whether large values are stored in float16 between the forward pass and the gradients ({@link Runtime.hasHalfStorage}). Defaults to false. */
  readonly halfStorage?: boolean;
  /**
   * Is called in each run with weights that the rest of the run does not read, as soon as their gradients are known; with each parameter once.
   * Afterwards the memory of these gradients is used for others. Where it is absent, all gradients stay in their slots.
   * Runtimes that also run the optimizer do not call it.
   */
  readonly update?: UpdateWeights;
}

/** A whole training step on a device: gradients and optimizer in one graph. Weights and moments stay in device memory. */
export interface TrainingStep {
  /** Inputs by name. Fill them before each step. */
  readonly inputs: Readonly<Record<string, InputData>>;
  /** Results by output name, valid after each step. */
  readonly outputs: Readonly<Record<string, Float32Array>>;
  /** Number of steps taken. Set it when a training resumes. */
  steps: number;
  /** In mixed precision only. A step whose gradients are not finite halves it, changes nothing else and is not counted. */
  readonly lossScale?: LossScale;
  /** An estimate of the memory that a step takes; undefined on devices that do not tell. */
  readonly memory?: StepMemory;
  /** @param seed seed of the program's random numbers (dropout) */
  run(seed: number, learningRate: number): Promise<void>;
  release(): void;
}

/** Compiles programs for a device: see onnx/runtime.ts, onnx/device-runtime.ts and eager/runtime.ts. */
export interface Runtime {
  /** Display name of the device: `CPU, 2 threads (onnxruntime)`. */
  readonly device: string;
  readonly threads: number;
  compile(program: Program, parameters: Parameters, options: CompileOptions): Executable;
  /** Compiles a whole training step. Only on devices that also run the optimizer. */
  compileTraining?(program: Program, parameters: Parameters, settings: TrainingSettings): TrainingStep;
  /** Whether programs can be compiled with {@link CompileOptions.halfStorage}. */
  readonly hasHalfStorage?: boolean;
  /** Returns why the device cannot train in mixed precision, as a predicate to its name ("has no …"), or undefined if it can. */
  whyNotMixed?(): string | undefined;
  /** Releases the device. */
  release?(): void;
}
