/** The files of Zarr and N5 arrays. */

import { posix } from "node:path";
import type { AsyncReadable, RangeQuery } from "@zarrita/storage";
import { at, lastOf, zip } from "../facts/checked-lists.ts";
import { asText, type JsonObject } from "../facts/json.ts";
import type { ContainerFiles } from "./container-files.ts";
import { bytesOf } from "./samples.ts";
import { DECOMPRESSORS } from "./zarr-codecs.ts";
import { type ArrayMetadata, UnreadArray } from "./zarr-metadata.ts";

/** Compressed chunks larger than this are not read. */
const MOST_FILE_BYTES = 2 ** 30;

/** An array's folder: its chunk files and its converted metadata document. */
export class ArrayStore implements AsyncReadable {
  private readonly document: Uint8Array;

  constructor(
    private readonly files: ContainerFiles,
    private readonly place: string,
    private readonly metadata: ArrayMetadata,
  ) {
    this.document = Buffer.from(JSON.stringify(metadata.document));
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    if (key === "/zarr.json") return this.document;
    const file = await this.files.open(posix.join(this.place, key));
    try {
      if (file !== undefined && file.size > MOST_FILE_BYTES)
        throw new Error(`its chunk ${key} is ${file.size} bytes`);
      return await file?.read(0, file.size);
    } finally {
      await file?.close();
    }
  }

  /** Returns the path of a chunk's file for its key. */
  file(key: string): string {
    return key;
  }

  async getRange(key: string, range: RangeQuery): Promise<Uint8Array | undefined> {
    const file = await this.files.open(posix.join(this.place, key));
    if (file === undefined) return undefined;
    try {
      if (!("suffixLength" in range)) return await file.read(range.offset, range.length);
      const { suffixLength } = range;
      // The library requests a shard's index at the end of the file.
      return await file.read(this.metadata.indexFirst ? 0 : file.size - suffixLength, suffixLength);
    } finally {
      await file.close();
    }
  }
}

/** What a chunk's file, or the folder of several, may be called in any layout. */
const CHUNK = /^(?:c(?:\.\d+)*|\d+(?:\.\d+)*)$/;

/** Throws {@link UnreadArray} if an array's chunks are named otherwise than its metadata say: they would count as not stored. */
export async function checkChunkNames(
  files: ContainerFiles,
  place: string,
  { shape, keys }: ArrayMetadata,
): Promise<void> {
  const prefix = keys.name === "default" ? "c" : "";
  const parts = keys.separator === "/" ? 1 : shape.length + prefix.length;
  const isMeant = (name: string, isFolder: boolean) =>
    name.startsWith(prefix) &&
    (prefix !== "" && parts === 1 ? name === prefix : name.split(".").length === parts) &&
    (shape.length < 2 || isFolder === (keys.separator === "/"));
  let strange: string | undefined;
  for await (const entry of await files.list(place)) {
    if (!CHUNK.test(entry.name)) continue;
    if (isMeant(entry.name, entry.isDirectory())) return;
    strange = entry.name;
  }
  if (strange !== undefined)
    throw new UnreadArray(
      `its chunks are named otherwise than its metadata say (${strange}); set dimension_separator (Zarr 2) or chunk_key_encoding (Zarr 3) to what they are`,
    );
}

/** Decompresses an N5 array's blocks and pads those at the border to the full block size. */
export class N5Store extends ArrayStore {
  constructor(
    files: ContainerFiles,
    place: string,
    private readonly n5: ArrayMetadata,
    private readonly compressor: JsonObject,
  ) {
    super(files, place, n5);
  }

  /** N5 nests folders in the order x, y, z. */
  override file(key: string): string {
    return key.split("/").reverse().join("/");
  }

  override async get(key: string): Promise<Uint8Array | undefined> {
    if (key === "/zarr.json") return super.get(key);
    const block = await super.get(`/${this.file(key.slice(1))}`);
    return block && this.decoded(block);
  }

