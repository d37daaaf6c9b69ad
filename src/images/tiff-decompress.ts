/** Decompresses strips and tiles of TIFFs: plain bytes, or embedded pictures (JPEG, JPEG 2000, WebP, PNG, LERC). */
import { inflateXz, inflateZlib, inflateZstd } from "./decompress.ts";
import { type SampleArray, sampleArray } from "./image.ts";
import { decodeJpeg, decodeSubsampledJpeg, isJfif, isSubsampled } from "./jpeg.ts";
import { decodeJpeg2000 } from "./jpeg2000.ts";
import type { Picture } from "./picture.ts";
import { swapBytes } from "./samples.ts";
import { decodeLzw, decodePackBits } from "./tiff-codecs.ts";
import { COMPRESSION, compressionName } from "./tiff-compressions.ts";
import { TAG } from "./tiff-directory.ts";
import { type Page, pageSampleType, typeName } from "./tiff-page.ts";

/** Returns the limit on decompressed data, which may exceed the pixels: writers may pad the last strip. */
export const mostBytes = (needed: number): number => 2 * needed + 65_536;

/** Decompresses a strip or tile whose pixels have `needed` bytes. */
export async function decompress(page: Page, stored: Buffer, needed: number): Promise<Uint8Array> {
  switch (page.compression) {
    case COMPRESSION.none:
      return stored;
    case COMPRESSION.deflate:
    case COMPRESSION.deflateOld:
      return inflateZlib(stored, mostBytes(needed), needed);
    case COMPRESSION.zstandard:
    case COMPRESSION.zstandardOld:
      return inflateZstd(stored, mostBytes(needed));
    case COMPRESSION.lzma:
      return inflateXz(stored, mostBytes(needed), needed);
    case COMPRESSION.lzw:
      return decodeLzw(stored, needed);
    case COMPRESSION.packBits:
      return decodePackBits(stored, needed);
    default:
      throw unread(page);
  }
}

const unread = ({ tiff, compression }: Page) =>
  tiff.error(
    `is compressed by ${compressionName(compression)}, which is not read. Save it with deflate or LZW.`,
  );

type Decoder = (page: Page, stored: Uint8Array, needed: number) => Promise<Picture>;

const aperioJpeg2000: Decoder = (_, stored) => decodeJpeg2000(stored, true);
const jpeg2000: Decoder = (_, stored) => decodeJpeg2000(stored);
const webp: Decoder = async ({ samples, separate, tiff }, stored) => {
  if (separate || (samples !== 3 && samples !== 4))
    throw tiff.error(
      `is compressed by WebP, which has 3 or 4 samples a pixel, not ${separate ? 1 : samples}.`,
    );
  return (await import("./webp.ts")).decodeWebp(stored, samples);
};

/** Decoders by compression. Packages are loaded on first use. */
const PICTURES: Readonly<Record<number, Decoder>> = {
  [COMPRESSION.jpeg]: decodeTiffJpeg,
  [COMPRESSION.aperioJpeg2000YCbCr]: aperioJpeg2000,
  [COMPRESSION.jpeg2000Lossy]: jpeg2000,
  [COMPRESSION.aperioJpeg2000]: jpeg2000,
  [COMPRESSION.jpeg2000]: jpeg2000,
  [COMPRESSION.lerc]: lerc,
  [COMPRESSION.png]: async (_, stored) => (await import("./png.ts")).decodePng(stored),
  [COMPRESSION.webp]: webp,
};

/** Whether strips and tiles of this compression are embedded pictures. */
export const isPicture = (compression: number): boolean => Object.hasOwn(PICTURES, compression);

/** Decodes a strip or tile that is an embedded picture, `[y, x, sample]` of `rows` rows. */
export async function decodePicture(page: Page, stored: Uint8Array, rows: number): Promise<SampleArray> {
  const { tiff, compression, separate, blockWidth, type, predictor } = page;
  const samples = separate ? 1 : page.samples;
  const count = rows * blockWidth * samples;
  const values = sampleArray(pageSampleType(type), count);
  const name = compressionName(compression);
  if (predictor !== 1) throw tiff.error(`uses a predictor with ${name}, which is not read.`);
  const decode = PICTURES[compression];
  if (decode === undefined) throw unread(page);
  const picture = await decode(page, stored, values.byteLength);
  if (picture.samples !== samples || picture.width !== blockWidth || picture.height < rows)
    throw tiff.error(`has ${name} strips or tiles of another size than it says: it is damaged.`);
  if (picture.data.BYTES_PER_ELEMENT > values.BYTES_PER_ELEMENT)
    throw tiff.error(`says that its pixels are ${typeName(type)}, and its ${name} data have more bits.`);
  values.set(picture.data.subarray(0, count));
  return values;
}

const [RGB, YCBCR] = [2, 6];

async function decodeTiffJpeg(page: Page, stored: Uint8Array): Promise<Picture> {
  const { photometric, separate, directory, tiff, samples, type } = page;
  if (type !== "uint8") throw tiff.error("is compressed by JPEG of more than 8 bits, which is not read.");
  const colored = samples === 3 && !separate;
  if (colored && photometric !== RGB && photometric !== YCBCR)
    throw tiff.error("is compressed by JPEG and does not say what its colors are.");
  const tables = await directory.bytes(TAG.jpegTables);
  if (!colored) return decodeJpeg(stored, "as-marked", tables);
  // A JFIF file has luminance and chrominance, whatever the TIFF says of it, as in tifffile.
  if (photometric === RGB && !isJfif(stored)) return decodeJpeg(stored, "rgb", tables);
  // The tag YCbCrSubsampling is often wrong: the data decide, as in libtiff.
  return isSubsampled(stored) ? decodeSubsampledJpeg(stored, tables) : decodeJpeg(stored, "ycbcr", tables);
}

/** Undoes the second compression of LERC (second value of LercParameters). */
const AFTER_LERC: Readonly<Record<number, (stored: Uint8Array, most: number) => Promise<Uint8Array>>> = {
  0: async (stored) => stored,
  1: inflateZlib,
  2: inflateZstd,
};

async function lerc({ directory, tiff }: Page, stored: Uint8Array, needed: number): Promise<Picture> {
  const [, more = 0] = await directory.numbers(TAG.lercParameters);
  const inflate = AFTER_LERC[more];
  if (inflate === undefined) throw tiff.error(`is compressed by LERC and an unknown compression (${more}).`);
  const { decodeLerc } = await import("./lerc.ts");
  // libtiff swaps the bytes of values before LERC encodes them, so that its NaN would be another number.
  const picture = await decodeLerc(await inflate(stored, mostBytes(needed)), tiff.littleEndian);
  const { buffer, byteOffset, byteLength, BYTES_PER_ELEMENT } = picture.data;
  if (!tiff.littleEndian) swapBytes(new Uint8Array(buffer, byteOffset, byteLength), BYTES_PER_ELEMENT);
  return picture;
}
