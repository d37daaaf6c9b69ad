/** Writes TIFFs that are both ImageJ TIFF and OME-TIFF: one page per plane, channels vary fastest, deflate compression (TIFF 6.0, Adobe's tag values). */

import { open, rm } from "node:fs/promises";
import { basename } from "node:path";
import { promisify } from "node:util";
import { deflate } from "node:zlib";
import { at } from "../facts/checked-lists.ts";
import { moveIntoPlace } from "../facts/files/move-into-place.ts";
import { explainingErrors, temporaryName, writeAll } from "../facts/files/write-file.ts";
import {
  type Image,
  type ImageShape,
  type PixelSize,
  SAMPLE_ARRAYS,
  type SampleArray,
  type SampleType,
} from "./image.ts";
import { COMPRESSION } from "./tiff-compressions.ts";
import { imageJDescription, omeDescription } from "./tiff-descriptions.ts";
import { TAG } from "./tiff-directory.ts";

const compress = promisify(deflate);

const FORMAT: Record<SampleType, number> = {
  uint8: 1,
  uint16: 1,
  uint32: 1,
  int8: 2,
  int16: 2,
  int32: 2,
  float32: 3,
  float64: 3,
};
const TYPE = { ascii: 2, short: 3, long: 4, rational: 5, long8: 16 } as const;
const BLACK_IS_ZERO = 1;
/** Above this uncompressed size, files are BigTIFF with 64-bit offsets. */
const CLASSIC_LIMIT = 2 ** 32 - 2 ** 24;

/** Limit on the uncompressed size of a strip. */
const STRIP_BYTES = 2 ** 24;

interface Entry {
  readonly tag: number;
  readonly type: keyof typeof TYPE;
  /** A rational is given as its numerator and denominator. */
  readonly value: number | string | readonly number[];
}

const NO_UNIT = 1;
/** Limit of numerator and denominator, of 32 bits. */
const LARGEST_PART = 4e9;

/** Returns the tags for pixels per unit along x and y. ImageJ takes the unit from the description. */
function resolution(size: PixelSize | undefined): Entry[] {
  if (size?.x === undefined || size.y === undefined) return [];
  // The smaller part is a whole number, and the larger one made to fit: the quotient keeps nine digits.
  const whole = (part: number) => Math.min(Math.max(1, Math.floor(part)), LARGEST_PART);
  const perUnit = (length: number) => {
    const smaller = whole(LARGEST_PART * Math.min(length, 1 / length));
    const larger = Math.min(Math.round(smaller * Math.max(length, 1 / length)), LARGEST_PART);
    return length <= 1 ? [larger, smaller] : [smaller, larger];
  };
  return [
    { tag: TAG.xResolution, type: "rational", value: perUnit(size.x) },
    { tag: TAG.yResolution, type: "rational", value: perUnit(size.y) },
    { tag: TAG.resolutionUnit, type: "short", value: NO_UNIT },
  ];
}

/** An image that is written strip by strip, so that it need not fit into memory. */
export interface StripSource {
  readonly shape: ImageShape;
  readonly sampleType: SampleType;
  readonly pixelSize?: PixelSize;
  /** Rows `[from, to)` of one channel of one slice. Called slice by slice in order, and channel by channel within a slice. */
  rows(z: number, channel: number, from: number, to: number): Promise<SampleArray> | SampleArray;
}

/**
 * Returns two descriptions: OME-XML, which Bio-Formats and tifffile expect first, and ImageJ's, which ImageJ expects last. tifffile
 * finds both.
 */
function descriptions(path: string, { shape, sampleType, pixelSize }: StripSource): Entry[] {
  const texts = [
    omeDescription(basename(path), shape, sampleType, pixelSize),
    imageJDescription(shape, pixelSize),
  ];
  return texts.map((value) => ({ tag: TAG.description, type: "ascii", value }));
}

function stripsOf({ shape, sampleType, data }: Image, pixelSize: PixelSize | undefined): StripSource {
  const [, height, width, channels] = shape;
  return {
    shape,
    sampleType,
    pixelSize,
    rows: (z, channel, from, to) =>
      oneChannel(data, channels, channel, (z * height + from) * width, (to - from) * width),
  };
}

/** Returns one channel of `count` pixels, starting at pixel `first`. */
export function oneChannel(
  data: SampleArray,
  channels: number,
  channel: number,
  first: number,
  count: number,
): SampleArray {
  const start = first * channels;
  const picked = data.slice(start, start + count);
  if (channels > 1)
    for (let pixel = 0; pixel < count; pixel++) picked[pixel] = data[start + pixel * channels + channel] ?? 0;
  return picked;
}

