/**
 * Fills `values` with uniform random numbers in [0, 1) (Steele & Vigna's SplitMix, 32 bits).
 *
 * @param draw index of the array among those filled with the same seed, which get different numbers
 */
export function fillUniform(values: Float32Array, seed: number, draw: number): void {
  let state = (seed + 0x1000193 * draw) | 0;
  for (let index = 0; index < values.length; index++) {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    values[index] = ((mixed ^ (mixed >>> 15)) >>> 8) / 2 ** 24;
  }
}
