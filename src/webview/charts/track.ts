/** Points of a curve, by ascending x. A y of NaN is a point that is not there. */
export interface Track {
  readonly x: Float64Array;
  readonly y: Float64Array;
}

/** A track as it is drawn. */
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
 * The points needed to draw a track: its least and largest of each bucket of the span, and its neighbors beyond the span's
 * ends. The drawn line is the same as with all points, where buckets are as narrow as pixels.
 */
export function decimate({ x, y }: Track, { from, to }: Span, buckets: number): { x: number[]; y: number[] } {
  const first = Math.max(0, firstAtLeast(x, from) - 1);
  const end = Math.min(x.length, firstAtLeast(x, to) + 2);
  const kept: { x: number[]; y: number[] } = { x: [], y: [] };
  const keep = (at: number) => {
    if (at < 0) return;
    kept.x.push(x[at]);
    kept.y.push(y[at]);
  };
  if (end - first <= 2 * buckets) {
    for (let at = first; at < end; at++) if (!Number.isNaN(y[at])) keep(at);
    return kept;
  }
  const scale = buckets / (to - from);
  let bucket = Number.NEGATIVE_INFINITY;
  let [least, most] = [-1, -1];
  for (let at = first; at < end; at++) {
    const value = y[at];
    if (Number.isNaN(value)) continue;
    const into = Math.floor((x[at] - from) * scale);
    if (into !== bucket) {
      keep(Math.min(least, most));
      if (least !== most) keep(Math.max(least, most));
      bucket = into;
      [least, most] = [at, at];
    } else if (value < y[least]) least = at;
    else if (value > y[most]) most = at;
  }
  keep(Math.min(least, most));
  if (least !== most) keep(Math.max(least, most));
  return kept;
}

/** The first index whose value is at least `wanted`. */
export function firstAtLeast(ascending: Float64Array, wanted: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The exponential moving average, corrected for its start as Adam's moments are. `weight` from 0 (as it is) to below 1 is
 * the share of what was.
 */
export function smooth({ x, y }: Track, weight: number): Track {
  if (weight === 0) return { x, y };
  const smoothed = new Float64Array(y.length);
  let mean = 0;
  let remaining = 1;
  for (let at = 0; at < y.length; at++) {
    if (Number.isNaN(y[at])) {
      smoothed[at] = Number.NaN;
      continue;
    }
    mean = weight * mean + (1 - weight) * y[at];
    remaining *= weight;
    smoothed[at] = mean / (1 - remaining);
  }
  return { x, y: smoothed };
}
