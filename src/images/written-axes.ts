/** The layout of written images, whose axes order is a setting of the configuration. */
import type { AxesOrder } from "./axes.ts";
import type { Image, ImageShape, NewImage, Region, SampleArray } from "./image.ts";

/** Returns the range `[from, to)` to write along each stored axis for a region of the image. */
export function writtenRanges({ start, end }: Region, channels: number, axes: AxesOrder): [number, number][] {
  const ranges: Readonly<Record<string, [number, number]>> = {
    Z: [start[0], end[0]],
    Y: [start[1], end[1]],
    X: [start[2], end[2]],
    C: [0, channels],
  };
  return [...axes].map((letter) => ranges[letter] ?? [0, 1]);
}

/** Returns the strides of an image `[z, y, x, channel]` along each stored axis. */
export function stridesOf([, height, width, channels]: ImageShape, axes: AxesOrder): number[] {
  const strides: Record<string, number> = {
    Z: height * width * channels,
    Y: width * channels,
    X: channels,
    C: 1,
  };
  return [...axes].map((letter) => strides[letter] ?? 0);
}

/** Returns an image's values in the order of the stored axes. */
export function inStoredOrder(image: Image, axes: AxesOrder): SampleArray {
  const { shape, data } = image;
  if (shape[3] === 1 || axes.endsWith("ZYXC")) return data;
  const strides = stridesOf(shape, axes);
  const sizes = storedShape(shape, axes);
  const ordered = data.slice();
  let to = 0;
  const copy = (axis: number, from: number) => {
    const [size, stride] = [sizes[axis], strides[axis] ?? 0];
    if (size === undefined) ordered[to++] = data[from] ?? 0;
    else for (let index = 0; index < size; index++) copy(axis + 1, from + index * stride);
  };
  copy(0, 0);
  return ordered;
}

/** Returns the shape of the stored array. */
export const storedShape = ([z, y, x, c]: ImageShape, axes: AxesOrder): number[] => {
  const sizes: Record<string, number> = { Z: z, Y: y, X: x, C: c };
  return [...axes].map((letter) => sizes[letter] ?? 1);
};

/** Returns the chunk shape of the stored array, which never exceeds the array. */
export const storedChunk = ({ shape, chunk, axes }: Pick<NewImage, "shape" | "chunk" | "axes">): number[] =>
  storedShape(
    [Math.min(chunk[0], shape[0]), Math.min(chunk[1], shape[1]), Math.min(chunk[2], shape[2]), shape[3]],
    axes,
  );
