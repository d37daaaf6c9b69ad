/** Samples for augmentations, and applying a list of augmentations. */
import type { Random } from "../random.ts";
import type { Box } from "../tiling.ts";

/** A training patch `[z, y, x, channel]`, with its target patch if the workflow has one. */
export interface Sample {
  readonly size: Box;
  readonly channels: number;
  readonly image: Float32Array;
  /** Its channels may differ from the image's. */
  readonly target?: Float32Array;
  /** Whether the target holds class labels, which are not interpolated. */
  readonly labels?: boolean;
}

/** Returns the number of channels of a sample's target; 0 without one. */
export const targetChannels = ({ size, target }: Sample): number =>
  (target?.length ?? 0) / (size[0] * size[1] * size[2]);

/** @param other a second sample, for the transforms that mix two */
export type Transform = (sample: Sample, random: Random, other: Sample) => Sample;

/** A transform with its probability. */
export interface AugmentationStep {
  readonly name: string;
  readonly probability: number;
  /** Whether the transform reads the second sample. */
  readonly mixes: boolean;
  readonly transform: Transform;
}

/**
 * Applies each step with its probability, in order.
 *
 * @param other the second sample, for steps that mix two
 */
export function augment(
  sample: Sample,
  steps: readonly AugmentationStep[],
  random: Random,
  other: Sample,
): Sample {
  return steps.reduce((current, { probability, transform }, index) => {
    const own = random.fork(index);
    return own.uniform() < probability ? transform(current, own, other) : current;
  }, sample);
}

/** The ends of a range. */
export type Range = readonly [low: number, high: number];

/** Draws a number from a range. */
export const between = (random: Random, [low, high]: Range): number => low + (high - low) * random.uniform();

/** Draws a whole number from a range, both ends included. */
export const integerBetween = (random: Random, [low, high]: Range): number =>
  Math.round(low) + random.integer(Math.round(high) - Math.round(low) + 1);

/** Changes the image only, not the target: for changes of intensity. */
export const onImage =
  (change: (sample: Sample, random: Random) => Float32Array): Transform =>
  (sample, random) => ({ ...sample, image: change(sample, random) });
