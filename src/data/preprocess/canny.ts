/** DATA.PREPROCESS.CANNY: edges (Canny 1986) with sigma 1, as scikit-image's `feature.canny`: 255 on edges, 0 elsewhere. */
import type { Image } from "../../images/image.ts";
import { correlated, type Grid, gaussianWeights, gridOf, largestOf } from "./grid.ts";

/** Default thresholds of the gradient, as shares of the pixel type's largest value. */
const LOW = 0.1;
const HIGH = 0.2;

/**
 * Marks edges of an image of one or three channels.
 *
 * @param thresholds of the gradient: in the image's units for one channel, as shares of its pixel type's largest value for three
 */
export function cannyEdges(
  image: Image,
  thresholds: { readonly low?: number; readonly high?: number },
): Image {
  const gray = grayOf(image);
  const scale = image.shape[3] === 3 ? 1 : largestOf(image.sampleType);
  const low = thresholds.low === undefined ? LOW : thresholds.low / scale;
  const high = thresholds.high === undefined ? HIGH : thresholds.high / scale;
  const smooth = smoothed(gray);
  const down = correlated(correlated(smooth, 1, [-1, 0, 1], "reflect"), 2, [1, 2, 1], "reflect").values;
  const across = correlated(correlated(smooth, 2, [-1, 0, 1], "reflect"), 1, [1, 2, 1], "reflect").values;
  const magnitude = down.map((value, at) => Math.sqrt(value * value + (across[at] ?? 0) ** 2));
  const [, height, width] = gray.shape;
  const ridge = ridges(down, across, magnitude, height, width, low);
  return { shape: gray.shape, sampleType: "uint8", data: connected(ridge, height, width, high) };
}

/** Returns a single-channel plane between 0 and 1. Colors are weighted by perceived brightness. */
function grayOf(image: Image): Grid {
  const [, height, width, channels] = image.shape;
  const { values } = gridOf(image, 1 / largestOf(image.sampleType));
  const gray =
    channels === 1
      ? values
      : Float64Array.from({ length: height * width }, (_, at) => {
          const [red = 0, green = 0, blue = 0] = values.subarray(3 * at, 3 * at + 3);
          return 0.2125 * red + 0.7154 * green + 0.0721 * blue;
        });
  return { shape: [1, height, width, 1], values: gray };
}

/** Blurs with zeros beyond the border, and divides by the share of the window that lies inside. */
function smoothed(gray: Grid): Grid {
  const weights = gaussianWeights(1);
  const blurred = (grid: Grid) =>
    correlated(correlated(grid, 1, weights, "constant"), 2, weights, "constant");
  const share = blurred({ ...gray, values: gray.values.map(() => 1) }).values;
  return {
    ...gray,
    values: blurred(gray).values.map((value, at) => value / ((share[at] ?? 0) + Number.EPSILON)),
  };
}

/** Returns gradients that are a local maximum in their direction (non-maximum suppression). 0 elsewhere. */
function ridges(
  down: Float64Array,
  across: Float64Array,
  magnitude: Float64Array,
  height: number,
  width: number,
  low: number,
): Float64Array {
  const result = new Float64Array(magnitude.length);
  for (let y = 1; y < height - 1; y++)
    for (let x = 1; x < width - 1; x++) {
      const at = y * width + x;
      const [i, j, here] = [down[at] ?? 0, across[at] ?? 0, magnitude[at] ?? 0];
      if (here < low || (i === 0 && j === 0)) continue;
      const [steep, flat] = [Math.abs(i), Math.abs(j)];
      const alike = (i >= 0 && j >= 0) || (i <= 0 && j <= 0);
      const diagonal = alike ? width + 1 : -width + 1;
      const vertical = alike ? steep > flat : steep >= flat;
      const straight = vertical ? (alike ? width : -width) : 1;
      const share = vertical ? flat / steep : steep / flat;
      const between = (sign: 1 | -1) =>
        (magnitude[at + sign * diagonal] ?? 0) * share + (magnitude[at + sign * straight] ?? 0) * (1 - share);
      if (between(1) <= here && between(-1) <= here) result[at] = here;
    }
  return result;
}

/** Marks ridges that are connected to one above the high threshold (hysteresis). */
function connected(ridge: Float64Array, height: number, width: number, high: number): Uint8Array {
  const edges = new Uint8Array(ridge.length);
  const open: number[] = [];
  for (const [at, value] of ridge.entries())
    if (value > 0 && value >= high) {
      edges[at] = 255;
      open.push(at);
    }
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const [y, x] = [Math.floor(at / width), at % width];
    for (let row = Math.max(y - 1, 0); row <= Math.min(y + 1, height - 1); row++)
      for (let column = Math.max(x - 1, 0); column <= Math.min(x + 1, width - 1); column++) {
        const next = row * width + column;
        if (ridge[next] === 0 || edges[next] !== 0) continue;
        edges[next] = 255;
        open.push(next);
      }
  }
  return edges;
}
