/** Values on a grid `[z, y, x, channel]` that filters work on in double precision. */
import { at as itemAt, product } from "../../facts/checked-lists.ts";
import { type Image, type ImageShape, type SampleType, sampleArray } from "../../images/image.ts";
import { gaussian } from "../gaussian.ts";
import { reflected, reflectedWithBorder } from "../tiling.ts";

/** The values of an image or of a step of a filter. */
export interface Grid {
  readonly shape: ImageShape;
  readonly values: Float64Array;
}

/** Border modes, by SciPy's names: `d c b a | a b c d` is reflect, `d c b | a b c d` mirror. */
export const GRID_BORDERS = ["reflect", "mirror", "nearest", "wrap", "constant"] as const;
export type GridBorder = (typeof GRID_BORDERS)[number];

/** Maps a position into `[0, size)`; undefined beyond a constant border. */
export function shownAt(position: number, size: number, border: GridBorder): number | undefined {
  if (position >= 0 && position < size) return position;
  switch (border) {
    case "nearest":
      return Math.min(Math.max(position, 0), size - 1);
    case "mirror":
      return reflected(position, size);
    case "wrap":
      return ((position % size) + size) % size;
    case "reflect":
      return reflectedWithBorder(position, size);
    default:
      return undefined;
  }
}

const LARGEST: Readonly<Record<SampleType, number>> = {
  uint8: 2 ** 8 - 1,
  int8: 2 ** 7 - 1,
  uint16: 2 ** 16 - 1,
  int16: 2 ** 15 - 1,
  uint32: 2 ** 32 - 1,
  int32: 2 ** 31 - 1,
  float32: 1,
  float64: 1,
};

/** Returns the largest value of a pixel type; 1 for floating-point types. */
export const largestOf = (sampleType: SampleType): number => LARGEST[sampleType];

/** Returns an image's values, multiplied by a factor. */
export const gridOf = ({ shape, data }: Image, factor = 1): Grid => ({
  shape,
  values: Float64Array.from(data, (value) => value * factor),
});

/** Converts a grid to an image; integer types truncate. */
export function imageOf({ shape, values }: Grid, sampleType: SampleType): Image {
  const data = sampleArray(sampleType, values.length);
  const whole = !sampleType.startsWith("float");
  for (let at = 0; at < data.length; at++) data[at] = whole ? Math.trunc(values[at] ?? 0) : (values[at] ?? 0);
  return { shape, sampleType, data };
}

/** Returns weighted sums of neighbors along an axis. The middle of `weights` is the pixel's own weight. */
export function correlated(
  { shape, values }: Grid,
  axis: number,
  weights: readonly number[],
  border: GridBorder,
): Grid {
  const size = itemAt(shape, axis);
  const inner = product(shape.slice(axis + 1));
  const reach = weights.length >> 1;
  const result = new Float64Array(values.length);
  for (let place = 0; place < size; place++)
    for (const [index, weight] of weights.entries()) {
      const from = shownAt(place + index - reach, size, border);
      if (from === undefined || weight === 0) continue;
      for (let block = 0; block < values.length; block += size * inner) {
        const [to, source] = [block + place * inner, block + from * inner];
        for (let each = 0; each < inner; each++)
          result[to + each] = (result[to + each] ?? 0) + weight * (values[source + each] ?? 0);
      }
    }
  return { shape, values: result };
}

/** Returns a Gaussian of `sigma` pixels, cut off at 4 sigma as in SciPy. */
export const gaussianWeights = (sigma: number): number[] => gaussian(sigma, Math.floor(4 * sigma + 0.5));
