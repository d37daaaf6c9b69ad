/** Training steps on any runtime: entirely on the device, or with gradients there and the optimizer here. */
import { at } from "../facts/checked-lists.ts";
import {
  type Executable,
  GRADIENT_SQUARES,
  type InputData,
  type Runtime,
  type StepMemory,
  type TrainingStep,
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
  const gradientSquares = settings.clipNorm > 0;
  const executable = runtime.compile(program, parameters, { gradients: true, gradientSquares });
  return new HostTrainingStep(executable, new Optimizer(settings.optimizer, parameters), settings.clipNorm);
}

/** A device does not support the requested precision. The message says why and what to do. */
export class PrecisionError extends Error {
  override readonly name = "PrecisionError";
}

/** Throws {@link PrecisionError} if a runtime does not train in the precision of the settings. */
export function checkPrecision(runtime: Runtime, { precision }: TrainingSettings): void {
  if (precision !== "mixed") return;
  const reason =
    runtime.compileTraining === undefined
      ? "trains in single precision only, since mixed precision would gain nothing there"
      : runtime.whyNotMixed?.();
  if (reason === undefined) return;
  throw new PrecisionError(
    `--precision mixed: ${runtime.device} ${reason}. Omit --precision, or select a GPU that supports it with --gpu (biapy --devices lists the GPUs).`,
  );
}

/** Computes gradients on the runtime, and runs the optimizer on the CPU. */
class HostTrainingStep implements TrainingStep {
  constructor(
    private readonly executable: Executable,
    private readonly optimizer: Optimizer,
    private readonly clipNorm: number,
  ) {}

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
    await this.executable.run(seed);
    const squares = this.executable.outputs[GRADIENT_SQUARES];
    const scale = squares === undefined ? 1 : clipScale(at(squares, 0), this.clipNorm);
    await this.optimizer.step(learningRate, scale);
  }

  release(): void {
    this.executable.release();
  }
}
