import type { Lut } from "./colours.ts";
import type { PlaneImage, Range } from "./plane-image.ts";

/** One plane and how its values become colours. */
export interface Layer {
  readonly plane: PlaneImage;
  readonly range: Range;
  readonly lut: Lut;
}

/** Where an image lies on a canvas, in the canvas's pixels. */
export interface Placement {
  /** Canvas pixels for a pixel of the file. */
  readonly scale: number;
  readonly left: number;
  readonly top: number;
}

/**
 * Draws layers, added up, into `target`. It computes the pixels that are seen and no others, so that its time depends on the
 * canvas and not on the image. Pixels of the file are squares when enlarged, and means when reduced.
 */
export function drawLayers(target: ImageData, layers: readonly Layer[], placement: Placement): void {
  const pixels = new Uint32Array(target.data.buffer);
  pixels.fill(0);
  for (const [index, layer] of layers.entries()) drawLayer(target, pixels, layer, placement, index > 0);
}

/** Alpha 255 in the highest byte: all platforms of browsers are little-endian. */
const OPAQUE = 0xff000000;

function drawLayer(
  { width, height, data }: ImageData,
  pixels: Uint32Array,
  { plane, range, lut }: Layer,
  { scale, left, top }: Placement,
  add: boolean,
): void {
  const { raster, factor } = plane.version(scale * plane.step);
  const perPixel = scale * plane.step * factor;
  const columns = sourceIndices(width, left, perPixel, raster.width);
  const rows = sourceIndices(height, top, perPixel, raster.height);
  const colours = packed(lut);
  const { values } = raster;
  const slope = 256 / (range.high - range.low || 1);
  for (let y = 0; y < height; y++) {
    if (rows[y] < 0) continue;
    const row = rows[y] * raster.width;
    let at = y * width;
    for (let x = 0; x < width; x++, at++) {
      const column = columns[x];
      if (column < 0) continue;
      const position = (values[row + column] - range.low) * slope;
      // NaN becomes the first colour.
      const index = position >= 255 ? 255 : position > 0 ? position | 0 : 0;
      if (!add) pixels[at] = colours[index];
      else {
        data[at * 4] += lut[index * 3];
        data[at * 4 + 1] += lut[index * 3 + 1];
        data[at * 4 + 2] += lut[index * 3 + 2];
      }
    }
  }
}

/** For each canvas pixel the source's, or -1 outside. */
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
  const colours = Uint32Array.from(
    { length: 256 },
    (_, index) => (OPAQUE | (lut[index * 3 + 2] << 16) | (lut[index * 3 + 1] << 8) | lut[index * 3]) >>> 0,
  );
  packedTables.set(lut, colours);
  return colours;
}
