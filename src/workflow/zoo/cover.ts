/** Draws a package's cover: the image on the left, the prediction on the right. */

import { encode } from "fast-png";
import { at, exactly } from "../../facts/checked-lists.ts";

/** A plane of an image's first channel. */
export interface Plane {
  readonly width: number;
  readonly height: number;
  readonly values: Float32Array;
}

/** Side of each half, in pixels: 256 x 256 x 2 gray pixels stay below the Zoo's limit of 500 KB. */
const SIDE = 256;

/** Returns a gray PNG twice as wide as high, each half by its own range. */
export function cover(image: Plane, prediction: Plane): Uint8Array {
  const data = new Uint8Array(2 * SIDE * SIDE);
  for (const [half, plane] of [image, prediction].entries()) {
    const [least, largest] = rangeOf(plane.values);
    const scale = largest > least ? 255 / (largest - least) : 0;
    for (let y = 0; y < SIDE; y++)
      for (let x = 0; x < SIDE; x++) {
        const row = Math.floor((y * plane.height) / SIDE);
        const value = plane.values[row * plane.width + Math.floor((x * plane.width) / SIDE)] ?? 0;
        data[y * 2 * SIDE + half * SIDE + x] = Math.round((value - least) * scale);
      }
  }
  return encode({ width: 2 * SIDE, height: SIDE, data, channels: 1 });
}

/** Returns the smallest and the largest value. */
export function rangeOf(values: Float32Array): [number, number] {
  return values.reduce<[number, number]>(
    ([least, largest], value) => [Math.min(least, value), Math.max(largest, value)],
    [Infinity, -Infinity],
  );
}

/** Returns the middle plane of the first channel of `[1, channel, (z,) y, x]`. */
export function middlePlane(values: Float32Array, shape: readonly number[]): Plane {
  const [y, x] = exactly(shape.slice(-2), 2);
  const z = shape.length === 5 ? at(shape, 2) : 1;
  const start = Math.floor(z / 2) * y * x;
  return { width: x, height: y, values: values.subarray(start, start + y * x) };
}
