import type { ImageFiles } from "./run-events.ts";

/**
 * Titles of a run's images by what they show. A row of images knows them by these, such as to compare a prediction with its ground
 * truth. A degraded copy has the role `masked`.
 */
export const IMAGE_TITLES = {
  original: "Original",
  masked: "Masked",
  reconstruction: "Reconstruction",
  reconstructionAndVisible: "With visible",
  prediction: "Prediction",
  probabilities: "Probabilities",
  features: "Features",
  groundTruth: "Ground truth",
} as const satisfies Readonly<Record<keyof ImageFiles, string>>;
