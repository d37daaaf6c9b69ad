/** Decompressors with an output limit: a few bytes of a damaged or hostile file may expand to gigabytes. */

import { promisify } from "node:util";
import { gunzip, inflate, inflateRaw as inflateRawCallback } from "node:zlib";
import xz from "xz-decompress/dist/package/xz-decompress.js";
import type { ZSTDDecoder } from "zstddec";
import { at } from "../facts/checked-lists.ts";
import { errorCode } from "../facts/errors.ts";
import { UnreadCompression } from "./picture.ts";

/**
 * @param most limit on the decompressed bytes; throws beyond it
 * @param expected how many there probably are, for the size of the buffer
 */
export type Decompress = (bytes: Uint8Array, most: number, expected?: number) => Promise<Uint8Array>;

const tooMuch = (most: number) => new Error(`more data than the ${most} bytes that a piece of the image has`);

const [gunzipAsync, inflateAsync] = [promisify(gunzip), promisify(inflate)] as const;
const inflateRawAsync = promisify(inflateRawCallback);

/** Larger data are collected from buffers of this size. */
const MOST_BUFFER = 2 ** 30;

/** The smallest buffer that zlib takes. */
const LEAST_BUFFER = 64;

function zlibBy(
  run: (bytes: Uint8Array, options: { maxOutputLength: number; chunkSize?: number }) => Promise<Uint8Array>,
): Decompress {
  return async (bytes, most, expected) => {
    try {
      // In one buffer: Node would collect pieces of 16 kB, and copy them. One more byte shows that the data end.
      const chunkSize =
        expected === undefined
          ? undefined
          : Math.min(Math.max(Math.min(expected, most) + 1, LEAST_BUFFER), MOST_BUFFER);
      return await run(bytes, { maxOutputLength: Math.max(most, 1), chunkSize });
    } catch (error) {
      if (errorCode(error) === "ERR_BUFFER_TOO_LARGE") throw tooMuch(most);
      throw error;
    }
  };
}

export const inflateZlib = zlibBy(inflateAsync);
export const inflateGzip = zlibBy(gunzipAsync);
/** Deflate without a header, as in zip archives. */
export const inflateRaw = zlibBy(inflateRawAsync);

// Packages are loaded for the files that need them.
let zstd: Promise<ZSTDDecoder> | undefined;

async function zstdDecoder(): Promise<ZSTDDecoder> {
  const { ZSTDDecoder } = await import("zstddec");
  const decoder = new ZSTDDecoder();
  await decoder.init();
  return decoder;
}

export const inflateZstd: Decompress = async (bytes, most) => {
  const size = zstdSize(bytes);
  if (size !== undefined && size > most) throw tooMuch(most);
  zstd ??= zstdDecoder();
  const limit = size ?? zstdLimit(bytes);
  if (limit === 0) return new Uint8Array();
  const decoded = (await zstd).decode(bytes, Math.min(limit, most));
  // The package returns nothing where the library fails.
  if (size === undefined ? decoded.length > 0 : decoded.length === size) return decoded;
  throw limit > most ? tooMuch(most) : new Error("damaged Zstandard data");
};

const zstdView = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const zstdCutShort = () => new Error("Zstandard data that is cut short");

/** The header of the frame that starts at `from` (RFC 8878, 3.1.1.1). Throws if there is none. */
function zstdHeader(bytes: Uint8Array, from: number) {
  const view = zstdView(bytes);
  if (bytes.length < from + 6 || view.getUint32(from, true) !== 0xfd2fb528)
    throw new Error("no Zstandard data");
  const descriptor = view.getUint8(from + 4);
  const single = (descriptor & 0x20) !== 0;
  const start = from + 5 + (single ? 0 : 1) + at([0, 1, 2, 4], descriptor & 3);
  const width = at([single ? 1 : 0, 2, 4, 8], descriptor >> 6);
  if (start + width > bytes.length) throw zstdCutShort();
  return { start, width, blocks: start + width, hasChecksum: (descriptor & 4) !== 0 };
}

/** Returns the decompressed size from the first frame's header; undefined if it has none. Throws if the bytes are not a frame. */
function zstdSize(bytes: Uint8Array): number | undefined {
  const view = zstdView(bytes);
  const { start, width } = zstdHeader(bytes, 0);
  if (width === 1) return view.getUint8(start);
  if (width === 2) return view.getUint16(start, true) + 256;
  if (width === 4) return view.getUint32(start, true);
  return width === 8 ? Number(view.getBigUint64(start, true)) : undefined;
}

/** Largest content of a compressed block. */
const ZSTD_BLOCK = 128 * 1024;
/** How frames begin that hold nothing of the content, without the last four bits. */
const ZSTD_SKIPPED = 0x184d2a5;

/** Returns how many bytes the blocks of all frames hold at most (RFC 8878, 3.1.1.2): compressors of streams write no size. */
function zstdLimit(bytes: Uint8Array): number {
  const view = zstdView(bytes);
  let [limit, place] = [0, 0];
  while (place < bytes.length) {
    if (place + 8 <= bytes.length && view.getUint32(place, true) >>> 4 === ZSTD_SKIPPED) {
      place += 8 + view.getUint32(place + 4, true);
      continue;
    }
    const { blocks, hasChecksum } = zstdHeader(bytes, place);
    place = blocks;
    for (let isLast = false; !isLast; ) {
      if (place + 3 > bytes.length) throw zstdCutShort();
      const header = view.getUint16(place, true) | (view.getUint8(place + 2) << 16);
      const [kind, size] = [(header >> 1) & 3, header >> 3];
      isLast = (header & 1) !== 0;
      // Stored, or one byte that is repeated, or compressed.
      limit += kind < 2 ? size : ZSTD_BLOCK;
      place += 3 + (kind === 1 ? 1 : size);
    }
    place += hasChecksum ? 4 : 0;
  }
  if (place > bytes.length) throw zstdCutShort();
  return limit;
}

