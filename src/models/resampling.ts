/** Enlarges and resizes images `[batch, (z,) y, x, channel]`, as PyTorch does. */

import { at, exactly, zip } from "../facts/checked-lists.ts";
import { spaceOf } from "../runtime/image-shape.ts";
import { alongAxis, type Resizing } from "../runtime/operators.ts";
import { tf } from "../runtime/tensor.ts";

/** Returns the position of an output pixel in the input, in pixels, for an axis resized from `from` to `to` pixels. */
type PixelGrid = (pixel: number, from: number, to: number) => number;

/** Both images cover the same area. */
const byArea: PixelGrid = (pixel, from, to) => ((pixel + 0.5) * from) / to - 0.5;
/** The centers of the first and last pixels coincide: PyTorch's `align_corners=True`. */
const byCorners: PixelGrid = (pixel, from, to) => (to > 1 ? (pixel * (from - 1)) / (to - 1) : 0);
/** The input pixel that covers the position: PyTorch's `nearest`. */
const byNearest: PixelGrid = (pixel, from, to) => Math.floor((pixel * from) / to);

/** Returns the matrix `[from, to]` of linear interpolation between pixel centers. The border pixel is repeated beyond the border. */
function interpolation(from: number, to: number, grid: PixelGrid): tf.Tensor {
  const weights = new Float32Array(from * to);
  const add = (row: number, column: number, weight: number) => {
    weights[row * to + column] = (weights[row * to + column] ?? 0) + weight;
  };
  for (let pixel = 0; pixel < to; pixel++) {
    const position = Math.max(grid(pixel, from, to), 0);
    const below = Math.min(Math.floor(position), from - 1);
    const above = Math.min(below + 1, from - 1);
    add(below, pixel, 1 - (position - below));
    add(above, pixel, position - below);
  }
  return tf.tensor2d(weights, [from, to]);
}

const GRIDS: Readonly<Record<Resizing, PixelGrid>> = { area: byArea, corners: byCorners, nearest: byNearest };

function resample(x: tf.Tensor, size: readonly number[], resizing: Resizing): tf.Tensor {
  return size.reduce((current, to, space) => {
    const from = at(current.shape, space + 1);
    if (from === to) return current;
    return alongAxis(current, space + 1, interpolation(from, to, GRIDS[resizing]), resizing);
  }, x);
}

/** Returns the size of space after each axis is enlarged by its factor. */
export const enlarged = (x: tf.Tensor, factors: readonly number[]): number[] =>
  zip(spaceOf(x), factors).map(([size, factor]) => size * factor);

/** Enlarges by linear interpolation along each axis of space: PyTorch's bilinear and trilinear `Upsample`. */
export const upsample = (x: tf.Tensor, factors: readonly number[]): tf.Tensor =>
  resample(x, enlarged(x, factors), "area");

/** Enlarges by repeating pixels. */
export const upsampleNearest = (x: tf.Tensor, factors: readonly number[]): tf.Tensor =>
  resample(x, enlarged(x, factors), "nearest");

/** Resizes an image by linear interpolation, with corner pixels aligned. */
export const resizeByCorners = (x: tf.Tensor, size: readonly number[]): tf.Tensor =>
  resample(x, size, "corners");

/** Pixel shuffle (Shi et al. 2016): `[batch, y, x, channel · factor²]` becomes `[batch, y · factor, x · factor, channel]`. */
export function pixelShuffle(x: tf.Tensor, factor: number): tf.Tensor {
  if (factor === 1) return x;
  const [batch, height, width, inputs] = exactly(x.shape, 4, "The shape of a 2D image");
  const channels = inputs / factor ** 2;
  return x
    .reshape([batch, height, width, channels, factor, factor])
    .transpose([0, 1, 4, 2, 5, 3])
    .reshape([batch, height * factor, width * factor, channels]);
}
