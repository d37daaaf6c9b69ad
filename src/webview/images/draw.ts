import type { Lut } from "./luts.ts";
import type { PlaneImage, Range } from "./plane-image.ts";

/** One plane and how its values become colors. */
export interface Layer {
  readonly plane: PlaneImage;
  readonly range: Range;
  readonly lut: Lut;
}

/** Where an image lies on a canvas, in the canvas's pixels. */
export interface Placement {
  /** Canvas pixels for a pixel of the file, along x and y. */
  readonly scaleX: number;
  readonly scaleY: number;
  readonly left: number;
  readonly top: number;
}

/** Columns of a canvas, `[from, to)`. */
export interface Columns {
  readonly from: number;
  readonly to: number;
}

/**
 * Draws layers, added up, into the transparent `target`, all of it or some of its columns. It computes the visible pixels only,
 * so that its time depends on the canvas and not on the image. Enlarged pixels of the file are squares, reduced ones means.
 */
export function drawLayers(
  target: ImageData,
  layers: readonly Layer[],
  placement: Placement,
  part: Columns = { from: 0, to: target.width },
): void {
  const pixels = new Uint32Array(target.data.buffer);
  for (const [index, layer] of layers.entries()) drawLayer(target, pixels, layer, placement, part, index > 0);
}

/** Alpha 255 in the highest byte: all platforms of browsers are little-endian. */
const OPAQUE = 0xff000000;

function drawLayer(
  { width, height, data }: ImageData,
  pixels: Uint32Array,
  { plane, range, lut }: Layer,
  { scaleX, scaleY, left, top }: Placement,
  { from, to }: Columns,
  add: boolean,
): void {
  const { raster, factor } = plane.version(Math.max(scaleX, scaleY) * plane.step);
  const size = plane.step * factor;
  const columns = sourceIndices(width, left, scaleX * size, raster.width);
  const rows = sourceIndices(height, top, scaleY * size, raster.height);
  const colors = packed(lut);
  const { values } = raster;
  const slope = 256 / (range.high - range.low || 1);
  for (let y = 0; y < height; y++) {
    if (rows[y] < 0) continue;
    const row = rows[y] * raster.width;
    let at = y * width + from;
    for (let x = from; x < to; x++, at++) {
      const column = columns[x];
      if (column < 0) continue;
      const position = (values[row + column] - range.low) * slope;
      // NaN becomes the first color.
      const index = position >= 255 ? 255 : position > 0 ? position | 0 : 0;
      if (!add) pixels[at] = colors[index];
      else {
        data[at * 4] += lut[index * 3];
        data[at * 4 + 1] += lut[index * 3 + 1];
        data[at * 4 + 2] += lut[index * 3 + 2];
      }
    }
  }
}

/** The source's index of each canvas pixel; -1 outside. */
function sourceIndices(length: number, start: number, perPixel: number, sourceLength: number): Int32Array {
  const indices = new Int32Array(length);
  for (let at = 0; at < length; at++) {
    const source = Math.floor((at + 0.5 - start) / perPixel);
    indices[at] = source >= 0 && source < sourceLength ? source : -1;
  }
  return indices;
}

const packedTables = new WeakMap<Lut, Uint32Array>();

function packed(lut: Lut): Uint32Array {
  const known = packedTables.get(lut);
  if (known !== undefined) return known;
  const colors = Uint32Array.from(
    { length: 256 },
    (_, index) => (OPAQUE | (lut[index * 3 + 2] << 16) | (lut[index * 3 + 1] << 8) | lut[index * 3]) >>> 0,
  );
  packedTables.set(lut, colors);
  return colors;
}
