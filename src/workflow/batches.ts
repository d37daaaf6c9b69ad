import type { PatchSet } from "../data/patches.ts";
import { Random } from "../data/random.ts";
import type { Batch, BatchSource } from "../training/trainer.ts";
import type { Task } from "./tasks/task.ts";

/**
 * Returns the smallest batch size that takes as few batches as `most` does: 9 patches are two batches of 5 rather than 8, because a
 * batch that is not full takes the time of a full one.
 */
export const evenBatch = (patches: number, most: number): number =>
  Math.ceil(patches / Math.ceil(patches / most));

/** Batches of patches: shuffled, augmented and topped up from the start in training, in order in validation. */
export class PatchBatches implements BatchSource {
  constructor(
    private readonly patches: PatchSet,
    private readonly task: Task,
    private readonly seed: number,
    private readonly training: boolean,
  ) {}

  get stepsPerEpoch(): number {
    return Math.ceil(this.patches.count / this.task.batchSize);
  }

  async *batches(epoch: number, firstStep: number): AsyncGenerator<Batch> {
    const steps = this.stepsPerEpoch;
    if (firstStep >= steps) return;
    const order = this.patches.order(epoch, this.training);
    let next = this.read(order, epoch, firstStep);
    try {
      for (let step = firstStep; step < steps; step++) {
        const batch = await next;
        // The following batch is read while this one trains. Should that fail meanwhile, the error is thrown when it is awaited.
        if (step + 1 < steps) next = this.read(order, epoch, step + 1);
        next.catch(() => {});
        yield batch;
      }
    } finally {
      // A caller that stops here may close the images next.
      await next.catch(() => {});
    }
  }

  private async read(order: Int32Array, epoch: number, step: number): Promise<Batch> {
    const size = this.task.batchSize;
    const places = Array.from({ length: size }, (_, sample) => step * size + sample);
    const real = this.training
      ? places.map((place) => place % order.length)
      : places.filter((place) => place < order.length);
    const samples = await Promise.all(
      real.map((place) =>
        this.training
          ? this.patches.readAugmented(order[place] ?? 0, epoch)
          : this.patches.read(order[place] ?? 0, epoch),
      ),
    );
    const random = new Random(this.seed).fork(this.training ? 1 : 2, epoch);
    // The hidden pixels of a validation patch do not depend on the batch size.
    const drawn = this.training ? random.fork(step) : random.fork(0);
    const first = this.training ? 0 : step * size;
    return this.task.training.batch(samples, (sample) => drawn.fork(first + sample));
  }
}
