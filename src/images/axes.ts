/** Decides which axis of a stored array is which. Every format uses these functions, so that all follow the same precedence. */

import { at } from "../facts/checked-lists.ts";
import { arrayLike } from "../facts/samples.ts";
import { ImageError, type ImageShape, type Region, type SampleArray } from "./image.ts";

/** One letter per axis: T, Z, C, Y, X as BiaPy writes them, and S for the samples of a pixel (red, green, blue). */
export type AxesOrder = string;

/** The axes of an array, and why. */
export interface Axes {
  readonly order: AxesOrder;
  /** A clause: "INPUT_IMG_AXES_ORDER says so". */
  readonly reason: string;
}

/** An unnamed axis with at most this many entries may hold channels. */
const MOST_CHANNELS = 4;

const LETTERS = /^[TZCYXS]+$/;

/**
 * Decides an array's axes: by the configuration, else by the file's own metadata, else by the shape. Time points are read as z
 * if there is a single z-slice.
 *
 * @param asked DATA.*.INPUT_IMG_AXES_ORDER, where it is set
 * @param named what the file itself says
 */
export function decideAxes(
  path: string,
  shape: readonly number[],
  asked: AxesOrder | undefined,
  named: Axes | undefined,
): Axes {
  const found = askedAxes(path, shape, asked, named) ?? named ?? axesByShape(path, shape);
  const { order, reason } = found;
  if (order.includes(UNKNOWN))
    throw new ImageError(
      path,
      `${path}: not all of its axes are known (${reason}). Set DATA.*.INPUT_IMG_AXES_ORDER.`,
    );
  if (order.length !== shape.length || !LETTERS.test(order) || new Set(order).size !== order.length)
    throw new ImageError(path, `${path}: its axes ${order} do not fit an array of ${sizes(shape)}.`);
  if (!order.includes("Y") || !order.includes("X"))
    throw new ImageError(path, `${path}: its axes ${order} lack ${order.includes("Y") ? "X" : "Y"}.`);
  if (sizeOf("T", shape, order) === 1 || sizeOf("Z", shape, order) > 1) return found;
  const swapped = order.replace("Z", "-").replace("T", "Z").replace("-", "T");
  return { order: swapped, reason: `${reason}; time points are read as z` };
}

function askedAxes(
  path: string,
  shape: readonly number[],
  asked: AxesOrder | undefined,
  named: Axes | undefined,
): Axes | undefined {
  if (asked === undefined) return undefined;
  const order = asked.toUpperCase();
  if (order.length === shape.length) return { order, reason: "INPUT_IMG_AXES_ORDER says so" };
  if (named !== undefined)
    return {
      ...named,
      reason: `${named.reason}; INPUT_IMG_AXES_ORDER (${order}) names another number of axes`,
    };
  throw new ImageError(
    path,
    `${path}: INPUT_IMG_AXES_ORDER names ${order.length} axes (${order}), and the array has ${shape.length} (${sizes(shape)}). Write a letter for each, or remove the key.`,
  );
}

/** Derives axes from a shape: up to four entries are channels. Throws {@link ImageError} if the shape is ambiguous. */
function axesByShape(path: string, shape: readonly number[]): Axes {
  const few = (axis: number) => at(shape, axis) <= MOST_CHANNELS;
  const reason = `by its shape (${sizes(shape)})`;
  const last = shape.length - 1;
  if (shape.length === 2) return { order: "YX", reason };
  if (shape.length === 3) return { order: few(2) && !few(0) && !few(1) ? "YXC" : "ZYX", reason };
  if (shape.length === 4 || shape.length === 5) {
    const time = shape.length === 5 ? "T" : "";
    const first = last - 3;
    if (few(last) && !few(last - 1) && !few(last - 2)) return { order: `${time}ZYXC`, reason };
    if (few(first + 1)) return { order: `${time}ZCYX`, reason };
    if (few(first)) return { order: `${time}CZYX`, reason };
    throw new ImageError(
      path,
      `${path}: nothing says which of its axes (${sizes(shape)}) are z and channels. Set DATA.*.INPUT_IMG_AXES_ORDER, such as ${time}ZCYX.`,
    );
  }
  throw new ImageError(
    path,
    `${path}: an array of ${sizes(shape)} has ${shape.length} axes; images have two to five.`,
  );
}

/** Axis letters by the names that files use. */
const NAMES: Readonly<Record<string, string>> = {
  time: "T",
  frame: "T",
  depth: "Z",
  plane: "Z",
  slice: "Z",
  channel: "C",
  channels: "C",
  ch: "C",
  sample: "S",
  height: "Y",
  row: "Y",
  width: "X",
  column: "X",
  col: "X",
};

