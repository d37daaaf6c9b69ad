/** Points of a curve, by ascending x. A y of NaN marks a missing point. */
export interface Track {
  readonly x: Float64Array;
  readonly y: Float64Array;
}

/** A track with its label and style. */
export interface Curve {
  readonly label: string;
  readonly track: Track;
  /** Index into the theme's colors. */
  readonly color: number;
  readonly style: "line" | "points" | "dashed" | "faint";
}

/** The visible part of the x axis. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/**
 * Returns the points needed to draw a track: the smallest and largest y of each bucket of the span, and the neighbors beyond the
 * span's ends. With a bucket per pixel the line looks the same as with all points.
 */
export function decimate({ x, y }: Track, { from, to }: Span, buckets: number): { x: number[]; y: number[] } {
  const first = Math.max(0, firstAtLeast(x, from) - 1);
  const end = Math.min(x.length, firstAtLeast(x, to) + 2);
  const kept: { x: number[]; y: number[] } = { x: [], y: [] };
  const keep = (at: number) => {
    kept.x.push(x[at] ?? Number.NaN);
    kept.y.push(y[at] ?? Number.NaN);
  };
  if (end - first <= 2 * buckets) {
    for (let at = first; at < end; at++) if (!Number.isNaN(y[at])) keep(at);
    return kept;
  }
  const width = (to - from) / buckets;
  // The places of the smallest and largest y in the bucket at hand, and where the bucket ends.
  let [least, most, ends] = [-1, -1, Number.NEGATIVE_INFINITY];
  let [smallest, largest] = [Number.NaN, Number.NaN];
  const keepExtremes = () => {
    if (least < 0) return;
    keep(Math.min(least, most));
    if (least !== most) keep(Math.max(least, most));
  };
  for (let at = first; at < end; at++) {
    const value = y[at] ?? Number.NaN;
    if (Number.isNaN(value)) continue;
    const place = x[at] ?? Number.NaN;
    if (place >= ends) {
      keepExtremes();
      ends = from + (Math.floor((place - from) / width) + 1) * width;
      least = most = at;
      smallest = largest = value;
    } else if (value < smallest) {
      least = at;
      smallest = value;
    } else if (value > largest) {
      most = at;
      largest = value;
    }
  }
  keepExtremes();
  return kept;
}

/** Returns the first index whose value is at least `wanted`, or the length. */
export function firstAtLeast(ascending: Float64Array, wanted: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] ?? wanted) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Returns the exponential moving average, bias-corrected as Adam's moments are.
 *
 * @param weight share of the previous mean: from 0 (no smoothing) to below 1
 */
export function smooth({ x, y }: Track, weight: number): Track {
  if (weight === 0) return { x, y };
  const smoothed = new Float64Array(y.length);
  let mean = 0;
  let remaining = 1;
  // A plain loop: the iterator of a typed array takes ten times as long.
  for (let at = 0; at < y.length; at++) {
    const value = y[at] ?? Number.NaN;
    if (Number.isNaN(value)) {
      smoothed[at] = Number.NaN;
      continue;
    }
    mean = weight * mean + (1 - weight) * value;
    // Below double precision it no longer counts, and denormal numbers are slow.
    remaining = remaining < 1e-17 ? 0 : remaining * weight;
    smoothed[at] = mean / (1 - remaining);
  }
  return { x, y: smoothed };
}
