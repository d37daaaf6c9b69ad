/** Cutting an image into patches that cover it, on BiaPy's grid. */
import { type Image, type ImageShape, type Region, sampleArray } from "../images/image.ts";

export type Box = readonly [z: number, y: number, x: number];

/** A box from a number for each axis: 0 is z, 1 is y, 2 is x. */
export const boxOf = (along: (axis: 0 | 1 | 2) => number): Box => [along(0), along(1), along(2)];

export interface TilingSettings {
  /** `[z, y, x]`; z is 1 in 2D. */
  readonly patch: Box;
  /** Smallest share of a patch that neighbors have in common, in [0, 1) along each axis. */
  readonly overlap: readonly [z: number, y: number, x: number];
  /** Pixels on each side of a patch that only give context: their predictions are not used. */
  readonly padding: Box;
}

/** The patches along one axis. */
export interface AxisTiles {
  /** Where they start in the image, ascending; negative where padding reaches over the border. */
  readonly starts: readonly number[];
  /** Pixels that neighbors have in common, padding excluded. */
  readonly shared: number;
  /** Pixels on each side of a patch that only give context. */
  readonly padding: number;
}

export type TileGrid = readonly [z: AxisTiles, y: AxisTiles, x: AxisTiles];

/** Pixels that complete an image smaller than a patch; they lie before its first pixel and mirror it. */
const completion = (size: number, patch: number) => Math.max(patch - size, 0);

/**
 * BiaPy's grid: patches advance by their unpadded size less the overlap; what the last one would reach over the border is
 * spread over all steps, and the remainder moves only those patches that would still reach over it.
 */
function axisTiles(size: number, patch: number, overlap: number, padding: number): AxisTiles {
  const inner = patch - 2 * padding;
  const before = completion(size, patch);
  const completed = size + before;
  const largest = Math.max(1, Math.floor(inner * (1 - overlap)));
  const count = Math.ceil(completed / largest);
  const beyond = count === 1 ? 0 : (count - 1) * largest + inner - completed;
  const spread = count === 1 ? 0 : Math.floor(beyond / (count - 1));
  const step = largest - spread;
  const rest = beyond - spread * (count - 1);
  // An axis as long as the patch needs one; several at the same place would predict the same.
  const places = step === 0 ? 1 : count;
  const starts = Array.from({ length: places }, (_, index) => {
    const start = index * step;
    return Math.max(start + inner < completed ? start : start - rest, 0) - padding - before;
  });
  return { starts: starts.sort((one, other) => one - other), shared: inner - step, padding };
}

/** Where the patches that cover an image start along z, y and x: every combination is a patch. */
export function tileGrid([z, y, x]: ImageShape, { patch, overlap, padding }: TilingSettings): TileGrid {
  const size = [z, y, x];
  // An image of one patch is predicted as it is.
  const single = size.every((each, axis) => each <= patch[axis]);
  const along = (axis: 0 | 1 | 2) =>
    single
      ? axisTiles(size[axis], patch[axis], 0, 0)
      : axisTiles(size[axis], patch[axis], overlap[axis], padding[axis]);
  return [along(0), along(1), along(2)];
}

/** The starts of patches that cover an image. Parts that lie outside are to be filled by reflection. */
export function tilePatches(shape: ImageShape, tiling: TilingSettings): Box[] {
  const [alongZ, alongY, alongX] = tileGrid(shape, tiling).map(({ starts }) => starts);
  return alongZ.flatMap((atZ) => alongY.flatMap((atY) => alongX.map((atX) => [atZ, atY, atX] as const)));
}

/** A position outside [0, size) reflected into it, without repeating the border. */
export function reflected(position: number, size: number): number {
  if (size === 1) return 0;
  const period = 2 * (size - 1);
  const wrapped = ((position % period) + period) % period;
  return wrapped < size ? wrapped : period - wrapped;
}

/**
 * The pixel of an image that a position of a patch shows. An image smaller than a patch is first completed to its size; what
 * lies outside the completed image mirrors that.
 */
function shownPixel(position: number, size: number, patch: number): number {
  const before = completion(size, patch);
  return before === 0
    ? reflected(position, size)
    : reflected(reflected(position + before, size + before) - before, size);
}
/** A part of an image in memory: the box at `start`, `[z, y, x, channel]`. */
export interface ImageRegion extends Image {
  readonly start: Box;
}

/** Copies a patch of an image out of a region that holds all of it, reflecting at the image's borders. */
export function cutPatch(
  { start: origin, shape: [, rows, columns, channels], sampleType, data }: ImageRegion,
  [depth, height, width]: ImageShape,
  start: Box,
  size: Box,
): Image {
  const patch = sampleArray(sampleType, size[0] * size[1] * size[2] * channels);
  let at = 0;
  for (let z = 0; z < size[0]; z++) {
    const fromZ = shownPixel(start[0] + z, depth, size[0]) - origin[0];
    for (let y = 0; y < size[1]; y++) {
      const fromY = shownPixel(start[1] + y, height, size[1]) - origin[1];
      const row = (fromZ * rows + fromY) * columns - origin[2];
      if (start[2] >= 0 && start[2] + size[2] <= width) {
        const from = (row + start[2]) * channels;
        patch.set(data.subarray(from, from + size[2] * channels), at);
        at += size[2] * channels;
        continue;
      }
      for (let x = 0; x < size[2]; x++) {
        const from = (row + shownPixel(start[2] + x, width, size[2])) * channels;
        for (let channel = 0; channel < channels; channel++) patch[at++] = data[from + channel];
      }
    }
  }
  return { shape: [...size, channels], sampleType, data: patch };
}

/** The part of an image that a box shows, reflections included. */
export function enclosing([depth, height, width]: ImageShape, start: Box, size: Box): Region {
  const spans = [depth, height, width].map((full, axis) => {
    const [from, to] = [start[axis], start[axis] + size[axis]];
    if (from >= 0 && to <= full) return [from, to];
    let [least, most] = [full, 0];
    for (let at = from; at < to; at++) {
      const position = shownPixel(at, full, size[axis]);
      least = Math.min(least, position);
      most = Math.max(most, position + 1);
    }
    return [least, most];
  });
  return { start: boxOf((axis) => spans[axis][0]), end: boxOf((axis) => spans[axis][1]) };
}

/** The part of `region` that lies in `box`; undefined where they do not meet. */
export function common(region: Region, box: Region): Region | undefined {
  const start = boxOf((axis) => Math.max(region.start[axis], box.start[axis]));
  const end = boxOf((axis) => Math.min(region.end[axis], box.end[axis]));
  return start.every((at, axis) => at < end[axis]) ? { start, end } : undefined;
}

/** Returns the values `[z, y, x, channel]` of a box within a region, given the region's values. */
export function valuesIn(values: Float32Array, { start, end }: Region, box: Region): Float32Array {
  const [depth, height, width] = end.map((at, axis) => at - start[axis]);
  const size = box.end.map((at, axis) => at - box.start[axis]);
  const channels = values.length / (depth * height * width);
  const length = size[2] * channels;
  if (length * size[0] * size[1] === values.length) return values;
  const picked = new Float32Array(length * size[0] * size[1]);
  let to = 0;
  for (let z = box.start[0]; z < box.end[0]; z++)
    for (let y = box.start[1]; y < box.end[1]; y++) {
      const from = (((z - start[0]) * height + y - start[1]) * width + box.start[2] - start[2]) * channels;
      picked.set(values.subarray(from, from + length), to);
      to += length;
    }
  return picked;
}
