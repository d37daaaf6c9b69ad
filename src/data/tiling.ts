/** Cutting an image into patches that cover it. */
import { type Image, type ImageShape, type Region, sampleArray } from "../images/image.ts";

export type Box = readonly [z: number, y: number, x: number];

/** A box from a number for each axis: 0 is z, 1 is y, 2 is x. */
export const boxOf = (along: (axis: 0 | 1 | 2) => number): Box => [along(0), along(1), along(2)];

export interface TilingSettings {
  /** `[z, y, x]`; z is 1 in 2D. */
  readonly patch: Box;
  /** Share of a patch that neighbours share at least, in [0, 1) along each axis. */
  readonly overlap: readonly [z: number, y: number, x: number];
  /** Pixels on each side of a patch that only give context: their predictions are not used. */
  readonly padding: Box;
}

/** Where patches start along one axis, evenly spread; negative and past the end where padding reaches over the border. */
function starts(size: number, patch: number, overlap: number, padding: number): number[] {
  const inner = patch - 2 * padding;
  const most = Math.max(1, Math.floor(inner * (1 - overlap)));
  const count = size <= inner ? 1 : Math.ceil((size - inner) / most) + 1;
  const last = Math.max(size - inner, 0);
  return Array.from(
    { length: count },
    (_, index) => (count === 1 ? 0 : Math.round((index * last) / (count - 1))) - padding,
  );
}

/** Where the patches that cover an image start along z, y and x: every combination is a patch. */
export type TileGrid = readonly [z: readonly number[], y: readonly number[], x: readonly number[]];

export function tileGrid([z, y, x]: ImageShape, { patch, overlap, padding }: TilingSettings): TileGrid {
  const along = (size: number, axis: number) => starts(size, patch[axis], overlap[axis], padding[axis]);
  return [along(z, 0), along(y, 1), along(x, 2)];
}

/** The starts of patches that cover an image. Parts that lie outside are to be filled by reflection. */
export function tilePatches(shape: ImageShape, tiling: TilingSettings): Box[] {
  const along = tileGrid(shape, tiling);
  return along[0].flatMap((atZ) =>
    along[1].flatMap((atY) => along[2].map((atX) => [atZ, atY, atX] as const)),
  );
}

/** A position outside [0, size) reflected into it, without repeating the border. */
export function reflected(position: number, size: number): number {
  if (size === 1) return 0;
  const period = 2 * (size - 1);
  const wrapped = ((position % period) + period) % period;
  return wrapped < size ? wrapped : period - wrapped;
}

/** A part of an image that is at hand: the box at `start`, `[z, y, x, channel]`. */
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
    const fromZ = reflected(start[0] + z, depth) - origin[0];
    for (let y = 0; y < size[1]; y++) {
      const fromY = reflected(start[1] + y, height) - origin[1];
      const row = (fromZ * rows + fromY) * columns - origin[2];
      if (start[2] >= 0 && start[2] + size[2] <= width) {
        const from = (row + start[2]) * channels;
        patch.set(data.subarray(from, from + size[2] * channels), at);
        at += size[2] * channels;
        continue;
      }
      for (let x = 0; x < size[2]; x++) {
        const from = (row + reflected(start[2] + x, width)) * channels;
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
      const position = reflected(at, full);
      least = Math.min(least, position);
      most = Math.max(most, position + 1);
    }
    return [least, most];
  });
  return { start: boxOf((axis) => spans[axis][0]), end: boxOf((axis) => spans[axis][1]) };
}

/** The part of `region` that lies in `box`; nothing where they do not meet. */
export function common(region: Region, box: Region): Region | undefined {
  const start = boxOf((axis) => Math.max(region.start[axis], box.start[axis]));
  const end = boxOf((axis) => Math.min(region.end[axis], box.end[axis]));
  return start.every((at, axis) => at < end[axis]) ? { start, end } : undefined;
}

/** The values `[z, y, x, channel]` of a box that lies in a region whose values are at hand. */
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
