/** Inspects an image: how it is stored, the range of its pixels, and its NaN and infinite pixels. */
import { openImage } from "./files.ts";
import type { ImageDescription, ImageInfo, ImageShape, ImageSource, OpenOptions, Region } from "./image.ts";
import { storedParts } from "./parts.ts";

/** The largest number of single precision, in which networks compute. */
const LARGEST = (2 - 2 ** -23) * 2 ** 127;

/** Pixels that are NaN, infinite, or too large for single precision. */
export interface NonFinite {
  readonly count: number;
  /** How many of them are numbers that are too large. */
  readonly tooLarge: number;
  /** The first of them, in the order of the pixels. */
  readonly first: { readonly z: number; readonly y: number; readonly x: number; readonly channel: number };
}

/** What a scan of the pixels found. */
export interface PixelScan {
  /** The smallest and largest finite values; undefined if there are none. */
  readonly range?: readonly [least: number, largest: number];
  readonly nonFinite?: NonFinite;
  /** False if the time limit ended the scan: the results then cover part of the image. */
  readonly complete: boolean;
}

export interface Inspection {
  readonly info: ImageInfo;
  readonly description: ImageDescription;
  readonly scan: PixelScan;
}

/** Values per read: a slow disk delivers them within a few seconds. */
const PART_VALUES = 2 ** 22;
/** Pieces with more values are not read whole: no stored chunk of this size can be decoded. */
const MOST_PIECE_VALUES = 2 ** 29;

export interface ScanSettings {
  /** Time limit, checked before each part but the first. Defaults to none. */
  readonly milliseconds?: number;
  /** Called after the file is opened, and after each part. */
  readonly progress?: () => void;
}

/** Opens an image and scans its pixels. Throws {@link ImageError}. */
export async function inspectImage(
  path: string,
  options?: OpenOptions,
  settings: ScanSettings = {},
): Promise<Inspection> {
  const source = await openImage(path, options);
  try {
    settings.progress?.();
    await source.checkPages?.();
    settings.progress?.();
    const { info, description } = source;
    return { info, description, scan: await scanPixels(source, settings) };
  } finally {
    await source.close();
  }
}

/** A readable image: what a run must know before it starts. */
export interface CheckedImage {
  readonly info: ImageInfo;
  readonly nonFinite?: NonFinite;
}

/**
 * Checks all pages and reads the first row of the first stored piece and the last row of the last one, which finds truncated and damaged
 * files before a run. Floating-point images are read whole, in parts, as far as the time limit allows: a single NaN pixel would spread to
 * all weights of a network. Throws {@link ImageError}.
 */
export async function checkImage(
  path: string,
  options?: OpenOptions,
  settings: ScanSettings = {},
): Promise<CheckedImage> {
  const source = await openImage(path, options);
  try {
    settings.progress?.();
    await source.checkPages?.();
    const { info } = source;
    const [depth, height, width] = info.shape;
    // A row of a volume of 40 GB has a hundred pieces and more.
    const read = Math.min(source.piece[2], width);
    await source.read({ start: [0, 0, 0], end: [1, 1, read] });
    settings.progress?.();
    await source.read({ start: [depth - 1, height - 1, width - read], end: [depth, height, width] });
    if (!info.sampleType.startsWith("float")) return { info };
    settings.progress?.();
    return { info, nonFinite: (await scanPixels(source, settings)).nonFinite };
  } finally {
    await source.close();
  }
}

/** Returns the range of an image's pixels and counts its non-finite ones. Parts are read one after the other. */
async function scanPixels(
  source: ImageSource,
  { milliseconds = Number.POSITIVE_INFINITY, progress = () => {} }: ScanSettings,
): Promise<PixelScan> {
  const { shape } = source.info;
  const end = performance.now() + milliseconds;
  let [least, largest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  let [count, tooLarge] = [0, 0];
  let first = Number.POSITIVE_INFINITY;
  let [parts, complete] = [0, true];
  for (const region of storedParts(shape, readablePiece(source), PART_VALUES)) {
    if (parts++ > 0 && performance.now() > end) {
      complete = false;
      break;
    }
    const part = await source.read(region);
    progress();
    for (let at = 0; at < part.data.length; at++) {
      const value = part.data[at] ?? 0;
      const isNumber = value - value === 0;
      if (!isNumber || value > LARGEST || value < -LARGEST) {
        count++;
        if (isNumber) tooLarge++;
        first = Math.min(first, numberOf(at, part.shape, region, shape));
      } else {
        if (value < least) least = value;
        if (value > largest) largest = value;
      }
    }
  }
  return {
    range: least <= largest ? [least, largest] : undefined,
    nonFinite: count > 0 ? { count, tooLarge, first: placeOf(first, shape) } : undefined,
    complete,
  };
}

function readablePiece({ info: { shape }, piece }: ImageSource): ImageSource["piece"] {
  const values = piece.reduce((product, size) => product * size, shape[3]);
  return values <= MOST_PIECE_VALUES ? piece : [1, 1, piece[2]];
}

/** Returns the index in the whole image, `[z, y, x, channel]`, of a value of a part. */
function numberOf(
  at: number,
  part: ImageShape,
  { start }: Region,
  [, height, width, channels]: ImageShape,
): number {
  const { z, y, x, channel } = placeOf(at, part);
  return (((start[0] + z) * height + start[1] + y) * width + start[2] + x) * channels + channel;
}

/** Returns the place of the value at an index. */
function placeOf(at: number, [, height, width, channels]: ImageShape): NonFinite["first"] {
  const pixel = Math.floor(at / channels);
  return {
    z: Math.floor(pixel / (height * width)),
    y: Math.floor(pixel / width) % height,
    x: pixel % width,
    channel: at % channels,
  };
}

/** "1 pixel is not a number, the first at y 5, x 5": z and channel are named where there are several. */
export function describeNonFinite(
  { count, tooLarge, first }: NonFinite,
  [depth, , , channels]: ImageShape,
): string {
  const place = [
    ...(depth > 1 ? [`z ${first.z}`] : []),
    `y ${first.y}`,
    `x ${first.x}`,
    ...(channels > 1 ? [`channel ${first.channel}`] : []),
  ].join(", ");
  const [pixels, notNumbers] =
    count === 1 ? ["1 pixel is", "not a number"] : [`${count} pixels are`, "not numbers"];
  const beyond = "beyond 3.4e38, the largest number of single precision";
  const what = tooLarge === 0 ? notNumbers : tooLarge === count ? beyond : `${notNumbers}, or ${beyond}`;
  return `${pixels} ${what}, the first at ${place}`;
}
