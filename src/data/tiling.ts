/** Cutting an image into patches that cover it, and merging predicted patches without seams. */
import type { ImageShape } from "../images/image.ts";

export type Box = readonly [z: number, y: number, x: number];

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

/** The starts of patches that cover an image. Parts that lie outside are to be filled by reflection. */
export function tilePatches([z, y, x]: ImageShape, { patch, overlap, padding }: TilingSettings): Box[] {
  const along = [z, y, x].map((size, axis) => starts(size, patch[axis], overlap[axis], padding[axis]));
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

/** A part of an image that is at hand: all of it, or the box at `start`. */
export interface ImageRegion {
  readonly start: Box;
  readonly shape: ImageShape;
  /** `[z, y, x, channel]` */
  readonly values: Float32Array;
}

/** Copies a patch of an image out of a region that holds all of it, reflecting at the image's borders. */
export function cutPatch(
  { start: origin, shape: [, rows, columns, channels], values }: ImageRegion,
  [depth, height, width]: ImageShape,
  start: Box,
  size: Box,
): Float32Array {
  const patch = new Float32Array(size[0] * size[1] * size[2] * channels);
  let at = 0;
  for (let z = 0; z < size[0]; z++) {
    const fromZ = reflected(start[0] + z, depth) - origin[0];
    for (let y = 0; y < size[1]; y++) {
      const fromY = reflected(start[1] + y, height) - origin[1];
      const row = (fromZ * rows + fromY) * columns - origin[2];
      if (start[2] >= 0 && start[2] + size[2] <= width) {
        const from = (row + start[2]) * channels;
        patch.set(values.subarray(from, from + size[2] * channels), at);
        at += size[2] * channels;
        continue;
      }
      for (let x = 0; x < size[2]; x++) {
        const from = (row + reflected(start[2] + x, width)) * channels;
        for (let channel = 0; channel < channels; channel++) patch[at++] = values[from + channel];
      }
    }
  }
  return patch;
}

/** A weight that is largest in the middle and small at the sides: seams fade. Its smallest value is above zero. */
function window(size: number): Float64Array {
  return Float64Array.from(
    { length: size },
    (_, index) => Math.sin((Math.PI * (index + 0.5)) / size) ** 2 + 1e-3,
  );
}

/** Merges predicted patches into one image, weighted towards their middles. */
export class Blender {
  private readonly sums: Float64Array;
  private readonly weights: Float64Array;
  private readonly windows: readonly Float64Array[];

  constructor(
    private readonly shape: ImageShape,
    private readonly tiling: TilingSettings,
  ) {
    const [z, y, x, channels] = shape;
    this.sums = new Float64Array(z * y * x * channels);
    this.weights = new Float64Array(z * y * x);
    this.windows = tiling.patch.map((size, axis) => window(size - 2 * tiling.padding[axis]));
  }

  /** @param values the predicted patch, `[z, y, x, channel]`, that starts at `start` */
  add(start: Box, values: Float32Array): void {
    const [depth, height, width, channels] = this.shape;
    const { patch, padding } = this.tiling;
    for (let z = padding[0]; z < patch[0] - padding[0]; z++) {
      const toZ = start[0] + z;
      if (toZ < 0 || toZ >= depth) continue;
      for (let y = padding[1]; y < patch[1] - padding[1]; y++) {
        const toY = start[1] + y;
        if (toY < 0 || toY >= height) continue;
        const weight = this.windows[0][z - padding[0]] * this.windows[1][y - padding[1]];
        for (let x = padding[2]; x < patch[2] - padding[2]; x++) {
          const toX = start[2] + x;
          if (toX < 0 || toX >= width) continue;
          const share = weight * this.windows[2][x - padding[2]];
          const to = (toZ * height + toY) * width + toX;
          const from = ((z * patch[1] + y) * patch[2] + x) * channels;
          this.weights[to] += share;
          for (let channel = 0; channel < channels; channel++) {
            this.sums[to * channels + channel] += share * values[from + channel];
          }
        }
      }
    }
  }

  /** The merged image, `[z, y, x, channel]`. */
  result(): Float32Array {
    const channels = this.shape[3];
    return Float32Array.from(this.sums, (sum, index) => sum / this.weights[Math.floor(index / channels)]);
  }
}
