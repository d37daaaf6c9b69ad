import type { Lut } from "./luts.ts";
import type { PlaneImage, Range } from "./plane-image.ts";

/** A plane and the mapping of its values to colors. */
export interface Layer {
  readonly plane: PlaneImage;
  readonly range: Range;
  readonly lut: Lut;
}

/** Position of an image on a canvas, in canvas pixels. */
export interface Placement {
  /** Canvas pixels per pixel of the file, along x and y. */
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
 * Draws the sum of layers into some columns (default: all) of the transparent `target`. Computes visible pixels only, so its time
 * depends on the canvas and not on the image. Enlarged pixels are squares; reduced ones are means.
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

/**
 * Sizes a canvas to a square and draws layers into it, fitted and centered.
 *
 * @param side in CSS pixels
 * @param size of the layers, in pixels of the file
 */
export function drawFitted(
  canvas: HTMLCanvasElement,
  side: number,
  layers: readonly Layer[],
  { height, width }: { readonly height: number; readonly width: number },
): void {
  const context = canvas.getContext("2d");
  if (context === null) return;
  const pixels = Math.round(side * devicePixelRatio);
  Object.assign(canvas, { width: pixels, height: pixels });
  const image = context.createImageData(pixels, pixels);
  const scale = Math.min(pixels / width, pixels / height);
  const [left, top] = [(pixels - width * scale) / 2, (pixels - height * scale) / 2];
  drawLayers(image, layers, { scaleX: scale, scaleY: scale, left, top });
  context.putImageData(image, 0, 0);
}

/** Alpha 255 in the highest byte: browsers run on little-endian platforms. */
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
    const row = rows[y] ?? OUTSIDE;
    if (row === OUTSIDE) continue;
    const start = row * raster.width;
    for (let x = from; x < to; x++) {
      const column = columns[x] ?? OUTSIDE;
      if (column === OUTSIDE) continue;
      const position = ((values[start + column] ?? 0) - range.low) * slope;
      // NaN becomes the first color.
      const index = position >= 255 ? 255 : position > 0 ? position | 0 : 0;
      const at = y * width + x;
      if (add) addColor(data, at * 4, lut, index * 3);
      else pixels[at] = colors[index] ?? OPAQUE;
    }
  }
}

/** Adds red, green and blue; the clamped array saturates them. */
function addColor(data: Uint8ClampedArray, at: number, lut: Lut, color: number): void {
  data[at] = (data[at] ?? 0) + (lut[color] ?? 0);
  data[at + 1] = (data[at + 1] ?? 0) + (lut[color + 1] ?? 0);
  data[at + 2] = (data[at + 2] ?? 0) + (lut[color + 2] ?? 0);
}

/** Source index of canvas pixels beside the image. */
const OUTSIDE = -1;

/** Returns the source index of each canvas pixel. */
function sourceIndices(length: number, start: number, perPixel: number, sourceLength: number): Int32Array {
  const indices = new Int32Array(length);
  for (let at = 0; at < length; at++) {
    const source = Math.floor((at + 0.5 - start) / perPixel);
    indices[at] = source >= 0 && source < sourceLength ? source : OUTSIDE;
  }
  return indices;
}

const packedTables = new WeakMap<Lut, Uint32Array>();

function packed(lut: Lut): Uint32Array {
  const known = packedTables.get(lut);
  if (known !== undefined) return known;
  const colors = Uint32Array.from({ length: 256 }, (_, index) => {
    const [red = 0, green = 0, blue = 0] = lut.subarray(index * 3, index * 3 + 3);
    return (OPAQUE | (blue << 16) | (green << 8) | red) >>> 0;
  });
  packedTables.set(lut, colors);
  return colors;
}
