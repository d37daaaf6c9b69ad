/** Splittable seeded random numbers: the same keys always give the same numbers, independent of earlier draws. */

const GOLDEN = 0x9e3779b9;

function mix(bits: number): number {
  let mixed = Math.imul(bits ^ (bits >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}

/** SplitMix with 32 bits of output (Steele, Lea & Flood 2014; constants by Ettinger's search). */
export class Random {
  private readonly key: number;
  private counter = 0;

  constructor(seed: number) {
    this.key = mix((seed | 0) + GOLDEN);
  }

  /** Returns an independent generator for these keys: an epoch, a step, a sample. Does not advance this one. */
  fork(...keys: readonly number[]): Random {
    return new Random(keys.reduce((key, each) => mix(key + Math.imul(each + 1, 0x85ebca6b)), this.key));
  }

  private bits(): number {
    this.counter++;
    return mix(mix(this.key + Math.imul(this.counter, GOLDEN)) ^ this.key);
  }

  /** In [0, 1). */
  uniform(): number {
    return this.bits() / 2 ** 32;
  }

  /** In 0, 1, …, `below` - 1. */
  integer(below: number): number {
    return Math.floor(this.uniform() * below);
  }

  /** Normal with mean 0 and deviation 1 (Box & Muller 1958). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  /** The numbers 0 to `count` - 1 in random order (Fisher & Yates). */
  permutation(count: number): Int32Array {
    const order = Int32Array.from({ length: count }, (_, index) => index);
    for (let last = count - 1; last > 0; last--) {
      const other = this.integer(last + 1);
      const moved = order[last] ?? 0;
      order[last] = order[other] ?? 0;
      order[other] = moved;
    }
    return order;
  }
}
