/** Cuts an image into patches that cover it, on BiaPy's grid. */
import { type Image, type ImageShape, type Region, sampleArray } from "../images/image.ts";

/** A position or a size along each axis of space, in pixels. */
export type Box = readonly [z: number, y: number, x: number];

/** An axis of space: 0 is z, 1 is y, 2 is x. */
export type Axis = 0 | 1 | 2;

/** Returns a value for each axis of space. */
export const perAxis = <T>(along: (axis: Axis) => T): readonly [z: T, y: T, x: T] => [
  along(0),
  along(1),
  along(2),
];

/** Returns a box from a number for each axis. */
export const boxOf = (along: (axis: Axis) => number): Box => perAxis(along);

/** How patches cover an image. */
export interface TilingSettings {
  /** `[z, y, x]`; z is 1 in 2D. */
  readonly patch: Box;
  /** Smallest overlap of neighboring patches, as a share of a patch in [0, 1) along each axis. */
  readonly overlap: readonly [z: number, y: number, x: number];
  /** Pixels on each side of a patch that give context only: their predictions are discarded. */
  readonly padding: Box;
  /** Fills padding around the image with medians of its outer planes instead of reflecting it. */
  readonly medianPadding?: boolean;
}

/** The patches along one axis. */
export interface AxisTiles {
  /** First pixel of each patch, ascending. Negative where padding reaches beyond the border. */
  readonly starts: readonly number[];
  /** Overlap of neighboring patches in pixels, padding excluded. */
  readonly shared: number;
  /** Pixels on each side of a patch that give context only. */
  readonly padding: number;
}

/** The patches along each axis. Every combination is a patch. */
export type TileGrid = readonly [z: AxisTiles, y: AxisTiles, x: AxisTiles];

/** Returns how many mirrored pixels are added before the first pixel of an image smaller than a patch. */
const completion = (size: number, patch: number) => Math.max(patch - size, 0);

/**
 * Places patches on BiaPy's grid. Patches advance by their unpadded size minus the overlap. The excess of the last one beyond the
 * border is spread evenly over all steps; the remainder shifts only those patches that would still reach beyond it.
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
  // An axis as long as the patch needs one patch: more would lie at the same place.
  const places = step === 0 ? 1 : count;
  const starts = Array.from({ length: places }, (_, index) => {
    const start = index * step;
    return Math.max(start + inner < completed ? start : start - rest, 0) - padding - before;
  });
  return { starts: starts.sort((one, other) => one - other), shared: inner - step, padding };
}

/** Returns the patches that cover an image along z, y and x. Every combination is a patch. */
export function tileGrid(shape: ImageShape, { patch, overlap, padding }: TilingSettings): TileGrid {
  // An image that fits into one patch is predicted whole.
  const single = perAxis((axis) => shape[axis] <= patch[axis]).every(Boolean);
  return perAxis((axis) =>
    single
      ? axisTiles(shape[axis], patch[axis], 0, 0)
      : axisTiles(shape[axis], patch[axis], overlap[axis], padding[axis]),
  );
}

/** Returns the starts of patches that cover an image. Parts outside the image are filled by reflection. */
export function tilePatches(shape: ImageShape, tiling: TilingSettings): Box[] {
  const [alongZ, alongY, alongX] = tileGrid(shape, tiling);
  return alongZ.starts.flatMap((z) =>
    alongY.starts.flatMap((y) => alongX.starts.map((x) => [z, y, x] as const)),
  );
}

/** Reflects a position outside [0, size) into it, without repeating the border. */
export function reflected(position: number, size: number): number {
  if (size === 1) return 0;
  const period = 2 * (size - 1);
  const wrapped = ((position % period) + period) % period;
  return wrapped < size ? wrapped : period - wrapped;
}

/** Reflects a position outside [0, size) into it, with the border repeated once. */
export function reflectedWithBorder(position: number, size: number): number {
  const period = 2 * size;
  const wrapped = ((position % period) + period) % period;
  return wrapped < size ? wrapped : period - 1 - wrapped;
}

/**
 * Returns the pixel of an image that a position of a patch shows. An image smaller than a patch is first padded to its size; positions
 * outside the padded image are reflected into it.
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

/** Copies a patch out of a region that contains all of it, reflecting at the image's borders. */
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
        for (let channel = 0; channel < channels; channel++) patch[at++] = data[from + channel] ?? 0;
      }
    }
  }
  return { shape: [...size, channels], sampleType, data: patch };
}

/** Returns the part of an image that a box shows, reflections included. */
export function enclosing(shape: ImageShape, start: Box, size: Box): Region {
  const spans = perAxis((axis): readonly [from: number, to: number] => {
    const full = shape[axis];
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

/** Returns the intersection of two boxes. Undefined if it is empty. */
export function common(region: Region, box: Region): Region | undefined {
  const start = boxOf((axis) => Math.max(region.start[axis], box.start[axis]));
  const end = boxOf((axis) => Math.min(region.end[axis], box.end[axis]));
  return perAxis((axis) => start[axis] < end[axis]).every(Boolean) ? { start, end } : undefined;
}

/** Returns the values `[z, y, x, channel]` of a box within a region, given the region's values. */
export function valuesIn(values: Float32Array, { start, end }: Region, box: Region): Float32Array {
  const [depth, height, width] = boxOf((axis) => end[axis] - start[axis]);
  const size = boxOf((axis) => box.end[axis] - box.start[axis]);
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
