/** Training steps on any runtime: entirely on the device, or with gradients there and the optimizer here. */
import { at, entryOf } from "../facts/checked-lists.ts";
import {
  type Executable,
  GRADIENT_SQUARES,
  type InputData,
  type Runtime,
  type StepMemory,
  type TrainingStep,
  type UpdateWeights,
} from "../runtime/executable.ts";
import { clipScale, type TrainingSettings } from "../runtime/optimizer-settings.ts";
import type { Parameters } from "../runtime/parameters.ts";
import type { Program } from "../runtime/program.ts";
import { AccumulatedStep, batchOf } from "./accumulated-step.ts";
import { Optimizer } from "./optimizer.ts";

/**
 * Compiles a training step. Throws {@link PrecisionError}.
 *
 * @param program has a scalar output `loss`
 */
export function compileTraining(
  runtime: Runtime,
  program: Program,
  parameters: Parameters,
  settings: TrainingSettings,
): TrainingStep {
  checkPrecision(runtime, settings);
  const { partSize } = settings;
  if (partSize !== undefined && partSize < batchOf(program))
    return new AccumulatedStep(runtime, program, parameters, settings, partSize);
  if (runtime.compileTraining !== undefined) return runtime.compileTraining(program, parameters, settings);
  return new HostTrainingStep(runtime, program, parameters, settings);
}

/** A device does not support the requested precision. The message says why and what to do. */
export class PrecisionError extends Error {
  override readonly name = "PrecisionError";
}

/** Throws {@link PrecisionError} if a runtime does not train in the precision of the settings. */
export function checkPrecision(runtime: Runtime, { precision }: TrainingSettings): void {
  if (precision === "half-storage" && !runtime.hasHalfStorage)
    throw new PrecisionError(
      `--precision half-storage: ${runtime.device} does not store values in half precision. Omit --precision, or select the CPU with --gpu "".`,
    );
  if (precision !== "mixed") return;
  const reason =
    runtime.compileTraining === undefined
      ? "does not compute in half precision, which would gain nothing there; --precision half-storage saves memory on the CPU"
      : runtime.whyNotMixed?.();
  if (reason === undefined) return;
  throw new PrecisionError(
    `--precision mixed: ${runtime.device} ${reason}. Omit --precision, or select a GPU that supports it with --gpu (biapy --devices lists the GPUs).`,
  );
}

/**
 * Computes gradients on the runtime, and runs the optimizer on the CPU: for each weight as soon as its gradient is known, or, where the norm of
 * all gradients is clipped, for all weights at the end.
 */
class HostTrainingStep implements TrainingStep {
  private readonly executable: Executable;
  private readonly optimizer: Optimizer;
  private readonly clipNorm: number;
  /** Of the current step. */
  private learningRate = 0;

  constructor(runtime: Runtime, program: Program, parameters: Parameters, settings: TrainingSettings) {
    const optimizer = new Optimizer(settings.optimizer, parameters);
    const update: UpdateWeights = (segments) => optimizer.update(segments, this.learningRate);
    this.optimizer = optimizer;
    this.clipNorm = settings.clipNorm;
    const how = this.clipNorm > 0 ? { gradientSquares: true } : { update };
    const halfStorage = settings.precision === "half-storage";
    this.executable = runtime.compile(program, parameters, { gradients: true, halfStorage, ...how });
  }

  get inputs(): Readonly<Record<string, InputData>> {
    return this.executable.inputs;
  }

  get outputs(): Readonly<Record<string, Float32Array>> {
    const { [GRADIENT_SQUARES]: _, ...outputs } = this.executable.outputs;
    return outputs;
  }

  get memory(): StepMemory | undefined {
    return this.executable.memory;
  }

  get steps(): number {
    return this.optimizer.steps;
  }

  set steps(steps: number) {
    this.optimizer.steps = steps;
  }

  async run(seed: number, learningRate: number): Promise<void> {
    if (this.clipNorm > 0) {
      await this.executable.run(seed);
      const squares = at(entryOf(this.executable.outputs, GRADIENT_SQUARES), 0);
      await this.optimizer.step(learningRate, clipScale(squares, this.clipNorm));
      return;
    }
    this.learningRate = learningRate;
    this.optimizer.steps++;
    await this.executable.run(seed);
  }

  release(): void {
    this.executable.release();
  }
}
