/** Writes TIFFs as ImageJ does: one page a plane, channels before slices, deflate-compressed (TIFF 6.0, Adobe's tag values). */
import { open, rename, rm } from "node:fs/promises";
import { promisify } from "node:util";
import { deflate } from "node:zlib";
import { type Image, type ImageShape, SAMPLE_ARRAYS, type SampleArray, type SampleType } from "./image.ts";

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
const TYPE = { ascii: 2, short: 3, long: 4, long8: 16 } as const;
const TAG = {
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  photometric: 262,
  description: 270,
  stripOffsets: 273,
  samples: 277,
  rowsPerStrip: 278,
  stripBytes: 279,
  sampleFormat: 339,
} as const;
const DEFLATE = 8;
const BLACK_IS_ZERO = 1;
/** Above this many bytes before compression, offsets take 64 bits (BigTIFF). */
const CLASSIC_LIMIT = 2 ** 32 - 2 ** 20;

interface Entry {
  readonly tag: number;
  readonly type: keyof typeof TYPE;
  readonly value: number | string;
}

function description([z, , , channels]: Image["shape"]): string {
  const lines = ["ImageJ=1.54f", `images=${z * channels}`, `channels=${channels}`, `slices=${z}`];
  const stack = z * channels > 1 ? ["hyperstack=true", "mode=grayscale"] : [];
  return `${[...lines, ...stack, "loop=false"].join("\n")}\n`;
}

/** An image that is written plane by plane: it need not be in memory as a whole. */
export interface PlaneSource {
  readonly shape: ImageShape;
  readonly sampleType: SampleType;
  /** One channel of one slice, row by row. Slices are asked for in order, and a slice's channels one after the other. */
  plane(z: number, channel: number): Promise<SampleArray> | SampleArray;
}

function planesOf({ shape, sampleType, data }: Image): PlaneSource {
  const [, height, width, channels] = shape;
  const pixels = height * width;
  return {
    shape,
    sampleType,
    plane: (z, channel) => {
      const start = z * pixels * channels;
      const picked = data.slice(start, start + pixels);
      if (channels > 1)
        for (let pixel = 0; pixel < pixels; pixel++) picked[pixel] = data[start + pixel * channels + channel];
      return picked;
    },
  };
}

/** A page's directory at `offset`: its bytes, texts behind its entries, the next page's offset last. */
function directory(entries: readonly Entry[], offset: number, big: boolean, last: boolean): Buffer {
  const [countBytes, entryBytes, fieldBytes] = big ? [8, 20, 8] : [2, 12, 4];
  const tableBytes = countBytes + entries.length * entryBytes + fieldBytes;
  const texts = entries.map(({ value }) =>
    typeof value === "string" ? Buffer.from(`${value}\0`) : Buffer.alloc(0),
  );
  const total = Math.ceil((tableBytes + texts.reduce((sum, text) => sum + text.length, 0)) / 8) * 8;
  const bytes = Buffer.alloc(total);
  const put = (value: number, at: number) =>
    big ? bytes.writeBigUInt64LE(BigInt(value), at) : bytes.writeUInt32LE(value, at);
  if (big) put(entries.length, 0);
  else bytes.writeUInt16LE(entries.length, 0);
  let textAt = tableBytes;
  entries.forEach(({ tag, type, value }, index) => {
    const at = countBytes + index * entryBytes;
    const text = texts[index];
    bytes.writeUInt16LE(tag, at);
    bytes.writeUInt16LE(TYPE[type], at + 2);
    put(typeof value === "string" ? text.length : 1, at + 4);
    const field = at + 4 + fieldBytes;
    if (typeof value === "string") {
      put(offset + textAt, field);
      text.copy(bytes, textAt);
      textAt += text.length;
    } else if (type === "short") bytes.writeUInt16LE(value, field);
    else put(value, field);
  });
  put(last ? 0 : offset + total, tableBytes - fieldBytes);
  return bytes;
}

/**
 * Writes an image that ImageJ and tifffile open with its axes, to a temporary name first.
 *
 * @param image `[z, y, x, channel]`; ImageJ itself shows uint8, uint16 and float32
 */
export async function writeTiff(path: string, image: Image): Promise<void> {
  await writeTiffPlanes(path, planesOf(image));
}

/** Writes a TIFF as {@link writeTiff} does, from planes that come one by one. */
export async function writeTiffPlanes(path: string, image: PlaneSource): Promise<void> {
  const [z, height, width, channels] = image.shape;
  const { BYTES_PER_ELEMENT: sampleBytes } = SAMPLE_ARRAYS[image.sampleType];
  const big = z * height * width * channels * sampleBytes > CLASSIC_LIMIT;
  const planes = Array.from({ length: z * channels }, (_, index) => [
    Math.floor(index / channels),
    index % channels,
  ]);
  const temporary = `${path}.${process.pid}.tmp`;
  const file = await open(temporary, "w");
  try {
    const header = big ? Buffer.alloc(16) : Buffer.alloc(8);
    header.write("II");
    header.writeUInt16LE(big ? 43 : 42, 2);
    if (big) {
      header.writeUInt16LE(8, 4);
      header.writeBigUInt64LE(16n, 8);
    } else header.writeUInt32LE(8, 4);
    await file.write(header);
    let offset = header.length;
    for (const [index, [slice, channel]] of planes.entries()) {
      const { buffer, byteOffset, byteLength } = await image.plane(slice, channel);
      const strip = await compress(new Uint8Array(buffer, byteOffset, byteLength));
      const entries = (stripOffset: number): Entry[] => [
        { tag: TAG.width, type: "long", value: width },
        { tag: TAG.height, type: "long", value: height },
        { tag: TAG.bits, type: "short", value: 8 * sampleBytes },
        { tag: TAG.compression, type: "short", value: DEFLATE },
        { tag: TAG.photometric, type: "short", value: BLACK_IS_ZERO },
        ...(index === 0
          ? [{ tag: TAG.description, type: "ascii", value: description(image.shape) } as const]
          : []),
        { tag: TAG.stripOffsets, type: big ? "long8" : "long", value: stripOffset },
        { tag: TAG.samples, type: "short", value: 1 },
        { tag: TAG.rowsPerStrip, type: "long", value: height },
        { tag: TAG.stripBytes, type: big ? "long8" : "long", value: strip.length },
        { tag: TAG.sampleFormat, type: "short", value: FORMAT[image.sampleType] },
      ];
      const last = index === planes.length - 1;
      const directoryBytes = directory(entries(0), offset, big, last).length;
      const padding = (8 - (strip.length % 8)) % 8;
      const bytes = directory(entries(offset + directoryBytes), offset, big, last);
      if (!last) writeNext(bytes, entries(0).length, offset + directoryBytes + strip.length + padding, big);
      await file.write(Buffer.concat([bytes, strip, Buffer.alloc(padding)]));
      offset += directoryBytes + strip.length + padding;
    }
    await file.close();
    await rename(temporary, path);
  } catch (error) {
    await file.close().catch(() => {});
    await rm(temporary, { force: true });
    throw error;
  }
}

/** The next page lies behind this one's pixels. */
function writeNext(bytes: Buffer, entries: number, next: number, big: boolean): void {
  if (big) bytes.writeBigUInt64LE(BigInt(next), 8 + entries * 20);
  else bytes.writeUInt32LE(next, 2 + entries * 12);
}
