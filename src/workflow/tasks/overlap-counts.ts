import type { Metrics } from "../../facts/run-events.ts";
import { iouOf } from "../../training/segmentation-losses.ts";

/** Counts the pixels of each class in the intersection and the union of predictions and ground truth. */
export class OverlapCounts {
  private readonly overlaps: Float64Array;
  private readonly unions: Float64Array;

  /** @param classes including the background */
  constructor(private readonly classes: number) {
    this.overlaps = new Float64Array(Math.max(classes, 2));
    this.unions = new Float64Array(Math.max(classes, 2));
  }

  /** Adds pixels. Negative labels are ignored. */
  add(found: ArrayLike<number>, labels: ArrayLike<number>): void {
    for (let pixel = 0; pixel < labels.length; pixel++) {
      const [label, predicted] = [labels[pixel] ?? -1, found[pixel] ?? -1];
      if (label < 0) continue;
      increment(this.unions, label);
      if (predicted === label) increment(this.overlaps, label);
      else increment(this.unions, predicted);
    }
  }

  /** Returns the IoU. With two classes, only the foreground is measured. */
  get iou(): Metrics {
    const classes = [...this.unions.keys()].filter((index) => this.classes > 2 || index === 1);
    const named = classes.flatMap((index) => [
      [`overlap_${index}`, this.overlaps[index] ?? 0] as const,
      [`union_${index}`, this.unions[index] ?? 0] as const,
    ]);
    return iouOf(Object.fromEntries(named));
  }
}

function increment(counts: Float64Array, index: number): void {
  counts[index] = (counts[index] ?? 0) + 1;
}
