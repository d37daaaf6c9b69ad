/** Quarter turns in the plane and flips, for test-time augmentation. */
import type { Box } from "./tiling.ts";

/** A permutation of pixels: y and x are swapped if `swapped`, then each axis in `flipped` is reversed. */
export interface Orientation {
  readonly swapped: boolean;
  readonly flipped: readonly [z: boolean, y: boolean, x: boolean];
}

/** The identity. */
export const AS_IT_IS: Orientation = { swapped: false, flipped: [false, false, false] };

/**
 * Returns the orientations that keep z in place: 8 of a plane and 16 of a stack, or half of them without turns. The first one
 * is the identity.
 */
export function orientations(ndim: 2 | 3, turns: boolean): Orientation[] {
  const both = [false, true];
  return (turns ? both : [false]).flatMap((swapped) =>
    (ndim === 3 ? both : [false]).flatMap((z) =>
      both.flatMap((y) => both.map((x): Orientation => ({ swapped, flipped: [z, y, x] }))),
    ),
  );
}

/**
 * Permutes the pixels of a patch.
 *
 * @param values `[z, y, x, channel]`
 * @returns the permuted values; y and x are exchanged if the orientation swaps them
 */
export function oriented(
  values: Float32Array,
  [depth, height, width]: Box,
  { swapped, flipped }: Orientation,
): Float32Array {
  const channels = values.length / (depth * height * width);
  const [rows, columns] = swapped ? [width, height] : [height, width];
  const result = new Float32Array(values.length);
  let to = 0;
  for (let z = 0; z < depth; z++)
    for (let y = 0; y < rows; y++)
      for (let x = 0; x < columns; x++) {
        const atZ = flipped[0] ? depth - 1 - z : z;
        const atY = flipped[1] ? rows - 1 - y : y;
        const atX = flipped[2] ? columns - 1 - x : x;
        const [fromY, fromX] = swapped ? [atX, atY] : [atY, atX];
        const from = ((atZ * height + fromY) * width + fromX) * channels;
        for (let channel = 0; channel < channels; channel++) result[to++] = values[from + channel] ?? 0;
      }
  return result;
}

/** Returns the inverse orientation. */
export function opposite({ swapped, flipped: [z, y, x] }: Orientation): Orientation {
  return { swapped, flipped: swapped ? [z, x, y] : [z, y, x] };
}
