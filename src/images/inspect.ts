/** Looks at an image as a whole: what it is, how it is stored, the range of its pixels, and those that are no numbers. */
import { openImage } from "./files.ts";
import type { ImageDescription, ImageInfo, ImageShape, ImageSource, OpenOptions, Region } from "./image.ts";
import { storedParts } from "./parts.ts";

/** Pixels that are not a number or infinite. */
export interface NonFinite {
  readonly count: number;
  /** The first of them, in the order of the pixels. */
  readonly first: { readonly z: number; readonly y: number; readonly x: number; readonly channel: number };
}

/** What a scan of the pixels found. */
export interface PixelScan {
  /** The least and the largest of the finite values; undefined where there are none. */
  readonly range?: readonly [least: number, largest: number];
  readonly nonFinite?: NonFinite;
  /** False where time ran out first: then the above holds for a part of the image. */
  readonly complete: boolean;
}

export interface Inspection {
  readonly info: ImageInfo;
  readonly description: ImageDescription;
  readonly scan: PixelScan;
}

/** Values of a part that is read at once: a slow disk reads them within a few seconds. */
const PART_VALUES = 2 ** 22;
/** Larger pieces are not read along: none of a chunk of this size that is stored can be decoded. */
const MOST_PIECE_VALUES = 2 ** 29;

export interface ScanSettings {
  /** Time after which no further part is read; unlimited by default. */
  readonly milliseconds?: number;
  /** Called when the file is open, and after each part of its pixels. */
  readonly progress?: () => void;
}

/** Opens an image and looks at its pixels. Throws {@link ImageError}. */
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

/** An image that can be read, as far as a run needs to know beforehand. */
export interface CheckedImage {
  readonly info: ImageInfo;
  readonly nonFinite?: NonFinite;
}

/**
 * Looks at all pages and reads the first row and the last one: a file that is cut short or damaged is found now. Images of floating
 * point are read whole, in parts: a network would learn nothing but NaN from a pixel that is not a number. Throws {@link ImageError}.
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
    await source.read({ start: [0, 0, 0], end: [1, 1, width] });
    settings.progress?.();
    await source.read({ start: [depth - 1, height - 1, 0], end: [depth, height, width] });
    if (!info.sampleType.startsWith("float")) return { info };
    settings.progress?.();
    return { info, nonFinite: (await scanPixels(source, settings)).nonFinite };
  } finally {
    await source.close();
  }
}

/** The range of an image's pixels, and those that are no finite numbers. Parts are read one after the other. */
async function scanPixels(
  source: ImageSource,
  { milliseconds = Number.POSITIVE_INFINITY, progress = () => {} }: ScanSettings,
): Promise<PixelScan> {
  const { shape } = source.info;
  const end = performance.now() + milliseconds;
  let [least, largest, count] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  let first = Number.POSITIVE_INFINITY;
  let complete = true;
  for (const region of storedParts(shape, readablePiece(source), PART_VALUES)) {
    if (performance.now() > end) {
      complete = false;
      break;
    }
    const part = await source.read(region);
    progress();
    for (let at = 0; at < part.data.length; at++) {
      const value = part.data[at] ?? 0;
      if (value - value !== 0) {
        count++;
        first = Math.min(first, numberOf(at, part.shape, region, shape));
      } else {
        if (value < least) least = value;
        if (value > largest) largest = value;
      }
    }
  }
  return {
    range: least <= largest ? [least, largest] : undefined,
    nonFinite: count > 0 ? { count, first: placeOf(first, shape) } : undefined,
    complete,
  };
}

function readablePiece({ info: { shape }, piece }: ImageSource): ImageSource["piece"] {
  const values = piece.reduce((product, size) => product * size, shape[3]);
  return values <= MOST_PIECE_VALUES ? piece : [1, 1, piece[2]];
}

/** The number of a part's value in the whole image, in the order of the pixels. */
function numberOf(
  at: number,
  part: ImageShape,
  { start }: Region,
  [, height, width, channels]: ImageShape,
): number {
  const { z, y, x, channel } = placeOf(at, part);
  return (((start[0] + z) * height + start[1] + y) * width + start[2] + x) * channels + channel;
}

/** Where the value of a number lies. */
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
export function describeNonFinite({ count, first }: NonFinite, [depth, , , channels]: ImageShape): string {
  const place = [
    ...(depth > 1 ? [`z ${first.z}`] : []),
    `y ${first.y}`,
    `x ${first.x}`,
    ...(channels > 1 ? [`channel ${first.channel}`] : []),
  ].join(", ");
  const what = count === 1 ? "1 pixel is not a number" : `${count} pixels are not numbers`;
  return `${what}, the first at ${place}`;
}
