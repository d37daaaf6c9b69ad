/** The training loop: epochs, validation, checkpoints, exact resuming. */

import { at, entryOf } from "../facts/checked-lists.ts";
import { epochLoss } from "../facts/epoch-loss.ts";
import { isStop } from "../facts/errors.ts";
import { finiteMetrics, MetricAverages } from "../facts/finite-metrics.ts";
import type { EpochEvent, Metrics, ReportEvent } from "../facts/run-events.ts";
import { TimeShare } from "../facts/time-share.ts";
import type { Executable, InputData, TrainingStep } from "../runtime/executable.ts";
import type { LossScaleState } from "../runtime/loss-scale.ts";
import { notFinite } from "./diverged-error.ts";
import type { Schedule, ScheduleState } from "./schedule.ts";

/** The inputs of one step. */
export interface Batch {
  readonly inputs: Readonly<Record<string, InputData>>;
  /** Number of real samples; the rest only pads the batch. */
  readonly count: number;
}

/** A source of samples. The same epoch always has the same batches. */
export interface BatchSource {
  readonly stepsPerEpoch: number;
  /** @param firstStep first step of the epoch to return, for a resumed run; `stepsPerEpoch` returns none */
  batches(epoch: number, firstStep: number): AsyncIterable<Batch>;
}

/** How long and how a training runs. */
export interface TrainerOptions {
  readonly epochs: number;
  /** Epochs without a better validation loss after which training ends; -1 for never. */
  readonly patience: number;
  readonly seed: number;
  /** Epochs between checkpoints that are kept permanently; below 1 for none. */
  readonly checkpointEvery: number;
}

/** Maximum share of the time for writing checkpoints to resume from after a crash. */
const SAVING_SHARE = 0.1;
/** Seconds between such checkpoints within a long epoch. */
const SAVE_SECONDS = 300;
/** A validation that follows fewer seconds of unsaved training is waited for: its epoch is then saved once, with the result. */
const UNSAVED_SECONDS = 30;

/** The progress of a training: everything but weights and moments that exact resuming needs. */
export interface TrainerState {
  /** Epochs done. */
  readonly epoch: number;
  /** Steps done in the current epoch; all of them if its validation is not finished. */
  readonly step: number;
  readonly stepsPerEpoch: number;
  readonly optimizerSteps: number;
  readonly schedule: ScheduleState;
  /** In mixed precision only. */
  readonly lossScale?: LossScaleState;
  readonly bestLoss: number | null;
  /** The epoch of the best loss. */
  readonly bestEpoch: number | null;
  readonly epochsWithoutGain: number;
  /** Sums of finite metrics over the steps of the unfinished epoch. */
  readonly sums: Metrics;
  /** Number of values in each sum. */
  readonly counts: Metrics;
}

/** Returns why a training is complete, or undefined if it is not. */
export function whyTrained(
  { epoch, epochsWithoutGain }: Pick<TrainerState, "epoch" | "epochsWithoutGain">,
  { epochs, patience }: Pick<TrainerOptions, "epochs" | "patience">,
): string | undefined {
  if (epoch >= epochs) return `all ${epochs} epochs are done`;
  if (patience < 0 || epochsWithoutGain < Math.max(patience, 1)) return undefined;
  return `the validation loss has not improved for ${epochsWithoutGain} epochs (TRAIN.PATIENCE)`;
}

/** `best` has the lowest validation loss, `last` is for resuming, `periodic` is kept permanently. */
export type CheckpointKind = "best" | "last" | "periodic";

/** What a training uses and calls. */
export interface TrainerParts {
  /** Has a scalar output `loss`; its other outputs are metrics of the batch. */
  readonly step: TrainingStep;
  /** Evaluates validation batches. Each output is `[batch]`, one value per sample. */
  readonly evaluation?: Executable;
  readonly training: BatchSource;
  readonly validation?: BatchSource;
  readonly schedule: Schedule;
  /** Converts means over steps or patches to the reported metrics. Defaults to the means. */
  readonly summary?: (means: Metrics) => Metrics;
  readonly report: ReportEvent;
  /** Writes a checkpoint. Weights do not change until it resolves. What fails after that is thrown by the next call. */
  readonly save: (kind: CheckpointKind, state: TrainerState) => Promise<void>;
  /** Writes an epoch to the log. Called before the checkpoints that count the epoch as done. */
  readonly logEpoch: (epoch: EpochResult) => Promise<void>;
  /** Updates charts and previews after an epoch. */
  readonly showEpoch: (epoch: EpochResult) => Promise<void>;
}

/** The result of an epoch. */
export type EpochResult = Pick<
  EpochEvent,
  "epoch" | "train" | "validation" | "learningRate" | "seconds" | "best"