  private async decoded(block: Uint8Array): Promise<Uint8Array> {
    const { chunks, type } = this.n5;
    const width = bytesOf(type);
    if (block.length < 4 + 4 * chunks.length) throw new Error("a block that is cut short");
    const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
    const [mode, axes] = [view.getUint16(0), view.getUint16(2)];
    if (mode > 1 || axes !== chunks.length) throw new Error(`a block of mode ${mode} with ${axes} axes`);
    const start = 4 + 4 * axes + (mode === 1 ? 4 : 0);
    const sizes = chunks.map((_, axis) => view.getUint32(4 + 4 * (axes - 1 - axis)));
    if (zip(sizes, chunks).some(([size, most]) => size > most))
      throw new Error("a block larger than the array's blocks");
    const needed = sizes.reduce((product, size) => product * size, width);
    const bytes = await decompressBlock(block.subarray(start), needed, this.compressor);
    if (bytes.length < needed) throw new Error("a block that is cut short");
    if (zip(sizes, chunks).every(([size, most]) => size === most)) return bytes.subarray(0, needed);
    const whole = new Uint8Array(chunks.reduce((product, size) => product * size, width));
    const rowBytes = lastOf(sizes) * width;
    for (let row = 0; row * rowBytes < needed; row++) {
      let [rest, place, stride] = [row, 0, lastOf(chunks) * width];
      for (let axis = axes - 2; axis >= 0; axis--) {
        const size = at(sizes, axis);
        place += (rest % size) * stride;
        rest = Math.floor(rest / size);
        stride *= at(chunks, axis);
      }
      whole.set(bytes.subarray(row * rowBytes, (row + 1) * rowBytes), place);
    }
    return whole;
  }
}

/** Decompressors by N5's names. */
const N5_COMPRESSIONS: Readonly<Record<string, keyof typeof DECOMPRESSORS>> = {
  bzip2: "bz2",
  xz: "lzma",
  blosc: "blosc",
  zstd: "zstd",
};

/** Throws {@link UnreadArray} if blocks cannot be decompressed. */
export function checkCompression({ type }: JsonObject): void {
  const name = asText(type) ?? "unknown";
  if (!["raw", "gzip", "lz4"].includes(name) && !Object.hasOwn(N5_COMPRESSIONS, name))
    throw new UnreadArray(`it is compressed by ${name}, which is not read; save it with gzip`);
}

/** Decompresses a block of `needed` bytes. */
async function decompressBlock(
  bytes: Uint8Array,
  needed: number,
  { type, useZlib }: JsonObject,
): Promise<Uint8Array> {
  const name = asText(type) ?? "raw";
  // A copy: values of eight bytes must begin at a multiple of eight.
  if (name === "raw") return new Uint8Array(bytes);
  if (name === "gzip") return DECOMPRESSORS[useZlib === true ? "zlib" : "gzip"](bytes, needed, needed);
  if (name === "lz4") return decompressLz4Blocks(bytes, needed);
  const codec = N5_COMPRESSIONS[name];
  if (codec === undefined) throw new Error(`a block compressed by ${name}`);
  return DECOMPRESSORS[codec](bytes, needed, needed);
}

const [LZ4_MAGIC, LZ4_RAW, LZ4_HEADER] = ["LZ4Block", 0x10, 21];

/** Decompresses a stream of blocks from lz4-java's LZ4BlockOutputStream. */
async function decompressLz4Blocks(bytes: Uint8Array, most: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let total = 0;
  for (let at = 0; at + LZ4_HEADER <= bytes.length; ) {
    const head = Buffer.from(bytes.buffer, bytes.byteOffset + at, LZ4_HEADER);
    if (head.toString("latin1", 0, 8) !== LZ4_MAGIC) throw new Error("no LZ4 blocks");
    const [compressed, size] = [head.readUInt32LE(9), head.readUInt32LE(13)];
    if (size === 0) break;
    total += size;
    if (total > most) throw new Error(`more data than the ${most} bytes of a block`);
    const data = bytes.subarray(at + LZ4_HEADER, at + LZ4_HEADER + compressed);
    const sized = new Uint8Array(4 + data.length);
    new DataView(sized.buffer).setUint32(0, size, true);
    sized.set(data, 4);
    parts.push((head.readUInt8(8) & 0xf0) === LZ4_RAW ? data : await DECOMPRESSORS.lz4(sized, most));
    at += LZ4_HEADER + compressed;
  }
  return Buffer.concat(parts);
}