/** A bytes-to-bytes codec of the package numcodecs. */
interface Numcodec {
  decode(bytes: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

let lz4: Promise<Numcodec> | undefined;
let blosc: Promise<Numcodec> | undefined;

/** An LZ4 block after its decompressed size (four bytes), as numcodecs writes it. */
export const inflateLz4: Decompress = async (bytes, most) => {
  if (bytes.length < 4) throw new Error("LZ4 data that is cut short");
  const size = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  if (size > most) throw tooMuch(most);
  lz4 ??= import("numcodecs/lz4").then((module) => module.default.fromConfig({ id: "lz4" }));
  return (await lz4).decode(bytes);
};

const BLOSC_CODECS = ["blosclz", "lz4", "snappy", "zlib", "zstd"];

/** Blosc 1 (https://github.com/Blosc/c-blosc/blob/main/README_CHUNK_FORMAT.rst). */
export const inflateBlosc: Decompress = async (bytes, most) => {
  if (bytes.length < 16) throw new Error("Blosc data that is cut short");
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (view.getUint32(4, true) > most) throw tooMuch(most);
  if (view.getUint32(12, true) > bytes.length) throw new Error("Blosc data that is cut short");
  const inner = BLOSC_CODECS[view.getUint8(2) >> 5];
  if (inner === undefined || inner === "snappy") throw new Error(`Blosc with ${inner ?? "an unknown codec"}`);
  blosc ??= import("numcodecs/blosc").then((module) =>
    module.default.fromConfig({ id: "blosc", clevel: 5, cname: "lz4", shuffle: 1, blocksize: 0 }),
  );
  return (await blosc).decode(bytes);
};

/** A growing byte buffer with a limit. */
class Collected {
  private bytes: Uint8Array<ArrayBuffer>;
  private length = 0;

  constructor(
    private readonly most: number,
    expected = 64 * 1024,
  ) {
    this.bytes = new Uint8Array(Math.min(expected, most));
  }

  writeByte(value: number): void {
    if (this.length === this.bytes.length) this.grow(1);
    this.bytes[this.length++] = value;
  }

  write(part: Uint8Array): void {
    if (this.length + part.length > this.bytes.length) this.grow(part.length);
    this.bytes.set(part, this.length);
    this.length += part.length;
  }

  result(): Uint8Array {
    if (this.length > this.most) throw tooMuch(this.most);
    return this.bytes.subarray(0, this.length);
  }

  private grow(by: number): void {
    if (this.length > this.most) throw tooMuch(this.most);
    const larger = new Uint8Array(Math.max(2 * this.bytes.length, this.length + by));
    larger.set(this.bytes);
    this.bytes = larger;
  }
}

export const inflateBzip2: Decompress = async (bytes, most, expected) => {
  const { default: Bunzip } = await import("seek-bzip");
  const collected = new Collected(most, expected);
  // The package calls the deprecated Buffer constructor; Node would print a warning.
  const { noDeprecation } = process;
  process.noDeprecation = true;
  try {
    Bunzip.decode(Buffer.from(bytes), collected, true);
  } finally {
    process.noDeprecation = noDeprecation;
  }
  return collected.result();
};

/** Names of xz's filters and checks (https://tukaani.org/xz/xz-file-format.txt, 3.1.1 and 5.3) that the package lacks. */
const XZ_FILTERS: Readonly<Record<number, string>> = { 3: "delta", 4: "x86", 10: "arm64", 11: "riscv" };
const [LZMA2, SHA256] = [0x21, 10];
/** Length of the stream's header, and of the size and the flags of its first block. */
const [XZ_HEADER, BLOCK_START] = [12, 2];

function checkXz(bytes: Uint8Array): void {
  if (bytes.length < XZ_HEADER + BLOCK_START || bytes[0] !== 0xfd) throw new Error("no LZMA data (xz)");
  if (bytes[7] === SHA256) throw new UnreadCompression("LZMA with a SHA-256 checksum");
  const flags = at(bytes, XZ_HEADER + 1);
  let place = XZ_HEADER + BLOCK_START;
  // Optional sizes, as numbers of seven bits a byte.
  for (const flag of [0x40, 0x80]) if ((flags & flag) !== 0) while (((bytes[place++] ?? 0) & 0x80) !== 0);
  const first = bytes[place] ?? 0;
  if ((flags & 3) > 0 || first !== LZMA2)
    throw new UnreadCompression(`LZMA with the filter ${XZ_FILTERS[first] ?? first}`);
}

export const inflateXz: Decompress = async (bytes, most, expected) => {
  checkXz(bytes);
  const collected = new Collected(most, expected);
  const stream = new xz.XzReadableStream(new Blob([new Uint8Array(bytes)]).stream());
  const reader = stream.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) collected.write(part.value);
  return collected.result();
};
