import type { PlaneImage, Range } from "./plane-image.ts";

/**
 * How values map to brightness. `auto` clips percentiles; `whole` maps all values (0 to 255 for 8 bits). Both use one range for all
 * slices, so that slices can be compared, and widen it for slices that exceed it, so that none is clipped. `each` is `auto` for each
 * slice separately. `manual` is the user's choice.
 */
export type ContrastMode = "auto" | "each" | "whole" | "manual";

export const CONTRAST_MODES: readonly { readonly value: ContrastMode; readonly label: string }[] = [
  { value: "auto", label: "Auto" },
  { value: "each", label: "Auto, each slice" },
  { value: "whole", label: "Whole range" },
  { value: "manual", label: "Manual" },
];

/** The settings of the contrast. */
export interface Contrast {
  readonly mode: ContrastMode;
  /** Percent of values cut off at either end by `auto` and `each`. */
  readonly percent: number;
  /** Whether all images of a row use the range of the first. */
  readonly shared: boolean;
}

/** The contrast of images that are shown for the first time. */
export const USUAL_CONTRAST: Contrast = { mode: "auto", percent: 0.35, shared: true };

/** The ranges in use, by image and channel, of the slices that were shown. */
export class ContrastRanges {
  private readonly ranges = new Map<string, Range>();

  /** Clears the ranges. The planes shown next determine new ones. */
  reset(): void {
    this.ranges.clear();
  }

  /** Chooses a range by hand. */
  set(owner: string, channel: number, range: Range): void {
    this.ranges.set(`${owner} ${channel}`, range);
  }

  /** The range for a plane. @param owner the image, or one key for all if they share their ranges */
  rangeFor({ mode, percent }: Contrast, owner: string, channel: number, plane: PlaneImage): Range {
    const key = `${owner} ${channel}`;
    const known = this.ranges.get(key);
    if (known !== undefined && mode === "manual") return known;
    const own = mode === "whole" ? wholeRange(plane) : plane.percentiles(percent);
    const range = known === undefined || mode === "each" ? own : rangeOver(known, own);
    this.ranges.set(key, range);
    return range;
  }
}

const rangeOver = (one: Range, other: Range): Range => ({
  low: Math.min(one.low, other.low),
  high: Math.max(one.high, other.high),
});

const wholeRange = (plane: PlaneImage): Range =>
  plane.sampleType === "uint8" ? { low: 0, high: 255 } : plane.range;