>;

const secondsSince = (start: number) => (performance.now() - start) / 1000;

/** Runs a training. It can be stopped after any step, and resumes exactly there. */
export class Trainer {
  private epoch = 0;
  private step = 0;
  private bestLoss: number | null = null;
  private bestEpoch: number | null = null;
  private epochsWithoutGain = 0;
  private averages = new MetricAverages();
  /** Seconds per step, averaged over the recent ones. */
  private pace: number | undefined;
  private readonly savingTime = new TimeShare(SAVING_SHARE);
  /** Epoch and step of the last checkpoint to resume from. */
  private savedAt = "";
  /** When it was written, or this training began. */
  private savedTime = performance.now();

  constructor(
    private readonly parts: TrainerParts,
    private readonly options: TrainerOptions,
  ) {}

  get state(): TrainerState {
    return {
      epoch: this.epoch,
      step: this.step,
      stepsPerEpoch: this.parts.training.stepsPerEpoch,
      optimizerSteps: this.parts.step.steps,
      schedule: this.parts.schedule.state,
      lossScale: this.parts.step.lossScale?.state,
      bestLoss: this.bestLoss,
      bestEpoch: this.bestEpoch,
      epochsWithoutGain: this.epochsWithoutGain,
      sums: this.averages.sums,
      counts: this.averages.counts,
    };
  }

  /** Continues from a state. An unfinished epoch starts again if its number of steps has changed. */
  restore(state: TrainerState): void {
    this.epoch = state.epoch;
    this.parts.step.steps = state.optimizerSteps;
    this.parts.schedule.restore(state.schedule);
    const { lossScale } = this.parts.step;
    if (lossScale !== undefined && state.lossScale !== undefined) lossScale.state = state.lossScale;
    this.bestLoss = state.bestLoss;
    this.bestEpoch = state.bestEpoch;
    this.epochsWithoutGain = state.epochsWithoutGain;
    const steps = this.parts.training.stepsPerEpoch;
    if (state.step > 0 && state.stepsPerEpoch !== steps) {
      this.say(`Epoch ${state.epoch + 1} starts again: it has ${steps} steps now.`);
      return;
    }
    this.step = state.step;
    for (const [name, sum] of Object.entries(state.sums))
      this.averages.put(name, sum, entryOf(state.counts, name));
  }

  /**
   * Trains until the last epoch, until patience runs out, or until `signal` requests a stop. Throws `DivergedError` when the loss is
   * no longer finite. Checkpoints then hold earlier weights.
   */
  async run(signal: AbortSignal): Promise<"finished" | "stopped"> {
    for (;;) {
      const reason = whyTrained(this.state, this.options);
      if (reason !== undefined) {
        if (this.epoch < this.options.epochs) this.say(`Training ends here: ${reason}.`);
        await this.saveProgress();
        return "finished";
      }
      const started = performance.now();
      if (!signal.aborted) await this.trainEpoch(signal);
      if (signal.aborted || !(await this.endEpoch(started, signal))) {
        await this.saveProgress();
        return "stopped";
      }
    }
  }

  /** Trains the remaining steps of the epoch, or until `signal` requests a stop. */
  private async trainEpoch(signal: AbortSignal): Promise<void> {
    const { training } = this.parts;
    for await (const batch of untilStopped(training.batches(this.epoch, this.step), signal)) {
      await this.trainStep(batch);
      if (signal.aborted) return;
      await this.saveUnsaved(SAVE_SECONDS);
    }
  }

  private async trainStep(batch: Batch): Promise<void> {
    const { training, step, schedule, report } = this.parts;
    const steps = training.stepsPerEpoch;
    const started = performance.now();
    const learningRate = schedule.rateAt(this.epoch, this.step);
    fill(step, batch);
    const scale = step.lossScale?.scale ?? 1;
    await step.run(this.options.seed + 0x9e37 * (this.epoch * steps + this.step), learningRate);
    const metrics = finiteMetrics(scalars(step));
    const place = `epoch ${this.epoch + 1}, step ${this.step + 1}`;
    if (!this.wasSkipped(scale, place) && metrics.loss === undefined)
      throw notFinite("The loss", place, learningRate, step.steps <= 1);
    this.averages.add(metrics);
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
  }