/** Encodes a page's directory at `offset`: its entries, then longer values. The next page's offset is left 0. */
function directory(entries: readonly Entry[], offset: number, big: boolean): Buffer {
  const [countBytes, entryBytes, fieldBytes] = big ? [8, 20, 8] : [2, 12, 4];
  const put = (bytes: Buffer, value: number, at: number) =>
    big ? bytes.writeBigUInt64LE(BigInt(value), at) : bytes.writeUInt32LE(value, at);
  const behind = entries.map(({ type, value }) => {
    if (type === "rational" && typeof value !== "string") {
      const parts = Buffer.alloc(8);
      [value].flat().forEach((part, index) => {
        parts.writeUInt32LE(part, 4 * index);
      });
      return parts;
    }
    if (typeof value === "string") return Buffer.from(`${value}\0`);
    if (typeof value === "number" || value.length === 1) return Buffer.alloc(0);
    const list = Buffer.alloc(value.length * fieldBytes);
    value.forEach((each, index) => {
      put(list, each, index * fieldBytes);
    });
    return list;
  });
  const tableBytes = countBytes + entries.length * entryBytes + fieldBytes;
  const total = Math.ceil((tableBytes + behind.reduce((sum, { length }) => sum + length, 0)) / 8) * 8;
  const bytes = Buffer.alloc(total);
  if (big) put(bytes, entries.length, 0);
  else bytes.writeUInt16LE(entries.length, 0);
  let behindAt = tableBytes;
  entries.forEach(({ tag, type, value }, index) => {
    const start = countBytes + index * entryBytes;
    const more = at(behind, index);
    bytes.writeUInt16LE(tag, start);
    bytes.writeUInt16LE(TYPE[type], start + 2);
    const count = typeof value === "string" ? more.length : type === "rational" ? 1 : [value].flat().length;
    put(bytes, count, start + 4);
    const field = start + 4 + fieldBytes;
    // A value that fits is stored in its field.
    if (type === "rational" && more.length <= fieldBytes) more.copy(bytes, field);
    else if (more.length > 0) {
      put(bytes, offset + behindAt, field);
      more.copy(bytes, behindAt);
      behindAt += more.length;
    } else if (type === "short") bytes.writeUInt16LE(Number(value), field);
    else put(bytes, Number(value), field);
  });
  return bytes;
}

/**
 * Writes an image that ImageJ, Bio-Formats and tifffile open with its axes and pixel size. Writes a temporary file, then renames it.
 *
 * @param image `[z, y, x, channel]`; ImageJ displays only uint8, uint16 and float32
 */
export async function writeTiff(path: string, image: Image, pixelSize?: PixelSize): Promise<void> {
  await writeTiffStrips(path, stripsOf(image, pixelSize));
}

/** Writes a TIFF as {@link writeTiff} does, but strip by strip. Throws `ResultError`, and what `image` throws. */
export const writeTiffStrips = (path: string, image: StripSource): Promise<void> =>
  explainingErrors(path, () => writeStrips(path, image));

async function writeStrips(path: string, image: StripSource): Promise<void> {
  const [z, height, width, channels] = image.shape;
  const { BYTES_PER_ELEMENT: sampleBytes } = SAMPLE_ARRAYS[image.sampleType];
  const big = z * height * width * channels * sampleBytes > CLASSIC_LIMIT;
  const rowsPerStrip = Math.min(height, Math.max(1, Math.floor(STRIP_BYTES / (width * sampleBytes))));
  const temporary = temporaryName(path);
  const file = await open(temporary, "wx");
  try {
    const header = big ? Buffer.alloc(16) : Buffer.alloc(8);
    header.write("II");
    header.writeUInt16LE(big ? 43 : 42, 2);
    if (big) header.writeUInt16LE(8, 4);
    let offset = header.length;
    const append = async (bytes: Uint8Array) => {
      await writeAll(file, bytes, offset);
      offset += Math.ceil(bytes.length / 8) * 8;
    };
    await writeAll(file, header, 0);
    // Position of the link to the next directory.
    let link = big ? 8 : 4;
    for (let plane = 0; plane < z * channels; plane++) {
      const [stripOffsets, stripBytes]: [number[], number[]] = [[], []];
      for (let from = 0; from < height; from += rowsPerStrip) {
        const to = Math.min(from + rowsPerStrip, height);
        const rows = await image.rows(Math.floor(plane / channels), plane % channels, from, to);
        const strip = await compress(new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength));
        stripOffsets.push(offset);
        stripBytes.push(strip.length);
        await append(strip);
      }
      const offsetType = big ? "long8" : "long";
      const entries: Entry[] = [
        { tag: TAG.width, type: "long", value: width },
        { tag: TAG.height, type: "long", value: height },
        { tag: TAG.bits, type: "short", value: 8 * sampleBytes },
        { tag: TAG.compression, type: "short", value: COMPRESSION.deflate },
        { tag: TAG.photometric, type: "short", value: BLACK_IS_ZERO },
        ...(plane === 0 ? descriptions(path, image) : []),
        { tag: TAG.stripOffsets, type: offsetType, value: stripOffsets },
        { tag: TAG.samples, type: "short", value: 1 },
        { tag: TAG.rowsPerStrip, type: "long", value: rowsPerStrip },
        { tag: TAG.stripBytes, type: offsetType, value: stripBytes },
        ...(plane === 0 ? resolution(image.pixelSize) : []),
        { tag: TAG.sampleFormat, type: "short", value: FORMAT[image.sampleType] },
      ];
      const linked = Buffer.alloc(big ? 8 : 4);
      if (big) linked.writeBigUInt64LE(BigInt(offset));
      else linked.writeUInt32LE(offset);
      await writeAll(file, linked, link);
      link = offset + (big ? 8 + entries.length * 20 : 2 + entries.length * 12);
      await append(directory(entries, offset, big));
    }
    await file.close();
    await moveIntoPlace(temporary, path);
  } catch (error) {
    await file.close().catch(() => {});
    await rm(temporary, { force: true });
    throw error;
  }
}
