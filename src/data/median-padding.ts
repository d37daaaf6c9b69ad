/** DATA.TEST.MEDIAN_PADDING: fills the padding around a 3D image with medians of its outer planes, as BiaPy 3.7.1. */
import type { ImageShape } from "../images/image.ts";
import type { NormalizedImage } from "./image-set.ts";
import { type Axis, type Box, boxOf, perAxis, type TilingSettings, tileGrid } from "./tiling.ts";

/** Fills the padded positions of a normalized patch `[z, y, x, channel]` that starts at `start`, in place. */
export type PaddingFill = (patch: Float32Array, start: Box) => void;

/**
 * Measures an image's outer planes. Returns undefined if no patch is padded.
 *
 * The image is first completed to the size of a patch by reflection; then each side gets the median of its outermost plane over all
 * channels. In edges and corners x wins over y, and y over z. BiaPy ends the far side of y where the image's depth plus the padding
 * ends, not its height: beyond that, positions stay reflected. In volumes less deep than high this side is therefore not filled.
 */
export async function medianPadding(
  image: NormalizedImage,
  tiling: TilingSettings,
): Promise<PaddingFill | undefined> {
  const { shape } = image.info;
  const { patch } = tiling;
  const [, , , channels] = shape;
  const padding = paddingOf(shape, tiling);
  if (padding.every((size) => size === 0)) return undefined;
  const completed = boxOf((axis) => Math.max(shape[axis], patch[axis]));
  const before = boxOf((axis) => completed[axis] - shape[axis]);
  const plane = async (along: Axis, at: number) => {
    const start = boxOf((axis) => (axis === along ? at : 0) - before[axis]);
    const size = boxOf((axis) => (axis === along ? 1 : completed[axis]));
    return median(await image.patch(start, size));
  };
  const sides: { readonly near: number; readonly far: number }[] = [];
  for (const axis of [0, 1, 2] as const)
    sides.push({ near: await plane(axis, 0), far: await plane(axis, completed[axis] - 1) });
  /** Returns the median that each position of a patch shows along an axis; undefined inside the image. */
  const along = (axis: Axis, start: number): (number | undefined)[] =>
    Array.from({ length: patch[axis] }, (_, index) => {
      const position = start + index + before[axis];
      if (position < 0) return sides[axis]?.near;
      const filled = axis === 1 ? completed[0] + padding[1] : Infinity;
      return position >= completed[axis] && position < filled ? sides[axis]?.far : undefined;
    });
  return (values, start) => {
    const [ofZ, ofY, ofX] = perAxis((axis) => along(axis, start[axis]));
    let at = 0;
    for (const z of ofZ)
      for (const y of ofY)
        for (const x of ofX) {
          const value = x ?? y ?? z;
          if (value !== undefined) values.fill(value, at, at + channels);
          at += channels;
        }
  };
}

/** Returns the padding of a patch: none if the image is one patch. */
function paddingOf(shape: ImageShape, tiling: TilingSettings): Box {
  const grid = tileGrid(shape, tiling);
  return boxOf((axis) => grid[axis].padding);
}

/** Returns the median, as NumPy does: the mean of the two middle values of an even number of values. Sorts in place. */
function median(values: Float32Array): number {
  values.sort();
  const middle = values.length >> 1;
  const [below, above] = [values[middle - 1] ?? 0, values[middle] ?? 0];
  return values.length % 2 === 1 ? above : Math.fround((below + above) / 2);
}
