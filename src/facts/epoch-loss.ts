import type { EpochEvent } from "./run-events.ts";

/** Returns the loss by which epochs are compared: of validation, or of training in a run without it; undefined if it is not finite. */
export function epochLoss({
  train,
  validation,
}: Pick<EpochEvent, "train" | "validation">): number | undefined {
  return (validation ?? train).loss;
}