/** Converts a file's axis names to axes; undefined if one of them is not an image axis. */
export function namedAxes(names: readonly (string | null)[] | undefined, source: string): Axes | undefined {
  if (names === undefined || names.length === 0) return undefined;
  const letters = names.map((name) => NAMES[name?.toLowerCase() ?? ""] ?? name?.toUpperCase() ?? "");
  const order = letters.join("");
  if (order.length !== names.length || !LETTERS.test(order)) return undefined;
  return { order, reason: `${source} says so` };
}

/** Stands for an axis that images do not have. */
const UNKNOWN = "?";

/** Converts axis names of which some are unknown: the image is refused, unless the configuration names its axes. */
export function unknownAxes(names: readonly string[], source: string): Axes {
  const known = names.map((name) => namedAxes([name], "")?.order ?? UNKNOWN);
  return {
    order: known.join(""),
    reason: [source, names.filter((name) => name !== UNKNOWN).join(", ")].join(" ").trim(),
  };
}

const sizes = (shape: readonly number[]): string => shape.join(" x ");

/** Returns the size along an axis; 1 where the array lacks the axis. `axes` has a letter for each size. */
export const sizeOf = (letter: string, shape: readonly number[], axes: AxesOrder): number =>
  axes.includes(letter) ? at(shape, axes.indexOf(letter)) : 1;

/** Returns the shape of the image in an array with these axes. Throws {@link ImageError} if it is empty or holds several time points. */
export function imageShape(path: string, shape: readonly number[], axes: AxesOrder): ImageShape {
  const size = (letter: string) => sizeOf(letter, shape, axes);
  const [t, z, y, x, c, s] = [size("T"), size("Z"), size("Y"), size("X"), size("C"), size("S")];
  if (shape.includes(0)) throw new ImageError(path, `${path}: its image is empty (${sizes(shape)} pixels).`);
  if (t === 1) return [z, y, x, c * s];
  throw new ImageError(
    path,
    `${path}: it holds ${t} time points of ${z} slices. Save each time point as a file of its own.`,
  );
}

/** Returns an array's chunk size along z, y and x. */
export const pieceOf = (
  chunks: readonly number[],
  axes: AxesOrder,
): readonly [z: number, y: number, x: number] => [
  sizeOf("Z", chunks, axes),
  sizeOf("Y", chunks, axes),
  sizeOf("X", chunks, axes),
];

const PLACE: Readonly<Record<string, 0 | 1 | 2>> = { Z: 0, Y: 1, X: 2 };

/** Returns the range `[from, to)` to read along each stored axis for a region of the image. */
export function storedRanges(
  { start, end }: Region,
  shape: readonly number[],
  axes: AxesOrder,
): [number, number][] {
  return [...axes].map((letter, axis): [number, number] => {
    const place = PLACE[letter];
    if (place !== undefined) return [start[place], end[place]];
    return letter === "T" ? [0, 1] : [0, at(shape, axis)];
  });
}

/** Values with their strides: the distance between neighbors along each stored axis. */
export interface Strided {
  readonly data: SampleArray;
  readonly strides: readonly number[];
}

/**
 * Reorders the values of a stored region to `[z, y, x, channel]`; samples of a pixel vary faster than channels.
 *
 * @param stored its values; returned without a copy if they are in that order already
 */
export function inImageOrder(
  { data, strides }: Strided,
  [depth, height, width, channels]: ImageShape,
  axes: AxesOrder,
  samples: number,
): SampleArray {
  const step = (letter: string) => (axes.includes(letter) ? at(strides, axes.indexOf(letter)) : 0);
  const [stepZ, stepY, stepX, stepC, stepS] = [step("Z"), step("Y"), step("X"), step("C"), step("S")];
  const wanted: readonly (readonly [size: number, step: number, row: number])[] = [
    [depth, stepZ, height * width * channels],
    [height, stepY, width * channels],
    [width, stepX, channels],
    [channels / samples, stepC, samples],
    [samples, stepS, 1],
  ];
  const count = depth * height * width * channels;
  if (wanted.every(([size, has, row]) => size === 1 || has === row))
    return data.length === count ? data : data.subarray(0, count);
  const ordered = arrayLike(data, count);
  const offsets = Array.from(
    { length: channels },
    (_, channel) => Math.floor(channel / samples) * stepC + (channel % samples) * stepS,
  );
  let to = 0;
  for (let z = 0; z < depth; z++)
    for (let y = 0; y < height; y++) {
      let from = z * stepZ + y * stepY;
      if (channels === 1) for (let x = 0; x < width; x++, from += stepX) ordered[to++] = data[from] ?? 0;
      else
        for (let x = 0; x < width; x++, from += stepX)
          for (let channel = 0; channel < channels; channel++)
            ordered[to++] = data[from + (offsets[channel] ?? 0)] ?? 0;
    }
  return ordered;
}
