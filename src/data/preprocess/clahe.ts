/**
 * DATA.PREPROCESS.CLAHE: contrast limited adaptive histogram equalization (Zuiderveld 1994), with the levels, bins and tiles of
 * scikit-image's `exposure.equalize_adapthist`.
 */
import { at as itemAt } from "../../facts/checked-lists.ts";
import type { Image } from "../../images/image.ts";
import { roundHalfToEven } from "../rounding.ts";
import { reflected } from "../tiling.ts";
import { imageOf, largestOf } from "./grid.ts";

const LEVELS = 2 ** 14;
const BINS = 256;
const BIN_WIDTH = 1 + LEVELS / BINS;

/** Equalizes the brightest channel of each pixel and scales the others with it, which preserves hue and saturation. */
export function colorsEqualized(image: Image, clipLimit: number, kernel?: number): Image {
  const [, height, width, channels] = image.shape;
  const largest = largestOf(image.sampleType);
  const brightest = new Float64Array(height * width);
  for (let at = 0; at < image.data.length; at++) {
    const pixel = Math.floor(at / channels);
    brightest[pixel] = Math.max(brightest[pixel] ?? 0, (image.data[at] ?? 0) / largest);
  }
  const value: Image = { shape: [1, height, width, 1], sampleType: "float64", data: brightest };
  const { data: equalized } = contrastEqualized(value, [1, 2], clipLimit, kernel);
  const values = Float64Array.from(image.data, (each, at) => {
    const pixel = Math.floor(at / channels);
    const share = brightest[pixel] === 0 ? 1 : each / largest / (brightest[pixel] ?? 1);
    return share * (equalized[pixel] ?? 0) * largest;
  });
  return imageOf({ shape: image.shape, values }, image.sampleType);
}

/**
 * Equalizes the contrast of an image of one channel, or of all channels together.
 *
 * @param axes the axes that tiles divide: y, x and channel of a plane; z as well for a stack
 * @param kernel size of a tile along each of them (default: an eighth of the image)
 */
export function contrastEqualized(
  image: Image,
  axes: readonly number[],
  clipLimit: number,
  kernel?: number,
): Image {
  const tiled = axes.map((axis) => tiledAxis(itemAt(image.shape, axis), kernel));
  const shape = tiled.map(({ size }) => size);
  const tiles = tiled.map(({ tiles }) => tiles);
  const levels = levelsOf(image);
  /** Returns the bin of a position in the padded image. */
  const binAt = (place: readonly number[]) => {
    const shown = tiled.map(({ size, before }, axis) => reflected(itemAt(place, axis) - before, size));
    return Math.floor((levels[offsetOf(shown, shape)] ?? 0) / BIN_WIDTH);
  };
  const maps = places(tiles).map((tile) => levelMap(countsOf(tile, tiled, binAt), clipLimit));
  const corners = places(shape.map(() => 2));
  const equalized = new Float64Array(levels.length);
  for (const [at, place] of places(shape).entries()) {
    const inPadded = tiled.map(({ before }, axis) => itemAt(place, axis) + before);
    const bin = binAt(inPadded);
    let value = 0;
    for (const corner of corners) {
      const { tile, share } = tileAtCorner(inPadded, corner, tiled);
      value = Math.fround(value + Math.fround((itemAt(maps, offsetOf(tile, tiles))[bin] ?? 0) * share));
    }
    equalized[at] = Math.trunc(value);
  }
  return stretched(equalized, image);
}

/** An axis of an image that is divided into tiles of equal size. It is padded by reflection, so that border pixels lie between tiles too. */
interface TiledAxis {
  readonly size: number;
  /** Size of a tile. */
  readonly tile: number;
  /** Pixels added before the first one. */
  readonly before: number;
  /** Number of tiles. */
  readonly tiles: number;
}

function tiledAxis(size: number, kernel: number | undefined): TiledAxis {
  const tile = kernel ?? Math.max(size >> 3, 1);
  const before = tile >> 1;
  const rest = (tile - (size % tile)) % tile;
  const padded = before + size + rest + Math.ceil(tile / 2);
  return { size, tile, before, tiles: Math.floor(padded / tile) - 1 };
}

