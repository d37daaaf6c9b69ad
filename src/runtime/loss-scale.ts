/** Dynamic loss scaling (Micikevicius et al. 2018, section 3.2), with the constants of PyTorch's `GradScaler`. */
const START = 2 ** 16;
const GROWTH_STEPS = 2000;
/** If gradients are not finite even at this scale, no scale helps. */
const SMALLEST = 2 ** -10;

/** What a resumed run needs to continue with the same scale. */
export interface LossScaleState {
  readonly scale: number;
  /** Steps since the scale changed. */
  readonly steps: number;
}

/**
 * The factor of the loss that keeps small gradients from vanishing in float16. It doubles after {@link GROWTH_STEPS} steps with finite
 * gradients, and halves after each step without.
 */
export class LossScale {
  state: LossScaleState = { scale: START, steps: 0 };

  get scale(): number {
    return this.state.scale;
  }

  /** Updates the scale after a step. Throws when gradients are not finite at the smallest scale. */
  stepped(finite: boolean): void {
    const { scale, steps } = this.state;
    if (!finite) this.state = { scale: scale / 2, steps: 0 };
    else if (steps + 1 === GROWTH_STEPS) this.state = { scale: scale * 2, steps: 0 };
    else this.state = { scale, steps: steps + 1 };
    if (this.scale < SMALLEST)
      throw new Error(
        "Training in mixed precision produced values outside the range of float16 at every loss scale. " +
          "Train with --precision single, or with a smaller TRAIN.LR or TRAIN.GRADIENT_CLIP_NORM.",
      );
  }
}
