/** Codecs of Zarr and N5 chunks. They replace the library's decompressors, which have no limit, by ones that stop at a chunk's size. */
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import * as zarr from "zarrita";
import { product } from "../facts/checked-lists.ts";
import { asObject } from "../facts/json.ts";
import { withoutChecksum } from "./checksums.ts";
import {
  type Decompress,
  inflateBlosc,
  inflateBzip2,
  inflateGzip,
  inflateLz4,
  inflateXz,
  inflateZlib,
  inflateZstd,
} from "./decompress.ts";
import { type SampleArray, type SampleType, sampleArray } from "./image.ts";
import { bytesOf, storedType } from "./samples.ts";

/** Limit on decompressed chunks: filters may store eight bytes per value, and checksums add a few bytes. */
const MOST_BYTES_PER_VALUE = 8;
const SLACK = 4096;

const compress = promisify<Uint8Array, { level: number }, Buffer>(gzip);

const ownMemory = (bytes: Uint8Array) =>
  bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);

const unwritten = () => {
  throw new Error("this codec is for reading only");
};

/** Decompressors by the names that Zarr 3, numcodecs and N5 give them. */
export const DECOMPRESSORS = {
  gzip: inflateGzip,
  zlib: inflateZlib,
  zstd: inflateZstd,
  lz4: inflateLz4,
  blosc: inflateBlosc,
  bz2: inflateBzip2,
  lzma: inflateXz,
} satisfies Readonly<Record<string, Decompress>>;

for (const [name, decompress] of Object.entries(DECOMPRESSORS)) {
  zarr.registry.set(name, async () => ({
    kind: "bytes_to_bytes",
    fromConfig: (configuration, { shape, dataType }) => {
      const values = product(shape);
      const most = values * MOST_BYTES_PER_VALUE + SLACK;
      const type = storedType(dataType);
      const expected = type && values * bytesOf(type);
      return {
        kind: "bytes_to_bytes",
        // The library cannot write gzip.
        encode: (bytes: Uint8Array) =>
          name === "gzip" ? compress(bytes, { level: 1, ...asObject(configuration) }) : unwritten(),
        // The library assumes that a chunk owns its whole memory when it writes the chunk again.
        decode: async (bytes: Uint8Array) => ownMemory(await decompress(bytes, most, expected)),
      };
    },
  }));
}

/** A numcodecs filter that changes values. The library does not undo all of them as Python does. */
export interface Filter {
  readonly id: "delta" | "fixedscaleoffset" | "cast";
  /** The stored type. */
  readonly from: SampleType;
  readonly to: SampleType;
  readonly scale: number;
  readonly offset: number;
}

/** Undoes filters, the last one first. Values are in stored order. */
export function undoFilters(values: SampleArray, filters: readonly Filter[]): SampleArray {
  let data = values;
  for (const { id, to, scale, offset } of [...filters].reverse()) {
    const decoded = sampleArray(to, data.length);
    if (id === "delta") {
      decoded[0] = data[0] ?? 0;
      for (let at = 1; at < data.length; at++) decoded[at] = (decoded[at - 1] ?? 0) + (data[at] ?? 0);
    } else if (id === "fixedscaleoffset") {
      // As in NumPy, the arithmetic of 32-bit floats has 32 bits.
      const round = data instanceof Float32Array ? Math.fround : (value: number) => value;
      for (let at = 0; at < data.length; at++)
        decoded[at] = round(round((data[at] ?? 0) / round(scale)) + round(offset));
    } else decoded.set(data);
    data = decoded;
  }
  return data;
}

/** Undoes numcodecs' byte shuffle of values of `elementsize` bytes. */
export const SHUFFLE = "biapy.shuffle";

zarr.registry.set(SHUFFLE, async () => ({
  kind: "bytes_to_bytes",
  fromConfig: (configuration) => {
    const width = Number(asObject(configuration).elementsize ?? 4);
    return {
      kind: "bytes_to_bytes",
      encode: unwritten,
      decode: (bytes: Uint8Array) => {
        const count = Math.floor(bytes.length / width);
        const values = new Uint8Array(bytes);
        for (let byte = 0; byte < width; byte++)
          for (let at = 0; at < count; at++) values[at * width + byte] = bytes[byte * count + at] ?? 0;
        return values;
      },
    };
  },
}));

/** Checks and drops the checksum of a chunk, or of a shard's index. */
for (const name of ["crc32", "crc32c", "adler32"] as const)
  zarr.registry.set(name, async () => ({
    kind: "bytes_to_bytes",
    fromConfig: (configuration) => {
      // numcodecs writes it before the data, except CRC-32C, which Zarr 3 writes after them.
      const said = asObject(configuration).location;
      const location = (said ?? (name === "crc32c" ? "end" : "start")) === "end" ? "end" : "start";
      return {
        kind: "bytes_to_bytes",
        encode: unwritten,
        decode: (bytes: Uint8Array) => ownMemory(withoutChecksum(bytes, name, location)),
        computeEncodedSize: (size: number) => size + 4,
      };
    },
  }));
