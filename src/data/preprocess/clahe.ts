/**
 * DATA.PREPROCESS.CLAHE: contrast limited adaptive histogram equalization (Zuiderveld 1994), with the levels, bins and tiles of
 * scikit-image's `exposure.equalize_adapthist`.
 */
import type { Image } from "../../images/image.ts";
import { reflected } from "../tiling.ts";
import { imageOf, largestOf } from "./grid.ts";

const LEVELS = 2 ** 14;
const BINS = 256;
const BIN_WIDTH = 1 + LEVELS / BINS;

/** Rounds halves to even, as NumPy does. */
function rounded(value: number): number {
  const below = Math.floor(value);
  return value - below === 0.5 ? below + (below % 2) : Math.round(value);
}

/** Equalizes the brightest channel of each pixel of a color plane and scales the others with it: hue and saturation stay. */
export function colorsEqualized(image: Image, clipLimit: number, kernel?: number): Image {
  const [, height, width, channels] = image.shape;
  const largest = largestOf(image.sampleType);
  const brightest = new Float64Array(height * width);
  for (let at = 0; at < image.data.length; at++) {
    const pixel = Math.floor(at / channels);
    brightest[pixel] = Math.max(brightest[pixel], image.data[at] / largest);
  }
  const value: Image = { shape: [1, height, width, 1], sampleType: "float64", data: brightest };
  const { data: equalized } = contrastEqualized(value, [1, 2], clipLimit, kernel);
  const values = Float64Array.from(image.data, (each, at) => {
    const pixel = Math.floor(at / channels);
    const share = brightest[pixel] === 0 ? 1 : each / largest / brightest[pixel];
    return share * equalized[pixel] * largest;
  });
  return imageOf({ shape: image.shape, values }, image.sampleType);
}

/**
 * @param axes the axes that tiles have a size along: y, x and channel of a plane, z too of a stack
 * @param kernel a tile's size along each of them (default: an eighth of the image)
 */
export function contrastEqualized(
  image: Image,
  axes: readonly number[],
  clipLimit: number,
  kernel?: number,
): Image {
  const shape = axes.map((axis) => image.shape[axis]);
  const tile = shape.map((size) => kernel ?? Math.max(size >> 3, 1));
  const levels = levelsOf(image);
  const before = tile.map((size) => size >> 1);
  const padded = shape.map((size, axis) => {
    const rest = (tile[axis] - (size % tile[axis])) % tile[axis];
    return before[axis] + size + rest + Math.ceil(tile[axis] / 2);
  });
  const binAt = (place: readonly number[]) =>
    Math.floor(
      levels[
        offsetOf(
          place.map((at, axis) => reflected(at - before[axis], shape[axis])),
          shape,
        )
      ] / BIN_WIDTH,
    );
  const tiles = padded.map((size, axis) => Math.floor(size / tile[axis]) - 1);
  const elements = tile.reduce((product, size) => product * size, 1);
  const limit = clipLimit > 0 ? Math.floor(Math.max(clipLimit * elements, 1)) : elements;
  const maps = places(tiles).map((index) => {
    const counts = new Array<number>(BINS).fill(0);
    for (const offset of places(tile))
      counts[binAt(offset.map((at, axis) => before[axis] + index[axis] * tile[axis] + at))]++;
    limitCounts(counts, limit);
    let sum = 0;
    return counts.map((count) => {
      sum += count;
      return Math.trunc(Math.min(sum * ((LEVELS - 1) / elements), LEVELS - 1));
    });
  });
  const corners = places(shape.map(() => 2));
  const equalized = new Float64Array(levels.length);
  for (const [at, place] of places(shape).entries()) {
    const inPadded = place.map((position, axis) => position + before[axis]);
    const bin = binAt(inPadded);
    let value = 0;
    for (const corner of corners) {
      let share = 1;
      const index = corner.map((edge, axis) => {
        const along = (inPadded[axis] % tile[axis]) / tile[axis];
        share *= edge === 1 ? along : 1 - along;
        const neighbor = Math.floor(inPadded[axis] / tile[axis]) + edge - 1;
        return Math.min(Math.max(neighbor, 0), tiles[axis] - 1);
      });
      value = Math.fround(value + Math.fround(maps[offsetOf(index, tiles)][bin] * share));
    }
    equalized[at] = Math.trunc(value);
  }
  return stretched(equalized, image);
}

/** The image on 16384 levels, stretched to its range. Fractions must lie in [-1, 1]. */
function levelsOf({ sampleType, data }: Image): Float64Array {
  const largest = largestOf(sampleType);
  const levels = Float64Array.from(data, (value) => rounded((Math.max(value, 0) / largest) * 65535));
  const least = levels.reduce((low, value) => Math.min(low, value), Infinity);
  const most = levels.reduce((high, value) => Math.max(high, value), -Infinity);
  if (least === most) return levels.map((value) => Math.min(value, LEVELS - 1));
  return levels.map((value) => rounded(((value - least) / (most - least)) * (LEVELS - 1)));
}

/** The equalized levels over the whole range of the pixel type. */
function stretched(levels: Float64Array, { shape, sampleType }: Image): Image {
  const largest = largestOf(sampleType);
  const least = levels.reduce((low, value) => Math.min(low, value), Infinity);
  const most = levels.reduce((high, value) => Math.max(high, value), -Infinity);
  const span = most - least;
  const values = levels.map((value) => (span === 0 ? Math.min(value, 1) : (value - least) / span) * largest);
  return imageOf({ shape, values }, sampleType);
}

/** Cuts counts off at a limit and spreads what was cut off over the others. */
function limitCounts(counts: number[], limit: number): void {
  let excess = 0;
  for (const [bin, count] of counts.entries())
    if (count > limit) {
      excess += count - limit;
      counts[bin] = limit;
    }
  const each = Math.floor(excess / counts.length);
  for (const [bin, count] of counts.entries()) {
    if (count >= limit) continue;
    const added = Math.min(each, limit - count);
    counts[bin] += added;
    excess -= added;
  }
  while (excess > 0) {
    const earlier = excess;
    for (let start = 0; start < counts.length && excess > 0; start++) {
      const open = counts.reduce((sum, count) => sum + (count < limit ? 1 : 0), 0);
      const step = Math.max(1, Math.floor(open / excess));
      // Those that were below the limit when this pass began.
      for (let bin = start; bin < counts.length; bin += step)
        if (counts[bin] < limit) {
          counts[bin]++;
          excess--;
        }
    }
    if (excess === earlier) return;
  }
}

/** All places of a grid, the last axis fastest. */
function places(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>(
    (all, size) => all.flatMap((place) => Array.from({ length: size }, (_, at) => [...place, at])),
    [[]],
  );
}

const offsetOf = (place: readonly number[], shape: readonly number[]) =>
  place.reduce((offset, at, axis) => offset * shape[axis] + at, 0);
