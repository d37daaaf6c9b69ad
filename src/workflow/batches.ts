import { MOST_OPEN } from "../data/open-files.ts";
import type { ImagePairs, PatchSet } from "../data/patches.ts";
import { Random } from "../data/random.ts";
import type { Batch, BatchSource } from "../training/trainer.ts";
import { readAhead } from "./read-ahead.ts";
import type { Task } from "./tasks/task.ts";

/**
 * Returns the smallest batch size that takes as few batches as `most` does: 9 patches are two batches of 5 rather than 8, because a
 * batch that is not full takes the time of a full one.
 */
export const evenBatch = (patches: number, most: number): number =>
  Math.ceil(patches / Math.ceil(patches / most));

/** Bytes of batches that may be read ahead. */
const AHEAD_BYTES = 2 ** 26;

/**
 * Returns how many batches may be read at once. If they needed more images than may be open, each image would be opened again for its next read.
 * Whole images take much memory.
 */
function fittingBatches({ images, targets }: ImagePairs, { inputs, count }: Batch): number {
  if (images.readsWhole || targets?.readsWhole) return 1;
  const bytes = Object.values(inputs).reduce((sum, { byteLength }) => sum + byteLength, 0);
  return Math.min(Math.floor(AHEAD_BYTES / Math.max(bytes, 1)), Math.floor(MOST_OPEN / count));
}

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
    const left = Array.from({ length: steps - firstStep }, (_, index) => firstStep + index);
    const fitting = (batch: Batch) => fittingBatches(this.patches.pairs, batch);
    yield* readAhead(left, (step) => this.read(order, epoch, step), fitting);
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
