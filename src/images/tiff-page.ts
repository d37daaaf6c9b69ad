/** What a page of a TIFF holds: its size, its pixel type, and how its strips or tiles are stored. */
import type { SampleType } from "./image.ts";
import { bytesOf, packedReadAs, readAs, type StoredType, storedType } from "./samples.ts";
import { COMPRESSION } from "./tiff-compressions.ts";
import { type Directory, TAG, type TiffFile } from "./tiff-directory.ts";

/** Whole bytes a value, or unsigned integers packed to fewer bits. */
export type PageType = StoredType | { readonly bits: number };

export interface Page {
  readonly tiff: TiffFile;
  readonly directory: Directory;
  readonly width: number;
  readonly height: number;
  /** Values of a pixel. */
  readonly samples: number;
  /** Whether each sample has a plane of its own in the file. */
  readonly separate: boolean;
  readonly type: PageType;
  readonly compression: number;
  readonly predictor: number;
  readonly photometric: number;
  /** Whether the lowest bit of a byte comes first. */
  readonly reversedBits: boolean;
  readonly tiled: boolean;
  readonly blockWidth: number;
  readonly blockHeight: number;
}

const KINDS: Readonly<Record<number, string>> = {
  1: "uint",
  2: "int",
  3: "float",
  4: "uint",
  5: "complex int",
  6: "complex",
};
const MOST_SAMPLES = 4096;
const [WHITE_IS_ZERO, YCBCR] = [0, 6];

/** Reads a page's directory. Throws {@link ImageError} for what is not read, naming it. */
export async function readPage(tiff: TiffFile, directory: Directory): Promise<Page> {
  const one = async (tag: number, otherwise: number) => (await directory.number(tag)) ?? otherwise;
  const [width, height] = [await one(TAG.width, 0), await one(TAG.height, 0)];
  const samples = await one(TAG.samples, 1);
  if (!(width > 0 && height > 0 && samples > 0 && samples <= MOST_SAMPLES))
    throw tiff.error(`has a page of ${height} x ${width} pixels with ${samples} samples: it is damaged.`);
  const compression = await one(TAG.compression, COMPRESSION.none);
  const photometric = await one(TAG.photometric, 1);
  const tiled = directory.has(TAG.tileWidth);
  const rows = await one(TAG.rowsPerStrip, height);
  const page = {
    tiff,
    directory,
    width,
    height,
    samples,
    separate: samples > 1 && (await one(TAG.planar, 1)) === 2,
    type: await pageType(tiff, directory, samples),
    compression,
    predictor: await one(TAG.predictor, 1),
    photometric,
    reversedBits: (await one(TAG.fillOrder, 1)) === 2,
    tiled,
    blockWidth: tiled ? await one(TAG.tileWidth, 0) : width,
    blockHeight: tiled ? await one(TAG.tileHeight, 0) : Math.min(rows === 0 ? height : rows, height),
  };
  if (!directory.has(TAG.samples) && directory.count(TAG.bits) > 1)
    throw tiff.error(
      `does not say how many samples a pixel has, and gives the bits of ${directory.count(TAG.bits)}: it is damaged.`,
    );
  if (page.blockWidth < 1 || page.blockHeight < 1)
    throw tiff.error("has tiles without a size: it is damaged.");
  if (photometric === YCBCR && (compression !== COMPRESSION.jpeg || page.separate))
    throw tiff.error(
      `stores color as luminance and chrominance (YCbCr ${page.separate ? "in separate planes" : "without JPEG"}), which is not read. Save it as RGB.`,
    );
  if ((await one(TAG.imageDepth, 1)) > 1 || (await one(TAG.tileDepth, 1)) > 1)
    throw tiff.error(
      "has pages of several slices each (ImageDepth), which are not read. Save a page a slice.",
    );
  return page;
}

async function pageType(tiff: TiffFile, directory: Directory, samples: number): Promise<PageType> {
  const bits = await directory.numbers(TAG.bits);
  const formats = await directory.numbers(TAG.sampleFormat);
  const [bit, format] = [bits[0] ?? 1, formats[0] ?? 1];
  if ([...bits, ...formats].length > 2 * MOST_SAMPLES)
    throw tiff.error("has too many samples: it is damaged.");
  if (
    bits.slice(0, samples).some((each) => each !== bit) ||
    formats.slice(0, samples).some((each) => each !== format)
  )
    throw tiff.error(`its samples differ in type (${bits.join(", ")} bits), which is not read.`);
  const kind = KINDS[format] ?? "uint";
  const whole = storedType(`${kind}${bit}`);
  if (whole !== undefined) return whole;
  // Writers differ in the byte order of 24 bits.
  if (kind === "uint" && bit >= 1 && bit <= 32 && bit !== 24) return { bits: bit };
  throw tiff.error(`its pixels are ${bit}-bit ${kind}, which is not read. Convert it to 8, 16 or 32 bits.`);
}

/** Returns the pixel type that a page is read as. */
export const pageSampleType = (type: PageType): SampleType =>
  typeof type === "string" ? readAs(type) : packedReadAs(type.bits);

export const typeName = (type: PageType): string => (typeof type === "string" ? type : `${type.bits}-bit`);

/** Returns the bytes of `count` values that begin at a byte. */
export const packedBytes = (type: PageType, count: number): number =>
  typeof type === "string" ? count * bytesOf(type) : Math.ceil((count * type.bits) / 8);

/** Whether rows of pixels lie in the file as they are: then part of a strip can be read. */
export function isRaw({ compression, separate, tiled, type, predictor, reversedBits }: Page): boolean {
  const whole = typeof type === "string";
  return compression === COMPRESSION.none && !separate && !tiled && whole && predictor === 1 && !reversedBits;
}

/** Fields that tell what a page's pixels are: pages that agree in them are alike. */
export const KIND_TAGS: readonly number[] = [
  TAG.width,
  TAG.height,
  TAG.bits,
  TAG.samples,
  TAG.sampleFormat,
  TAG.photometric,
  TAG.compression,
  TAG.ycbcrSubsampling,
];

/** Returns in words why two pages cannot be planes of one image; undefined if they can. */
export function difference(page: Page, number: number, first: Page): string | undefined {
  if (page.width !== first.width || page.height !== first.height)
    return `page ${number} is ${page.height} x ${page.width} pixels and the first ${first.height} x ${first.width}: a stack has pages of one size.`;
  if (typeName(page.type) !== typeName(first.type))
    return `page ${number} is ${typeName(page.type)}, page 1 ${typeName(first.type)}: a stack has pages of one type.`;
  if ((page.photometric === WHITE_IS_ZERO) !== (first.photometric === WHITE_IS_ZERO))
    return `page ${number} and page 1 differ in whether 0 is white: a stack has pages of one kind.`;
  if (page.samples !== first.samples)
    return `page ${number} has ${page.samples} samples a pixel, page 1 ${first.samples}: a stack has pages of one kind.`;
  return undefined;
}
