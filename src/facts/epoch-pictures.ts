import type { ImageFiles } from "./run-events.ts";

/** The small pictures of one epoch, by image, for a replay of the training. */
export interface EpochPictures {
  readonly epoch: number;
  readonly images: Readonly<Record<string, ImageFiles>>;
}

/** Roles whose files change from epoch to epoch. */
export const CHANGING_ROLES = ["reconstruction", "reconstructionAndVisible", "prediction"] as const;
