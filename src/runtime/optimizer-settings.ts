/** Settings of optimizers, and the numbers of a step that follow from them. */
import type { Precision } from "./precision.ts";

/** An optimizer and its settings. */
export type OptimizerSettings =
  | {
      /** `adam` adds weight decay to the gradient (Kingma & Ba 2015), `adamw` to the weight (Loshchilov & Hutter 2019). */
      readonly kind: "adam" | "adamw";
      readonly betas: readonly [number, number];
      readonly epsilon: number;
      readonly weightDecay: number;
    }
  /** SGD with Nesterov momentum (Sutskever et al. 2013). */
  | { readonly kind: "sgd"; readonly momentum: number; readonly weightDecay: number };

/** Settings of a training step. */
export interface TrainingSettings {
  readonly optimizer: OptimizerSettings;
  /** Maximum norm of all gradients together; 0 disables clipping. */
  readonly clipNorm: number;
  /** Precision of the forward pass and the gradients. Weights and the optimizer are always in single precision. Default: single. */
  readonly precision?: Precision;
  /** Samples that are computed at a time, where a batch is computed in parts. It divides the batch. */
  readonly partSize?: number;
}

/** Added to the norm before gradients are divided by it. */
export const CLIP_EPSILON = 1e-6;

/**
 * Returns the factor that clips gradients to a norm of at most `clipNorm`.
 *
 * @param squares the sum of the squares of all gradients
 */
export function clipScale(squares: number, clipNorm: number): number {
  return Math.min(1, clipNorm / (Math.sqrt(squares) + CLIP_EPSILON));
}

/** Adam's step size and bias corrections: they depend only on the step number and the learning rate. */
export interface AdamRates {
  /** The learning rate divided by the first moment's bias correction. */
  readonly rate: number;
  /** 1 / √(the second moment's bias correction). */
  readonly correction: number;
  /** The factor of a weight that applies decoupled weight decay. */
  readonly shrink: number;
}

/** @param step counts from 1 */
export function adamRates(
  { kind, betas, weightDecay }: Extract<OptimizerSettings, { kind: "adam" | "adamw" }>,
  step: number,
  learningRate: number,
): AdamRates {
  return {
    rate: learningRate / (1 - betas[0] ** step),
    correction: 1 / Math.sqrt(1 - betas[1] ** step),
    shrink: kind === "adamw" ? 1 - learningRate * weightDecay : 1,
  };
}
