/**
 * A label study: how good a segmentation becomes with 1, 2, 4, … labeled images, started from a pretrained checkpoint and from
 * scratch. Everything else is the same in both.
 */

import { Random } from "../../data/random.ts";
import { at } from "../../facts/checked-lists.ts";

/** The start of a training. */
export type Start = "pretrained" | "scratch";

/** A training of a study. */
export interface StudyRun {
  readonly start: Start;
  /** Names of the labeled images that it learns from. */
  readonly images: readonly string[];
  readonly seed: number;
  /** Keys that differ from the study's configuration, as written in a file. */
  readonly settings: Readonly<Record<string, string>>;
}

/** What a study compares. */
export interface StudyWishes {
  /** File names of the images that have masks. */
  readonly images: readonly string[];
  /** Numbers of labeled images to try; those larger than the number of images are skipped. */
  readonly counts: readonly number[];
  /** Number of trainings of each kind, with different images and random numbers. */
  readonly seeds: number;
  /** The pretrained checkpoint. */
  readonly checkpoint: string;
  /** TRAIN.EPOCHS and TRAIN.PATIENCE of the configuration, meant for all images. */
  readonly epochs: number;
  readonly patience: number;
}

/** Returns the default numbers of labeled images: 1, 2, 4, … and all. */
export function defaultCounts(images: number): number[] {
  const counts: number[] = [];
  for (let count = 1; count < images; count *= 2) counts.push(count);
  return [...counts, images];
}

/**
 * Returns the trainings of a study. With fewer images there are more epochs, so that each training takes about the same number of steps. A
 * seed's image sets are nested: the set of two contains the set of one. Both starts have the same images and random numbers.
 */
export function studyRuns(wishes: StudyWishes): StudyRun[] {
  const { images, counts, seeds, checkpoint, epochs, patience } = wishes;
  const runs: StudyRun[] = [];
  for (const count of counts.filter((each) => each <= images.length))
    for (let seed = 1; seed <= seeds; seed++)
      for (const start of ["pretrained", "scratch"] as const) {
        const order = new Random(seed).permutation(images.length);
        const longer = (given: number) => String(Math.ceil((given * images.length) / count));
        const settings = {
          "SYSTEM.SEED": String(seed),
          "TRAIN.EPOCHS": longer(epochs),
          // A negative patience means none.
          ...(patience > 0 ? { "TRAIN.PATIENCE": longer(patience) } : {}),
          ...(start === "pretrained"
            ? {
                "MODEL.LOAD_CHECKPOINT": "True",
                // Both starts normalize images alike.
                "MODEL.ITEMS_TO_LOAD_FROM_CHECKPOINT": "['weights']",
                "PATHS.CHECKPOINT_FILE": checkpoint,
              }
            : { "MODEL.LOAD_CHECKPOINT": "False" }),
        };
        const chosen = Array.from(order.subarray(0, count), (index) => at(images, index));
        runs.push({ start, images: chosen, seed, settings });
      }
  return runs;
}
