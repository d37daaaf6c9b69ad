import type { EpochEvent, Metrics, NewRunEvent } from "../facts/run-events.ts";
import type { Executable, InputData, TrainingStep } from "../runtime/executable.ts";
import type { LossScaleState } from "../runtime/loss-scale.ts";
import type { Schedule, ScheduleState } from "./schedule.ts";

/** What a program is fed in one step. */
export interface Batch {
  readonly inputs: Readonly<Record<string, InputData>>;
  /** How many of its samples are real; the rest only fill the batch up. */
  readonly count: number;
}

/** Where training samples come from; the same epoch always gives the same batches. */
export interface BatchSource {
  readonly stepsPerEpoch: number;
  /** @param firstStep where to start within the epoch, for a run that goes on */
  batches(epoch: number, firstStep: number): AsyncIterable<Batch>;
}

export interface TrainerOptions {
  readonly epochs: number;
  /** Epochs without a better validation loss before training ends; -1 for never. */
  readonly patience: number;
  readonly seed: number;
  /** Epochs between checkpoints that are kept for good; below 1 for none. */
  readonly checkpointEvery: number;
}

/** Share of the time that may go into checkpoints from which a killed run goes on. */
const SAVING_SHARE = 0.1;

/** How far a training is: everything but weights and moments that resuming exactly needs. */
export interface TrainerState {
  /** Epochs that are done. */
  readonly epoch: number;
  /** Steps that are done in the epoch after them. */
  readonly step: number;
  readonly optimiserSteps: number;
  readonly schedule: ScheduleState;
  /** In mixed precision. */
  readonly lossScale?: LossScaleState;
  readonly bestLoss: number | null;
  readonly epochsWithoutGain: number;
  /** Sums over the steps that are done in an unfinished epoch. */
  readonly sums: Metrics;
}

export type CheckpointKind = "best" | "last" | "periodic";

export interface TrainerParts {
  /** Its output `loss` is a scalar, its other outputs are metrics of the batch. */
  readonly step: TrainingStep;
  /** The same on validation batches: each output `[batch]`, a value per sample. */
  readonly evaluation?: Executable;
  readonly training: BatchSource;
  readonly validation?: BatchSource;
  readonly schedule: Schedule;
  /** Makes what is reported of means over steps or patches, if that is something else. */
  readonly summary?: (means: Metrics) => Metrics;
  readonly report: (event: NewRunEvent) => void;
  /** Called when a checkpoint is due; all weights are at rest until it resolves. */
  readonly save: (kind: CheckpointKind, state: TrainerState) => Promise<void>;
  /** Called after every epoch, for logs, charts and previews. */
  readonly epochEnded: (epoch: EpochResult) => Promise<void>;
}

/** What an epoch came to. */
export type EpochResult = Pick<
  EpochEvent,
  "epoch" | "train" | "validation" | "learningRate" | "seconds" | "best"
>;

const secondsSince = (start: number) => (performance.now() - start) / 1000;

/** Trains epoch after epoch, can be stopped after any step, and goes on from there as if it never had been. */
export class Trainer {
  private epoch = 0;
  private step = 0;
  private bestLoss: number | null = null;
  private epochsWithoutGain = 0;
  private sums: Record<string, number> = {};
  /** Seconds a step takes, averaged over the recent ones. */
  private pace: number | undefined;
  /** When a checkpoint to go on from is due next, in milliseconds of this process. */
  private nextSave = 0;

  constructor(
    private readonly parts: TrainerParts,
    private readonly options: TrainerOptions,
  ) {}

  get state(): TrainerState {
    return {
      epoch: this.epoch,
      step: this.step,
      optimiserSteps: this.parts.step.steps,
      schedule: this.parts.schedule.state,
      lossScale: this.parts.step.lossScale?.state,
      bestLoss: this.bestLoss,
      epochsWithoutGain: this.epochsWithoutGain,
      sums: this.sums,
    };
  }

  restore(state: TrainerState): void {
    this.epoch = state.epoch;
    this.step = state.step;
    this.parts.step.steps = state.optimiserSteps;
    this.parts.schedule.restore(state.schedule);
    const { lossScale } = this.parts.step;
    if (lossScale !== undefined && state.lossScale !== undefined) lossScale.state = state.lossScale;
    this.bestLoss = state.bestLoss;
    this.epochsWithoutGain = state.epochsWithoutGain;
    this.sums = { ...state.sums };
  }

  /** Trains until the last epoch, until patience runs out, or until `signal` asks to stop after the step under way. */
  async run(signal: AbortSignal): Promise<"finished" | "stopped"> {
    const { epochs, patience } = this.options;
    const { save } = this.parts;
    while (this.epoch < epochs) {
      if (patience >= 0 && this.epochsWithoutGain >= patience && this.epochsWithoutGain > 0) {
        this.say(
          `The validation loss has not improved for ${this.epochsWithoutGain} epochs: training ends here.`,
        );
        break;
      }
      const started = performance.now();
      const finished = await this.trainEpoch(signal);
      if (!finished) {
        await save("last", this.state);
        return "stopped";
      }
      await this.endEpoch(started);
    }
    return "finished";
  }

