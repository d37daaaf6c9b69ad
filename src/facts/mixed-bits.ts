/** Returns a well-mixed unsigned 32-bit number for another: SplitMix's finalizer (Steele, Lea & Flood 2014; constants by Ettinger's search). */
export function mixedBits(bits: number): number {
  let mixed = Math.imul(bits ^ (bits >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}

/** The increment of SplitMix's counter: 2³² divided by the golden ratio. */
export const GOLDEN_STEP = 0x9e3779b9;
