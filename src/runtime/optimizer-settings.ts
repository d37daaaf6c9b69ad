import type { Precision } from "./precision.ts";

export type OptimizerSettings =
  | {
      /** `adam` adds the decay to the gradient (Kingma & Ba 2015), `adamw` to the weight (Loshchilov & Hutter 2019). */
      readonly kind: "adam" | "adamw";
      readonly betas: readonly [number, number];
      readonly epsilon: number;
      readonly weightDecay: number;
    }
  /** With Nesterov's momentum (Sutskever et al. 2013). */
  | { readonly kind: "sgd"; readonly momentum: number; readonly weightDecay: number };

export interface TrainingSettings {
  readonly optimizer: OptimizerSettings;
  /** Largest allowed norm of all gradients together; 0 leaves them as they are. */
  readonly clipNorm: number;
  /** Of the forward pass and the gradients; weights and the optimizer are in single precision. */
  readonly precision?: Precision;
  /** Samples that are computed at a time, where a batch is computed in parts. It divides the batch. */
  readonly partSize?: number;
}

/** What the norm is raised by before gradients are divided by it. */
const CLIP_EPSILON = 1e-6;

/** What gradients are multiplied by so that their norm, whose square is given, is at most `clipNorm`. */
export function clipScale(squares: number, clipNorm: number): number {
  return Math.min(1, clipNorm / (Math.sqrt(squares) + CLIP_EPSILON));
}

/** What of a step of Adam depends on its number and the learning rate alone. */
export interface AdamRates {
  /** The learning rate over the first moment's bias correction. */
  readonly rate: number;
  /** 1/√(the second moment's bias correction). */
  readonly correction: number;
  /** How much of a weight decoupled decay leaves. */
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