  private async trainEpoch(signal: AbortSignal): Promise<boolean> {
    const { training, step, schedule, report } = this.parts;
    const steps = training.stepsPerEpoch;
    for await (const batch of training.batches(this.epoch, this.step)) {
      const started = performance.now();
      const learningRate = schedule.rateAt(this.epoch, this.step);
      fill(step, batch);
      const scale = step.lossScale?.scale ?? 1;
      await step.run(this.options.seed + 0x9e37 * (this.epoch * steps + this.step), learningRate);
      this.tellSkipped(scale);
      const metrics = scalars(step);
      for (const [name, value] of Object.entries(metrics)) this.sums[name] = (this.sums[name] ?? 0) + value;
      this.step++;
      const stepSeconds = secondsSince(started);
      this.pace = this.pace === undefined ? stepSeconds : 0.9 * this.pace + 0.1 * stepSeconds;
      report({
        event: "step",
        epoch: this.epoch + 1,
        step: this.step,
        steps,
        metrics: this.summary(metrics),
        learningRate,
        stepSeconds,
        secondsLeft: this.secondsLeft(),
      });
      if (signal.aborted && this.step < steps) return false;
    }
    return true;
  }

  private async endEpoch(started: number): Promise<void> {
    const { schedule, report, save, epochEnded, training } = this.parts;
    const steps = training.stepsPerEpoch;
    const learningRate = schedule.rateAt(this.epoch, this.step - 1);
    const train = this.summary(means(this.sums, steps));
    const validation = await this.validate();
    const loss = (validation ?? train).loss;
    const best = this.bestLoss === null || loss < this.bestLoss;
    this.bestLoss = best ? loss : this.bestLoss;
    this.epochsWithoutGain = best ? 0 : this.epochsWithoutGain + 1;
    schedule.epochEnded(loss);
    this.epoch++;
    this.step = 0;
    this.sums = {};
    const seconds = secondsSince(started);
    const result = { epoch: this.epoch, train, validation, learningRate, seconds, best };
    if (best) await save("best", this.state);
    await epochEnded(result);
    const { checkpointEvery, epochs } = this.options;
    if (checkpointEvery > 0 && this.epoch % checkpointEvery === 0) await save("periodic", this.state);
    if (this.epoch < epochs) await this.saveWhenDue();
    report({
      event: "epoch",
      ...result,
      epochs,
      secondsLeft: this.secondsLeft(),
      memoryBytes: process.memoryUsage.rss(),
    });
  }

  /** Keeps a checkpoint to go on from should the process be killed, as often as costs little time. */
  private async saveWhenDue(): Promise<void> {
    const started = performance.now();
    if (started < this.nextSave) return;
    await this.parts.save("last", this.state);
    const ended = performance.now();
    this.nextSave = ended + (ended - started) / SAVING_SHARE;
  }

  /** Metrics averaged over the validation samples. */
  private async validate(): Promise<Metrics | undefined> {
    const { evaluation, validation } = this.parts;
    if (evaluation === undefined || validation === undefined) return undefined;
    const sums: Record<string, number> = {};
    let samples = 0;
    for await (const batch of validation.batches(0, 0)) {
      fill(evaluation, batch);
      await evaluation.run(0);
      for (const [name, values] of Object.entries(evaluation.outputs)) {
        for (const value of values.subarray(0, batch.count)) sums[name] = (sums[name] ?? 0) + value;
      }
      samples += batch.count;
    }
    return this.summary(means(sums, samples));
  }

  private summary(values: Metrics): Metrics {
    return this.parts.summary?.(values) ?? values;
  }

  private secondsLeft(): number {
    const steps = this.parts.training.stepsPerEpoch;
    return (this.pace ?? 0) * ((this.options.epochs - this.epoch) * steps - this.step);
  }

  /** @param before the loss scale that the step began with */
  private tellSkipped(before: number): void {
    const { scale = 1 } = this.parts.step.lossScale ?? {};
    if (scale >= before) return;
    const place = `Epoch ${this.epoch + 1}, step ${this.step + 1}`;
    this.say(
      `${place} moved no weights: gradients were too large for float16. The loss scale is now ${scale}.`,
    );
  }

  private say(message: string): void {
    this.parts.report({ event: "log", level: "info", message });
  }
}

function fill(executable: Pick<Executable, "inputs">, batch: Batch): void {
  for (const [name, values] of Object.entries(batch.inputs)) executable.inputs[name].set(values);
}

function means(sums: Metrics, count: number): Metrics {
  return Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / count]));
}

/** The outputs of a training step, a number each. */
function scalars(executable: TrainingStep): Record<string, number> {
  return Object.fromEntries(Object.entries(executable.outputs).map(([name, values]) => [name, values[0]]));
}
