/** Which axis of a stored array is which: arrays in Zarr and HDF5 files have no fixed order. */
import type { ImageShape, Region } from "./image.ts";

/** One letter an axis, as BiaPy writes them in INPUT_IMG_AXES_ORDER: T, Z, C, Y, X. */
export type AxesOrder = string;

/** Letters for arrays that say nothing themselves, by their number of axes. */
const USUAL: Readonly<Record<number, AxesOrder>> = { 2: "YX", 3: "ZYX", 4: "ZCYX", 5: "TZCYX" };

/** Fewer entries than this along the last of four axes are channels. */
const MOST_CHANNELS = 4;

/**
 * The axes of an array: those that were `asked` for where their number fits, else the usual ones.
 *
 * @returns nothing for arrays that are no images
 */
export function axesOf(shape: readonly number[], asked: AxesOrder | undefined): AxesOrder | undefined {
  if (asked?.length === shape.length) return asked.toUpperCase();
  if (shape.length === 4 && shape[3] <= MOST_CHANNELS && shape[1] > MOST_CHANNELS) return "ZYXC";
  return USUAL[shape.length];
}

/** The image that an array with these axes holds; the first time point of several. */
export function imageShape(shape: readonly number[], axes: AxesOrder): ImageShape {
  const size = (letter: string) => (axes.includes(letter) ? shape[axes.indexOf(letter)] : 1);
  return [size("Z"), size("Y"), size("X"), size("C")];
}

/** What to read along each stored axis for a region of the image. */
export function storedRanges({ start, end }: Region, channels: number, axes: AxesOrder): [number, number][] {
  const place = { Z: 0, Y: 1, X: 2 } as const;
  return [...axes].map((letter): [number, number] => {
    if (letter === "C") return [0, channels];
    const axis = place[letter as keyof typeof place];
    return axis === undefined ? [0, 1] : [start[axis], end[axis]];
  });
}

/** Calls `move(image index, stored index)` for every value of a region, image order first: `[z, y, x, channel]`. */
export function eachStored(
  [depth, height, width, channels]: ImageShape,
  axes: AxesOrder,
  move: (imageIndex: number, storedIndex: number) => void,
): void {
  const sizes: Record<string, number> = { Z: depth, Y: height, X: width, C: channels };
  const strides: Record<string, number> = { Z: 0, Y: 0, X: 0, C: 0 };
  let stride = 1;
  for (const letter of [...axes].reverse()) {
    strides[letter] = stride;
    stride *= sizes[letter] ?? 1;
  }
  let at = 0;
  for (let z = 0; z < depth; z++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        for (let channel = 0; channel < channels; channel++)
          move(at++, z * strides.Z + y * strides.Y + x * strides.X + channel * strides.C);
}
