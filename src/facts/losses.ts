/** The losses of `LOSS.TYPE` in BiaPy 3.7.1, and the metrics of `TRAIN.METRICS` and `TEST.METRICS`. */
import type { WorkflowName } from "./workflows.ts";

/** What all parts of the program know about a loss. */
export interface Loss {
  readonly workflows: readonly WorkflowName[];
  /** Why the embedded engine does not compute it; absent if it does. */
  readonly refused?: string;
  /**
   * Whether it compares spectra: BiaPy clips its gradient to a fixed norm and compares the first channel only. Trains in single precision
   * only.
   */
  readonly spectral?: boolean;
}

/** Why losses and metrics that use a trained network are refused. */
const PRETRAINED = "uses a network whose trained weights BiaPy downloads from the internet";

/**
 * Losses of the embedded engine by name. `LOSS.TYPE` may list several, which are summed with `LOSS.WEIGHTS`. The masking task ignores
 * `LOSS.TYPE`: its loss is the mean squared error over hidden tokens.
 */
const EMBEDDED_LOSSES = {
  MAE: { workflows: ["crappify"] },
  MSE: { workflows: ["crappify", "denoising"] },
  SSIM: { workflows: ["crappify"] },
  CHARBONNIER: { workflows: ["crappify"] },
  PCC: { workflows: ["crappify"] },
  LAPLACIAN: { workflows: ["crappify"] },
  FFT: { workflows: ["crappify"], spectral: true },
  RFFT: { workflows: ["crappify"], spectral: true },
  CE: { workflows: ["segmentation"] },
  DICE: { workflows: ["segmentation"] },
} as const satisfies Readonly<Record<string, Loss>>;

/** All losses by name. */
export const LOSSES: Readonly<Record<string, Loss>> = {
  ...EMBEDDED_LOSSES,
  VGG: { workflows: ["crappify"], refused: PRETRAINED },
  LPIPS: { workflows: ["crappify"], refused: PRETRAINED },
};

/** Whether the loss of this name compares spectra. */
export const isSpectral = (name: string): boolean => LOSSES[name]?.spectral ?? false;

/** Returns the names of the losses of a workflow that the embedded engine computes. */
export const embeddedLosses = (workflow: WorkflowName): string[] =>
  Object.entries(LOSSES)
    .filter(([, { refused, workflows }]) => refused === undefined && workflows.includes(workflow))
    .map(([name]) => name);

/** A loss that compares a restored image with the original. */
export type ImageLoss = {
  [Name in keyof typeof EMBEDDED_LOSSES]: "crappify" extends (typeof EMBEDDED_LOSSES)[Name]["workflows"][number]
    ? Name
    : never;
}[keyof typeof EMBEDDED_LOSSES];

/** Metrics of restored images that the embedded engine computes. */
export const IMAGE_METRICS = ["mae", "mse", "psnr", "ssim"] as const;

export type ImageMetric = (typeof IMAGE_METRICS)[number];

/** Metrics of BiaPy that the embedded engine does not compute, with the reason. */
export const REFUSED_METRICS: Readonly<Record<string, string>> = {
  lpips: PRETRAINED,
  fid: PRETRAINED,
  is: PRETRAINED,
};