/** Counts the pixels of a tile in each bin. */
function countsOf(
  tile: readonly number[],
  tiled: readonly TiledAxis[],
  binAt: (place: readonly number[]) => number,
): number[] {
  const counts = new Array<number>(BINS).fill(0);
  for (const offset of places(tiled.map(({ tile }) => tile))) {
    const bin = binAt(
      tiled.map(({ before, tile: size }, axis) => before + itemAt(tile, axis) * size + itemAt(offset, axis)),
    );
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return counts;
}

/** Returns the new level of each bin of a tile. Changes `counts`. */
function levelMap(counts: number[], clipLimit: number): number[] {
  const pixels = counts.reduce((sum, count) => sum + count, 0);
  limitCounts(counts, clipLimit > 0 ? Math.floor(Math.max(clipLimit * pixels, 1)) : pixels);
  let sum = 0;
  return counts.map((count) => {
    sum += count;
    return Math.trunc(Math.min(sum * ((LEVELS - 1) / pixels), LEVELS - 1));
  });
}

/**
 * Returns one of the tiles around a position of the padded image, and its share in the interpolation between them.
 *
 * @param corner along each axis, 0 for the tile before the position and 1 for the tile after it
 */
function tileAtCorner(inPadded: readonly number[], corner: readonly number[], tiled: readonly TiledAxis[]) {
  let share = 1;
  const tile = tiled.map(({ tile: size, tiles }, axis) => {
    const [position, edge] = [itemAt(inPadded, axis), itemAt(corner, axis)];
    const within = (position % size) / size;
    share *= edge === 1 ? within : 1 - within;
    const neighbor = Math.floor(position / size) + edge - 1;
    return Math.min(Math.max(neighbor, 0), tiles - 1);
  });
  return { tile, share };
}

/** Returns the image on 16384 levels, stretched to its range. Floating-point values must lie in [-1, 1]. */
function levelsOf({ sampleType, data }: Image): Float64Array {
  const largest = largestOf(sampleType);
  const levels = Float64Array.from(data, (value) => roundHalfToEven((Math.max(value, 0) / largest) * 65535));
  const least = levels.reduce((low, value) => Math.min(low, value), Infinity);
  const most = levels.reduce((high, value) => Math.max(high, value), -Infinity);
  if (least === most) return levels.map((value) => Math.min(value, LEVELS - 1));
  return levels.map((value) => roundHalfToEven(((value - least) / (most - least)) * (LEVELS - 1)));
}

/** Stretches equalized levels over the range of the sample type. */
function stretched(levels: Float64Array, { shape, sampleType }: Image): Image {
  const largest = largestOf(sampleType);
  const least = levels.reduce((low, value) => Math.min(low, value), Infinity);
  const most = levels.reduce((high, value) => Math.max(high, value), -Infinity);
  const span = most - least;
  const values = levels.map((value) => (span === 0 ? Math.min(value, 1) : (value - least) / span) * largest);
  return imageOf({ shape, values }, sampleType);
}

/** Clips counts at a limit and distributes the excess over the other bins. */
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
    counts[bin] = count + added;
    excess -= added;
  }
  while (excess > 0) {
    const earlier = excess;
    for (let start = 0; start < counts.length && excess > 0; start++) {
      const open = counts.reduce((sum, count) => sum + (count < limit ? 1 : 0), 0);
      const step = Math.max(1, Math.floor(open / excess));
      for (let bin = start; bin < counts.length; bin += step)
        if ((counts[bin] ?? 0) < limit) {
          counts[bin] = (counts[bin] ?? 0) + 1;
          excess--;
        }
    }
    if (excess === earlier) return;
  }
}

/** Returns all places of a grid, the last axis fastest. */
function places(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>(
    (all, size) => all.flatMap((place) => Array.from({ length: size }, (_, at) => [...place, at])),
    [[]],
  );
}

const offsetOf = (place: readonly number[], shape: readonly number[]) =>
  place.reduce((offset, at, axis) => offset * itemAt(shape, axis) + at, 0);
