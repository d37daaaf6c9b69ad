/** Reads pictures that are decoded as a whole: PNG, JPEG and BMP. */
import { atLeast } from "../facts/checked-lists.ts";
import { rowMajor } from "../facts/row-major.ts";
import type { Strided } from "./axes.ts";
import { bmpHeader, decodeBmp } from "./bmp.ts";
import { readSmallFile } from "./file-bytes.ts";
import { ImageError, SAMPLE_ARRAYS, type SampleType } from "./image.ts";
import { decodeJpeg, jpegHeader } from "./jpeg.ts";
import type { Picture } from "./picture.ts";
import { decodePng } from "./png.ts";
import type { Probe } from "./stored-array.ts";

const MOST_FILE_BYTES = 2 ** 29;
/** Limit on the decoded bytes of a picture, which is decoded as a whole; libraries take up to three times as much. */
const MOST_BYTES = 2 ** 28;

interface Header {
  readonly height: number;
  readonly width: number;
  readonly samples: number;
  readonly sampleType: SampleType;
  readonly storedType: string;
}

/** Returns a probe that decodes the pixels on the first read. */
function probeOf(
  path: string,
  header: Header,
  names: { readonly format: string; readonly compression: string },
  decode: () => Promise<Picture>,
): Probe {
  const { height, width, samples, sampleType, storedType } = header;
  if (height * width * samples * SAMPLE_ARRAYS[sampleType].BYTES_PER_ELEMENT > MOST_BYTES)
    throw new ImageError(
      path,
      `${path}: has ${height} x ${width} pixels, more than can be decoded at once. Save it as a tiled TIFF.`,
    );
  const shape = [height, width, ...(samples > 1 ? [samples] : [])];
  const strides = rowMajor(shape);
  let decoded: Promise<Picture> | undefined;
  return {
    ...names,
    axes: { order: samples > 1 ? "YXS" : "YX", reason: "it is a picture" },
    storedType,
    others: [],
    array: {
      shape,
      sampleType,
      chunks: shape,
      read: async (ranges): Promise<Strided> => {
        const [[y0, y1], [x0, x1]] = atLeast(ranges, 2, "A box of a picture");
        decoded ??= decode();
        const picture = await decoded;
        if (picture.height !== height || picture.width !== width || picture.samples !== samples)
          throw new Error("its pixels do not fit its header");
        const from = (y0 * width + x0) * samples;
        const end = ((y1 - 1) * width + x1) * samples;
        return { data: picture.data.subarray(from, end), strides };
      },
      close: async () => {
        decoded = undefined;
      },
    },
  };
}

/** Samples per pixel by PNG's color type (PNG 3rd edition, 11.2.1). */
const PNG_SAMPLES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 3, 4: 2, 6: 4 };

/** Returns the number of frames of an animated PNG (chunk acTL, before the pixels); 1 for other PNGs. */
function animationFrames(bytes: Buffer): number {
  for (let at = 8; at + 12 <= bytes.length; at += 12 + bytes.readUInt32BE(at)) {
    const kind = bytes.toString("latin1", at + 4, at + 8);
    if (kind === "acTL") return bytes.readUInt32BE(at + 8);
    if (kind === "IDAT") break;
  }
  return 1;
}

export async function probePng(path: string): Promise<Probe> {
  const bytes = await readSmallFile(path, MOST_FILE_BYTES);
  const kind = bytes.length < 33 ? Number.NaN : bytes.readUInt8(25);
  const samples = PNG_SAMPLES[kind];
  if (samples === undefined) throw new ImageError(path, `${path}: is no PNG file, or damaged.`);
  const depth = bytes.readUInt8(24);
  if (depth < 8 && bytes.readUInt8(28) === 1)
    throw new ImageError(
      path,
      `${path}: is an interlaced PNG of ${depth} bits, which is not read. Save it without interlacing.`,
    );
  const frames = animationFrames(bytes);
  if (frames > 1)
    throw new ImageError(path, `${path}: is an animation of ${frames} frames. Save each as a separate file.`);
  const header: Header = {
    width: bytes.readUInt32BE(16),
    height: bytes.readUInt32BE(20),
    samples,
    sampleType: depth === 16 ? "uint16" : "uint8",
    storedType: depth < 8 ? `${depth}-bit` : `uint${depth}`,
  };
  return probeOf(path, header, { format: "PNG", compression: "deflate" }, async () => decodePng(bytes));
}

export async function probeJpeg(path: string): Promise<Probe> {
  const bytes = await readSmallFile(path, MOST_FILE_BYTES);
  const { width, height, components } = jpegHeader(bytes);
  const header = { width, height, samples: components, sampleType: "uint8", storedType: "uint8" } as const;
  return probeOf(path, header, { format: "JPEG", compression: "JPEG" }, () => decodeJpeg(bytes));
}

export async function probeBmp(path: string): Promise<Probe> {
  const bytes = await readSmallFile(path, MOST_FILE_BYTES);
  const bmp = bmpHeader(path, bytes);
  const colors = bmp.opacity ? 4 : 3;
  const header: Header = {
    width: bmp.width,
    height: bmp.height,
    samples: bmp.gray ? 1 : colors,
    sampleType: "uint8",
    storedType: bmp.depth === 1 ? "1-bit" : "uint8",
  };
  return probeOf(path, header, { format: "BMP", compression: "none" }, async () => decodeBmp(bytes, bmp));
}
