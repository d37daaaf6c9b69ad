import { GOLDEN_STEP, mixedBits } from "../facts/mixed-bits.ts";

/**
 * Fills `values` with uniform random numbers in [0, 1): SplitMix with 24 bits, all that a float32 holds.
 *
 * @param draw index of the array among those filled with the same seed, which get different numbers
 */
export function fillUniform(values: Float32Array, seed: number, draw: number): void {
  let state = (seed + 0x1000193 * draw) | 0;
  for (let index = 0; index < values.length; index++) {
    state = (state + GOLDEN_STEP) | 0;
    values[index] = (mixedBits(state) >>> 8) / 2 ** 24;
  }
}
