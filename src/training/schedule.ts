/** How the learning rate moves over a training: TRAIN.LR_SCHEDULER.* */

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
   * Rises linearly for `warmupEpochs`, stays until the epoch `decayStart`, then falls along half a cosine to `minimum`
   * (Loshchilov & Hutter 2017).
   */
  | {
      readonly kind: "warmupcosine";
      readonly warmupEpochs: number;
      readonly decayStart: number;
      readonly minimum: number;
    }
  /** Rises linearly for 10 epochs, stays, and halves ten times at the end of a training of more than 100 epochs. */
  | { readonly kind: "warmupreduceonplateau" }
  /** Up to the rate over the first 30 % of steps and down to nearly nothing, along cosines (Smith & Topin 2018). */
  | { readonly kind: "onecycle" };

/** What a stopped run needs to go on with the same rates. */
export interface ScheduleState {
  readonly scale: number;
  readonly best: number | null;
  readonly epochsWithoutGain: number;
}

const PLATEAU_THRESHOLD = 1e-4;
const ONE_CYCLE = { rising: 0.3, startDivisor: 25, endDivisor: 1e4 };

/**
 * BiaPy's warmupreduceonplateau, which looks at no loss in spite of its name: epochs it rises for, and the lengths of its halvings, by
 * the number of epochs that a training has more than.
 */
const RISING_EPOCHS = 10;
const HALVINGS = 10;
const HALVING_EPOCHS = [
  { above: 300, each: 10 },
  { above: 100, each: 5 },
];

/** What the schedule warmupreduceonplateau multiplies the rate by in an epoch. */
function steppedScale(epoch: number, epochs: number): number {
  const { each } = HALVING_EPOCHS.find(({ above }) => epochs > above) ?? { each: 0 };
  const falling = epoch - (epochs - HALVINGS * each);
  if (each > 0 && falling >= 0) return 0.5 ** Math.min(Math.floor(falling / each) + 1, HALVINGS);
  return Math.min(epoch / (RISING_EPOCHS - 1), 1);
}

const cosine = (from: number, to: number, fraction: number) =>
  to + ((from - to) * (1 + Math.cos(Math.PI * fraction))) / 2;

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

  /** The learning rate of a step; `epoch` and `step` count from 0. */
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
      const at = epoch * this.stepsPerEpoch + step;
      const start = rate / ONE_CYCLE.startDivisor;
      if (at <= peak) return cosine(start, rate, at / peak);
      return cosine(rate, start / ONE_CYCLE.endDivisor, Math.min((at - peak) / (last - peak), 1));
    }
    return rate * this.scale;
  }

  /** To be told the validation loss (the training loss where there is none) after every epoch. */
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
