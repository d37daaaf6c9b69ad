/** Dynamic loss scaling (Micikevicius et al. 2018, section 3.2), by the numbers of PyTorch's `GradScaler`. */
const START = 2 ** 16;
const GROWTH_STEPS = 2000;
/** Where not even gradients as small as this are finite, no scale helps. */
const SMALLEST = 2 ** -10;

export interface LossScaleState {
  readonly scale: number;
  /** Steps since the scale changed. */
  readonly steps: number;
}

/**
 * What the loss is multiplied by, that small gradients do not vanish in float16: it doubles after many steps that went well, and
 * halves after each whose gradients were not finite.
 */
export class LossScale {
  state: LossScaleState = { scale: START, steps: 0 };

  get scale(): number {
    return this.state.scale;
  }

  /** Throws when gradients are not finite however small the scale is. */
  stepped(finite: boolean): void {
    const { scale, steps } = this.state;
    if (!finite) this.state = { scale: scale / 2, steps: 0 };
    else if (steps + 1 === GROWTH_STEPS) this.state = { scale: scale * 2, steps: 0 };
    else this.state = { scale, steps: steps + 1 };
    if (this.scale < SMALLEST)
      throw new Error(
        "Training in mixed precision came to values that float16 does not hold, whatever the loss is multiplied by. " +
          "Train with --precision single, or with a smaller TRAIN.LR or TRAIN.GRADIENT_CLIP_NORM.",
      );
  }
}