  /** Validates, logs and saves an epoch whose steps are done. Resolves with false if `signal` requested a stop before it was validated. */
  private async endEpoch(started: number, signal: AbortSignal): Promise<boolean> {
    const { schedule, report, save, logEpoch, showEpoch } = this.parts;
    const learningRate = schedule.rateAt(this.epoch, this.step - 1);
    const train = this.summary(this.averages.averages);
    await this.saveUnsaved(UNSAVED_SECONDS);
    const validated = performance.now();
    const validation = await this.validate(signal);
    if (validation === "stopped") return false;
    const validationSeconds = validation && secondsSince(validated);
    const loss = epochLoss({ train, validation });
    if (loss === undefined)
      throw notFinite("The loss", `the end of epoch ${this.epoch + 1}`, learningRate, false);
    const best = this.bestLoss === null || loss < this.bestLoss;
    this.epochsWithoutGain = best ? 0 : this.epochsWithoutGain + 1;
    schedule.epochEnded(loss);
    this.epoch++;
    this.step = 0;
    this.averages = new MetricAverages();
    if (best) [this.bestLoss, this.bestEpoch] = [loss, this.epoch];
    const seconds = secondsSince(started);
    const result = { epoch: this.epoch, train, validation, learningRate, seconds, best };
    await logEpoch(result);
    if (best) await this.save("best");
    else await this.saveUnsaved(0);
    const { checkpointEvery, epochs } = this.options;
    if (checkpointEvery > 0 && this.epoch % checkpointEvery === 0) await save("periodic", this.state);
    await showEpoch(result);
    report({
      event: "epoch",
      ...result,
      validationSeconds,
      epochs,
      secondsLeft: this.secondsLeft(),
      memoryBytes: process.memoryUsage.rss(),
    });
    return true;
  }

  /** Writes the checkpoint to resume from if that many seconds of training are not saved, unless checkpoints took their share of the time. */
  private async saveUnsaved(seconds: number): Promise<void> {
    if (secondsSince(this.savedTime) >= seconds) await this.savingTime.spend(() => this.saveProgress());
  }

  /** Writes the checkpoint to resume from, unless one is up to date. */
  private async saveProgress(): Promise<void> {
    if (this.savedAt !== this.position) await this.save("last");
  }

  /** Writes a checkpoint that a training can be resumed from. */
  private async save(kind: "best" | "last"): Promise<void> {
    await this.parts.save(kind, this.state);
    this.savedAt = this.position;
    this.savedTime = performance.now();
  }

  private get position(): string {
    return `${this.epoch}:${this.step}`;
  }

  /** Returns metrics averaged over the validation samples, or undefined without validation. */
  private async validate(signal: AbortSignal): Promise<Metrics | "stopped" | undefined> {
    const { evaluation, validation } = this.parts;
    if (evaluation === undefined || validation === undefined) return undefined;
    const averages = new MetricAverages();
    let finite = true;
    for await (const batch of untilStopped(validation.batches(0, 0), signal)) {
      if (signal.aborted) return "stopped";
      fill(evaluation, batch);
      await evaluation.run(0);
      for (const [name, values] of Object.entries(evaluation.outputs)) {
        for (const value of values.subarray(0, batch.count)) {
          averages.add({ [name]: value });
          if (name === "loss") finite &&= Number.isFinite(value);
        }
      }
    }
    if (signal.aborted) return "stopped";
    // A loss over only some of the samples cannot be compared with other epochs.
    const { loss: _, ...metrics } = averages.averages;
    return this.summary(finite ? averages.averages : metrics);
  }

  private summary(values: Metrics): Metrics {
    return finiteMetrics(this.parts.summary?.(values) ?? values);
  }

  private secondsLeft(): number {
    const steps = this.parts.training.stepsPerEpoch;
    return (this.pace ?? 0) * ((this.options.epochs - this.epoch) * steps - this.step);
  }

  /**
   * Whether a step changed no weights, because its gradients were too large for float16. Reports it.
   *
   * @param before the loss scale before the step
   */
  private wasSkipped(before: number, place: string): boolean {
    const { scale = 1 } = this.parts.step.lossScale ?? {};
    if (scale >= before) return false;
    this.say(
      `No weights changed at ${place}: gradients were too large for float16. The loss scale is now ${scale}.`,
    );
    return true;
  }

  private say(message: string): void {
    this.parts.report({ event: "log", level: "info", message });
  }
}

/** Yields batches until a stop is requested, also while one of them is made. */
async function* untilStopped(batches: AsyncIterable<Batch>, signal: AbortSignal): AsyncGenerator<Batch> {
  try {
    yield* batches;
  } catch (error) {
    if (!isStop(error, signal)) throw error;
  }
}

/** Copies a batch to the inputs of an executable. */
function fill(executable: Pick<Executable, "inputs">, batch: Batch): void {
  for (const [name, values] of Object.entries(batch.inputs)) entryOf(executable.inputs, name).set(values);
}

/** Returns the outputs of a training step, one number each. */
function scalars(executable: TrainingStep): Record<string, number> {
  const outputs = Object.entries(executable.outputs);
  return Object.fromEntries(outputs.map(([name, values]) => [name, at(values, 0)]));
}
