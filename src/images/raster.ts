/** Reads pictures that are decoded as a whole: PNG, JPEG and BMP. */
import { decode as decodeBmp } from "bmp-ts";
import { atLeast } from "../facts/checked-lists.ts";
import { rowMajor, type Strided } from "./axes.ts";
import { readSmallFile } from "./file-bytes.ts";
import { ImageError, type SampleType } from "./image.ts";
import { decodeJpeg, jpegHeader } from "./jpeg.ts";
import type { Picture } from "./picture.ts";
import { decodePng } from "./png.ts";
import type { Probe } from "./stored-array.ts";

const MOST_FILE_BYTES = 2 ** 29;
/** Limit on the pixels of a picture, which is decoded as a whole. */
const MOST_PIXELS = 2 ** 27;

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
  if (height * width > MOST_PIXELS)
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

export async function probePng(path: string): Promise<Probe> {
  const bytes = await readSmallFile(path, MOST_FILE_BYTES);
  const kind = bytes.length < 33 ? Number.NaN : bytes.readUInt8(25);
  const samples = PNG_SAMPLES[kind];
  if (samples === undefined) throw new ImageError(path, `${path}: is no PNG file, or damaged.`);
  const depth = bytes.readUInt8(24);
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
  if (bytes.length < 54) throw new ImageError(path, `${path}: is no BMP file, or damaged.`);
  const [width, height] = [bytes.readInt32LE(18), Math.abs(bytes.readInt32LE(22))];
  const depth = bytes.readUInt16LE(28);
  if (!(width > 0 && height > 0)) throw new ImageError(path, `${path}: is no BMP file, or damaged.`);
  if (![1, 4, 8, 24, 32].includes(depth))
    throw new ImageError(path, `${path}: is a BMP of ${depth} bits, which is not read. Save it as PNG.`);
  if (![0, 3].includes(bytes.readUInt32LE(30)))
    throw new ImageError(
      path,
      `${path}: is a BMP with run-length compression, which is not read. Save it as PNG.`,
    );
  const gray = depth <= 8 && isGrayPalette(bytes, depth);
  const header: Header = {
    width,
    height,
    samples: gray ? 1 : 3,
    sampleType: "uint8",
    storedType: depth === 1 ? "1-bit" : "uint8",
  };
  return probeOf(path, header, { format: "BMP", compression: "none" }, async () => {
    // The package returns alpha, blue, green, red; its other order applies to some bit depths only.
    const picture = decodeBmp(bytes);
    const { samples } = header;
    const data = new Uint8Array(width * height * samples);
    const scale = gray && depth === 1 ? 255 : 1;
    for (let pixel = 0; pixel < width * height; pixel++)
      for (let sample = 0; sample < samples; sample++)
        data[pixel * samples + sample] = (picture.data[pixel * 4 + 3 - sample] ?? 0) / scale;
    return { width, height, samples, data };
  });
}

/** Whether a palette is a ramp from black to white, so that its indices are gray values. */
function isGrayPalette(bytes: Buffer, depth: number): boolean {
  const start = 14 + bytes.readUInt32LE(14);
  const colors = bytes.readUInt32LE(46) || 2 ** depth;
  const step = depth === 1 ? 255 : 1;
  if (depth === 4 || start + 4 * colors > bytes.length) return false;
  return Array.from({ length: colors }, (_, index) => index).every((index) =>
    [0, 1, 2].every((channel) => bytes[start + 4 * index + channel] === index * step),
  );
}
