/** DATA.RESOLUTION_NORM: patches of images at different magnifications, at one pixel size along y and x. */
import type { NormalizedImage } from "./image-set.ts";
import type { Box } from "./tiling.ts";

/**
 * Returns a patch `[z, y, x, channel]` around the middle of a box, normalized, enlarged along y and x. Positions outside the image are
 * mirrored.
 *
 * @param factor magnification: below 1 for a patch that shows more than the box
 * @param labels whether values are class labels, of which the nearest is taken; others are interpolated
 */
export async function magnifiedPatch(
  image: NormalizedImage,
  start: Box,
  size: Box,
  factor: number,
  labels: boolean,
): Promise<Float32Array> {
  const [y, x] = [positions(start[1], size[1], factor), positions(start[2], size[2], factor)];
  const window: Box = [size[0], y.length, x.length];
  const values = await image.patch([start[0], y.from, x.from], window);
  const channels = image.info.shape[3];
  const result = new Float32Array(size[0] * size[1] * size[2] * channels);
  let to = 0;
  for (let plane = 0; plane < size[0]; plane++)
    for (const row of y.at)
      for (const column of x.at)
        for (let channel = 0; channel < channels; channel++) {
          const value = (atY: number, atX: number) =>
            values[((plane * window[1] + atY) * window[2] + atX) * channels + channel] ?? 0;
          result[to++] = labels
            ? value(Math.round(row), Math.round(column))
            : interpolated(value, row, column);
        }
  return result;
}

/** Returns the positions in an image that a patch's pixels show along an axis. Those in `at` count from the pixel `from`. */
function positions(
  start: number,
  size: number,
  factor: number,
): { readonly from: number; readonly length: number; readonly at: readonly number[] } {
  const middle = start + (size - 1) / 2;
  const shown = Array.from({ length: size }, (_, index) => middle + (index - (size - 1) / 2) / factor);
  const from = Math.floor(shown[0] ?? start);
  return {
    from,
    length: Math.ceil(shown.at(-1) ?? start) - from + 2,
    at: shown.map((position) => position - from),
  };
}

function interpolated(value: (y: number, x: number) => number, row: number, column: number): number {
  const [y, x] = [Math.floor(row), Math.floor(column)];
  const [alongY, alongX] = [row - y, column - x];
  const above = value(y, x) + (value(y, x + 1) - value(y, x)) * alongX;
  const below = value(y + 1, x) + (value(y + 1, x + 1) - value(y + 1, x)) * alongX;
  return above + (below - above) * alongY;
}
