/** Splittable seeded random numbers: the same keys always give the same numbers, independent of earlier draws. */
import { GOLDEN_STEP, mixedBits } from "../facts/mixed-bits.ts";

/** SplitMix with 32 bits of output. */
export class Random {
  private readonly key: number;
  private counter = 0;

  constructor(seed: number) {
    this.key = mixedBits((seed | 0) + GOLDEN_STEP);
  }

  /** Returns an independent generator for these keys: an epoch, a step, a sample. Does not advance this one. */
  fork(...keys: readonly number[]): Random {
    return new Random(keys.reduce((key, each) => mixedBits(key + Math.imul(each + 1, 0x85ebca6b)), this.key));
  }

  private bits(): number {
    this.counter++;
    return mixedBits(mixedBits(this.key + Math.imul(this.counter, GOLDEN_STEP)) ^ this.key);
  }

  /** Draws a number from [0, 1). */
  uniform(): number {
    return this.bits() / 2 ** 32;
  }

  /** Draws one of 0, 1, …, `below` - 1. */
  integer(below: number): number {
    return Math.floor(this.uniform() * below);
  }

  /** Draws a normal number with mean 0 and standard deviation 1 (Box & Muller 1958). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  /** Returns the numbers 0 to `count` - 1 in random order (Fisher & Yates). */
  permutation(count: number): Int32Array {
    const order = Int32Array.from({ length: count }, (_, index) => index);
    for (let last = count - 1; last > 0; last--) {
      const other = this.integer(last + 1);
      const swapped = order[last] ?? 0;
      order[last] = order[other] ?? 0;
      order[other] = swapped;
    }
    return order;
  }
}
