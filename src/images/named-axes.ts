/** Which axis of a stored array is which: arrays in Zarr and HDF5 files have no fixed order. */
import { type Image, ImageError, type ImageShape, type Region, type SampleArray } from "./image.ts";

/** One letter an axis, as BiaPy writes them in INPUT_IMG_AXES_ORDER: T, Z, C, Y, X. */
export type AxesOrder = string;

/** Letters for arrays that say nothing themselves, by their number of axes. */
const USUAL: Readonly<Record<number, AxesOrder>> = { 2: "YX", 3: "ZYX", 4: "ZCYX", 5: "TZCYX" };

/** Fewer entries than this along the last of four axes are channels. */
const MOST_CHANNELS = 4;

/**
 * The axes of an array: those that were `asked` for, else the usual ones of so many. Time points stand in for z where there is
 * one z-slice only.
 *
 * @returns nothing for arrays that are no images, or have other axes than were asked for
 */
export function axesOf(shape: readonly number[], asked: AxesOrder | undefined): AxesOrder | undefined {
  const axes = asked?.toUpperCase() ?? usualAxes(shape);
  if (axes?.length !== shape.length) return undefined;
  if (sizeOf("T", shape, axes) === 1 || sizeOf("Z", shape, axes) > 1) return axes;
  return axes.replace("Z", "-").replace("T", "Z").replace("-", "T");
}

/** The axes that a file's own names of them say, one for each; nothing where not all of them are an image's. */
export function namedAxes(names: readonly (string | null)[] | undefined): AxesOrder | undefined {
  const axes = names?.join("").toUpperCase();
  return axes !== undefined && axes.length === names?.length && /^[TZCYX]+$/.test(axes) ? axes : undefined;
}

function usualAxes(shape: readonly number[]): AxesOrder | undefined {
  if (shape.length === 4 && shape[3] <= MOST_CHANNELS && shape[1] > MOST_CHANNELS) return "ZYXC";
  return USUAL[shape.length];
}

/** The size of an axis; 1 where there is none of this letter. */
const sizeOf = (letter: string, shape: readonly number[], axes: AxesOrder): number =>
  axes.includes(letter) ? shape[axes.indexOf(letter)] : 1;

/** The image that an array with these axes holds. Throws {@link ImageError} where it holds several. */
export function imageShape(path: string, shape: readonly number[], axes: AxesOrder): ImageShape {
  const [t, z, y, x, c] = [..."TZYXC"].map((letter) => sizeOf(letter, shape, axes));
  if (t === 1) return [z, y, x, c];
  throw new ImageError(
    path,
    `${path}: it holds ${t} time points of ${z} slices. Save each time point as a file of its own.`,
  );
}

/** The size of the chunks that an array is stored in, along an image's axes. */
export const pieceOf = (
  chunks: readonly number[],
  axes: AxesOrder,
): readonly [z: number, y: number, x: number] => [
  sizeOf("Z", chunks, axes),
  sizeOf("Y", chunks, axes),
  sizeOf("X", chunks, axes),
];

/** What to read along each stored axis for a region of the image. */
export function storedRanges({ start, end }: Region, channels: number, axes: AxesOrder): [number, number][] {
  const place = { Z: 0, Y: 1, X: 2 } as const;
  return [...axes].map((letter): [number, number] => {
    if (letter === "C") return [0, channels];
    const axis = place[letter as keyof typeof place];
    return axis === undefined ? [0, 1] : [start[axis], end[axis]];
  });
}

/** The values of a stored region in the order of an image, `[z, y, x, channel]`. */
export function inImageOrder<T extends SampleArray>(
  stored: T,
  [depth, height, width, channels]: ImageShape,
  axes: AxesOrder,
): T {
  const sizes: Record<string, number> = { Z: depth, Y: height, X: width, C: channels };
  const long = (order: string) => [...order].filter((letter) => (sizes[letter] ?? 1) > 1).join("");
  if (long(axes) === long("ZYXC")) return stored;
  const strides: Record<string, number> = { Z: 0, Y: 0, X: 0, C: 0 };
  let stride = 1;
  for (const letter of [...axes].reverse()) {
    strides[letter] = stride;
    stride *= sizes[letter] ?? 1;
  }
  const ordered = stored.slice() as T;
  let at = 0;
  for (let z = 0; z < depth; z++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        for (let channel = 0; channel < channels; channel++)
          ordered[at++] = stored[z * strides.Z + y * strides.Y + x * strides.X + channel * strides.C];
  return ordered;
}

/** The distance between neighbours along each stored axis in an image's own order, `[z, y, x, channel]`. */
export function stridesOf([, height, width, channels]: ImageShape, axes: AxesOrder): number[] {
  const strides: Record<string, number> = {
    Z: height * width * channels,
    Y: width * channels,
    X: channels,
    C: 1,
  };
  return [...axes].map((letter) => strides[letter] ?? 0);
}

/** An image's values in the order of stored axes. */
export function inStoredOrder(image: Image, axes: AxesOrder): SampleArray {
  const { shape, data } = image;
  if (shape[3] === 1 || axes.endsWith("ZYXC")) return data;
  const strides = stridesOf(shape, axes);
  const sizes = storedShape(shape, axes);
  const ordered = data.slice();
  let to = 0;
  const copy = (axis: number, from: number) => {
    if (axis === sizes.length) ordered[to++] = data[from];
    else for (let at = 0; at < sizes[axis]; at++) copy(axis + 1, from + at * strides[axis]);
  };
  copy(0, 0);
  return ordered;
}

/** The shape of the array that an image is stored in. */
export const storedShape = ([z, y, x, c]: ImageShape, axes: AxesOrder): number[] => {
  const sizes: Record<string, number> = { Z: z, Y: y, X: x, C: c };
  return [...axes].map((letter) => sizes[letter] ?? 1);
};
