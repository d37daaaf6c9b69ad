/** AUGMENTOR: transforms that make further training patches of each, drawn anew every epoch. */
import type { Random } from "./random.ts";
import type { Box } from "./tiling.ts";

/** A transform, and how likely a patch meets it. */
export interface AugmentationStep {
  readonly kind: keyof typeof TRANSFORMS;
  readonly probability: number;
}

/** A patch `[z, y, x, channel]`. */
interface Patch {
  readonly size: Box;
  readonly channels: number;
  readonly values: Float32Array;
}

/** The patch whose pixel at a place is the source's pixel at `from(place)`. */
function rearranged(
  { size, channels, values }: Patch,
  from: (z: number, y: number, x: number) => Box,
): Float32Array {
  const [depth, height, width] = size;
  const result = new Float32Array(values.length);
  let at = 0;
  for (let z = 0; z < depth; z++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const [fromZ, fromY, fromX] = from(z, y, x);
        const source = ((fromZ * height + fromY) * width + fromX) * channels;
        for (let channel = 0; channel < channels; channel++) result[at++] = values[source + channel];
      }
  return result;
}

const TRANSFORMS = {
  hflip: (patch: Patch) => rearranged(patch, (z, y, x) => [z, y, patch.size[2] - 1 - x]),
  vflip: (patch: Patch) => rearranged(patch, (z, y, x) => [z, patch.size[1] - 1 - y, x]),
  zflip: (patch: Patch) => rearranged(patch, (z, y, x) => [patch.size[0] - 1 - z, y, x]),
  /** One to three quarter turns in the yx plane; half a turn where a patch is not square. */
  rot90: (patch: Patch, random: Random) => {
    const last = patch.size[1] - 1;
    if (patch.size[1] !== patch.size[2]) {
      return rearranged(patch, (z, y, x) => [z, last - y, patch.size[2] - 1 - x]);
    }
    const turns = 1 + random.integer(3);
    if (turns === 1) return rearranged(patch, (z, y, x) => [z, x, last - y]);
    if (turns === 2) return rearranged(patch, (z, y, x) => [z, last - y, last - x]);
    return rearranged(patch, (z, y, x) => [z, last - x, y]);
  },
} as const;

/** Applies each step with its probability, in order. */
export function augment(
  values: Float32Array,
  size: Box,
  channels: number,
  steps: readonly AugmentationStep[],
  random: Random,
): Float32Array {
  return steps.reduce((current, { kind, probability }, index) => {
    const own = random.fork(index);
    if (own.uniform() >= probability) return current;
    return TRANSFORMS[kind]({ size, channels, values: current }, own);
  }, values);
}
