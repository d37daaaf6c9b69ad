/** Learning rate schedules: TRAIN.LR_SCHEDULER.* */

/** A schedule by its name in TRAIN.LR_SCHEDULER.NAME, and its settings. */
export type ScheduleSettings =
  | { readonly kind: "constant" }
  /** Multiplies the rate by `factor` when the validation loss has not improved for more than `patience` epochs. */
  | {
      readonly kind: "reduceonplateau";
      readonly factor: number;
      readonly patience: number;
      readonly minimum: number;
    }
  /**
   * Rises linearly for `warmupEpochs`, stays until epoch `decayStart`, then falls along half a cosine to `minimum`
   * (Loshchilov & Hutter 2017).
   */
  | {
      readonly kind: "warmupcosine";
      readonly warmupEpochs: number;
      readonly decayStart: number;
      readonly minimum: number;
    }
  /** Rises linearly for 10 epochs, then stays. Halves ten times at the end of a training of more than 100 epochs. */
  | { readonly kind: "warmupreduceonplateau" }
  /** Rises to the rate over the first 30 % of steps, then falls to nearly 0, along cosines (Smith & Topin 2018). */
  | { readonly kind: "onecycle" };

/** What a resumed run needs to continue with the same rates. */
export interface ScheduleState {
  /** Factor of the rate. */
  readonly scale: number;
  /** Best loss so far. */
  readonly best: number | null;
  readonly epochsWithoutGain: number;
}

const PLATEAU_THRESHOLD = 1e-4;
const ONE_CYCLE = { rising: 0.3, startDivisor: 25, endDivisor: 1e4 };

/** BiaPy's warmupreduceonplateau, which despite its name does not depend on the loss. */
const RISING_EPOCHS = 10;
const HALVINGS = 10;
/** Epochs of each halving, in trainings of more than `above` epochs. */
const HALVING_EPOCHS = [
  { above: 300, each: 10 },
  { above: 100, each: 5 },
];

/** Returns the factor of the rate in an epoch of warmupreduceonplateau. */
function steppedScale(epoch: number, epochs: number): number {
  const { each } = HALVING_EPOCHS.find(({ above }) => epochs > above) ?? { each: 0 };
  const falling = epoch - (epochs - HALVINGS * each);
  if (each > 0 && falling >= 0) return 0.5 ** Math.min(Math.floor(falling / each) + 1, HALVINGS);
  return Math.min(epoch / (RISING_EPOCHS - 1), 1);
}

const cosine = (from: number, to: number, fraction: number) =>
  to + ((from - to) * (1 + Math.cos(Math.PI * fraction))) / 2;

/** The learning rate of each step of a training. */
export class Schedule {
  private scale = 1;
  private best: number | null = null;
  private epochsWithoutGain = 0;

  constructor(
    private readonly settings: ScheduleSettings,
    private readonly rate: number,
    private readonly epochs: number,
    private readonly stepsPerEpoch: number,
  ) {}

  /** Returns the learning rate of a step. `epoch` and `step` count from 0. */
  rateAt(epoch: number, step: number): number {
    const { settings, rate } = this;
    const progress = epoch + step / this.stepsPerEpoch;
    if (settings.kind === "warmupcosine") {
      if (progress < settings.warmupEpochs) return (rate * progress) / settings.warmupEpochs;
      const fraction = (progress - settings.decayStart) / Math.max(this.epochs - settings.decayStart, 1);
      return cosine(rate, settings.minimum, Math.min(Math.max(fraction, 0), 1));
    }
    if (settings.kind === "warmupreduceonplateau") return rate * steppedScale(epoch, this.epochs);
    if (settings.kind === "onecycle") {
      const steps = this.epochs * this.stepsPerEpoch;
      const [peak, last] = [ONE_CYCLE.rising * steps - 1, steps - 1];
      const done = epoch * this.stepsPerEpoch + step;
      const start = rate / ONE_CYCLE.startDivisor;
      if (done <= peak) return cosine(start, rate, done / peak);
      return cosine(rate, start / ONE_CYCLE.endDivisor, Math.min((done - peak) / (last - peak), 1));
    }
    return rate * this.scale;
  }

  /** Updates the schedule after an epoch, by its validation loss, or its training loss where there is no validation. */
  epochEnded(loss: number): void {
    if (this.settings.kind !== "reduceonplateau") return;
    if (this.best === null || loss < this.best * (1 - PLATEAU_THRESHOLD)) {
      this.best = loss;
      this.epochsWithoutGain = 0;
      return;
    }
    this.epochsWithoutGain++;
    if (this.epochsWithoutGain <= this.settings.patience) return;
    this.scale = Math.max(this.scale * this.settings.factor, this.settings.minimum / this.rate);
    this.epochsWithoutGain = 0;
  }

  get state(): ScheduleState {
    return { scale: this.scale, best: this.best, epochsWithoutGain: this.epochsWithoutGain };
  }

  restore(state: ScheduleState): void {
    this.scale = state.scale;
    this.best = state.best;
    this.epochsWithoutGain = state.epochsWithoutGain;
  }
}
