/** Bicubic resampling with a kernel as wide as the pixels of the smaller image: PyTorch's `interpolate(mode="bicubic", antialias=True)`. */

/** Returns the weight of a pixel at a distance: Keys' kernel (1981) with a = -0.5. */
function cubic(distance: number): number {
  const x = Math.abs(distance);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

/** The kernel is zero beyond this distance. */
const REACH = 2;

/** Consecutive source pixels and their weights. */
interface Taps {
  /** The first source pixel. */
  readonly from: number;
  readonly weights: readonly number[];
}

/** Returns the source pixels of each of `to` pixels, out of `from`, with their weights. */
function taps(from: number, to: number): Taps[] {
  const scale = from / to;
  const width = Math.max(scale, 1);
  return Array.from({ length: to }, (_, place) => {
    const center = scale * (place + 0.5);
    const first = Math.max(Math.trunc(center - REACH * width + 0.5), 0);
    const end = Math.min(Math.trunc(center + REACH * width + 0.5), from);
    const raw = Array.from({ length: end - first }, (_, at) => cubic((first + at - center + 0.5) / width));
    const total = raw.reduce((sum, each) => sum + each, 0);
    return { from: first, weights: raw.map((each) => each / total) };
  });
}

/**
 * Resizes an image.
 *
 * @param values `[y, x, channel]` of the given shape
 * @param size `[y, x]` of the result
 */
export function bicubic(
  values: Float32Array,
  [height, width, channels]: readonly [number, number, number],
  [rows, columns]: readonly [number, number],
): Float32Array {
  const wide = new Float64Array(height * columns * channels);
  for (const [x, { from, weights }] of taps(width, columns).entries())
    for (let y = 0; y < height; y++)
      for (let channel = 0; channel < channels; channel++)
        wide[(y * columns + x) * channels + channel] = weights.reduce(
          (sum, weight, at) => sum + weight * (values[(y * width + from + at) * channels + channel] ?? 0),
          0,
        );
  const line = columns * channels;
  const result = new Float32Array(rows * line);
  for (const [y, { from, weights }] of taps(height, rows).entries())
    for (let at = 0; at < line; at++)
      result[y * line + at] = weights.reduce(
        (sum, weight, row) => sum + weight * (wide[(from + row) * line + at] ?? 0),
        0,
      );
  return result;
}
