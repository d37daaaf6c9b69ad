/** A training step whose batch is computed in parts: the gradients of the parts are added up before the optimizer moves the weights. */
import type { Executable, InputData, Runtime, StepMemory, TrainingStep } from "../runtime/executable.ts";
import { clipScale, type TrainingSettings } from "../runtime/optimizer-settings.ts";
import type { Parameters } from "../runtime/parameters.ts";
import type { InputSpec, Program } from "../runtime/program.ts";
import { Optimizer } from "./optimizer.ts";

/** Returns the number of samples in a program's batch: the first axis of its inputs. */
export const batchOf = (program: Program): number => Object.values(program.inputs)[0]?.shape[0] ?? 1;

/** Returns the same program for batches of another size. */
function withBatch(program: Program, size: number): Program {
  const resized = ({ shape, type }: InputSpec): InputSpec => ({ type, shape: [size, ...shape.slice(1)] });
  const inputs = Object.entries(program.inputs).map(([name, spec]) => [name, resized(spec)]);
  return {
    ...program,
    inputs: Object.fromEntries(inputs),
    forward: (scope, given) => program.forward(scope, given),
  };
}

/**
 * Computes a batch in parts. The weights become those of the whole batch, to rounding, for losses that are means over samples. Batch normalization
 * and losses over a whole batch (Dice, cross entropy with ignored pixels) see one part at a time, as in PyTorch's gradient accumulation.
 */
export class AccumulatedStep implements TrainingStep {
  readonly inputs: Readonly<Record<string, InputData>>;
  /** Filled by the first run: an executable may know its outputs only then. */
  readonly outputs: Record<string, Float32Array> = {};
  private readonly executable: Executable;
  private readonly optimizer: Optimizer;
  private readonly parts: number;
  /** The gradient slot of each weight, and the sum of the earlier parts. */
  private readonly gradients: readonly { readonly slot: Float32Array; readonly sum: Float32Array }[];

  /**
   * @param program a training program for whole batches
   * @param partSize samples computed at a time; divides the batch
   */
  constructor(
    runtime: Runtime,
    program: Program,
    private readonly parameters: Parameters,
    private readonly settings: TrainingSettings,
    partSize: number,
  ) {
    this.parts = batchOf(program) / partSize;
    const halfStorage = settings.precision === "half-storage";
    this.executable = runtime.compile(withBatch(program, partSize), parameters, {
      gradients: true,
      halfStorage,
    });
    this.optimizer = new Optimizer(settings.optimizer, parameters);
    this.inputs = Object.fromEntries(
      Object.entries(this.executable.inputs).map(([name, part]) => [name, repeated(part, this.parts)]),
    );
    this.gradients = parameters.specs
      .filter(({ role }) => role === "parameter")
      .map(({ name }) => {
        const slot = parameters.values(name, "gradient");
        return { slot, sum: new Float32Array(slot.length) };
      });
  }

  get steps(): number {
    return this.optimizer.steps;
  }

  set steps(steps: number) {
    this.optimizer.steps = steps;
  }

  get memory(): StepMemory | undefined {
    return this.executable.memory;
  }

  async run(seed: number, learningRate: number): Promise<void> {
    const { executable, outputs, parts, gradients } = this;
    await this.parameters.settled();
    for (const values of Object.values(outputs)) values.fill(0);
    for (let part = 0; part < parts; part++) {
      for (const [name, values] of Object.entries(executable.inputs)) {
        const whole = this.inputs[name];
        if (whole !== undefined) values.set(whole.subarray(part * values.length, (part + 1) * values.length));
      }
      await executable.run(seed + 0x51ed * part);
      for (const [name, values] of Object.entries(executable.outputs)) {
        outputs[name] ??= new Float32Array(values.length);
        addInto(outputs[name], values, 1 / parts);
      }
      const last = part === parts - 1;
      for (const { slot, sum } of gradients) {
        if (part > 0) addInto(slot, sum, 1);
        if (!last) sum.set(slot);
      }
    }
    await this.optimizer.step(learningRate, this.scale());
  }

  /** Returns the factor that turns the summed gradients into their mean over parts, clipped to the maximum norm. */
  private scale(): number {
    const { clipNorm } = this.settings;
    if (clipNorm <= 0) return 1 / this.parts;
    const squares = this.gradients.reduce((total, { slot }) => total + sumOfSquares(slot), 0);
    return clipScale(squares / this.parts ** 2, clipNorm) / this.parts;
  }

  release(): void {
    this.executable.release();
  }
}

function repeated(part: InputData, parts: number): InputData {
  const length = part.length * parts;
  if (part instanceof Int32Array) return new Int32Array(length);
  return part instanceof Uint8Array ? new Uint8Array(length) : new Float32Array(length);
}

function addInto(target: Float32Array, added: Float32Array, factor: number): void {
  for (let at = 0; at < target.length; at++) target[at] = (target[at] ?? 0) + factor * (added[at] ?? 0);
}

function sumOfSquares(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return sum;
}
