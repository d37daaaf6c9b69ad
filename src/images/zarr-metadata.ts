/** Validates the metadata of Zarr 2, Zarr 3 and N5 arrays and converts them to Zarr 3, which the library reads. */
import { Float16Array, getFloat16 } from "@petamoriken/float16";
import { zip } from "../facts/checked-lists.ts";
import { asArray, asNumbers, asObject, asText, isObject, type JsonObject } from "../facts/json.ts";
import { CHECKSUMS } from "./checksums.ts";
import { SAMPLE_ARRAYS, type SampleType, sampleArray } from "./image.ts";
import { bytesOf, numpyType, readAs, type StoredType, storedType } from "./samples.ts";
import { DECOMPRESSORS, type Filter, SHUFFLE } from "./zarr-codecs.ts";

export interface ArrayMetadata {
  readonly shape: readonly number[];
  /** The shape of a chunk; in a sharded array, of the chunks inside its shards. */
  readonly chunks: readonly number[];
  readonly type: StoredType;
  /** The value of chunks that are not stored; may be NaN. */
  readonly fill: number;
  /** The document that the library opens. */
  readonly document: JsonObject;
  /** How the files of chunks are named. */
  readonly keys: ChunkKeys;
  /** Returns the key of a chunk's file. Undefined if the array is sharded. */
  readonly key?: (place: readonly number[]) => string;
  /** Whether a shard's index comes before its chunks. */
  readonly indexFirst: boolean;
  /** Filters to undo after decoding, in the order in which they were applied. */
  readonly filters: readonly Filter[];
  readonly compression: string;
}

/** Why an array cannot be read, as a clause. */
export class UnreadArray extends Error {}

interface Codec {
  readonly name: string;
  readonly configuration: JsonObject;
}

const [MOST_AXES, MOST_CHUNK_BYTES] = [12, 2 ** 40];

/** A chunk's file is `c/0/1` or `c.0.1` by default, and `0/1` or `0.1` in Zarr 2. */
interface ChunkKeys {
  readonly name: "default" | "v2";
  readonly separator: string;
}

interface Parts {
  readonly shape: unknown;
  readonly chunks: unknown;
  readonly type: StoredType;
  readonly fill: unknown;
  readonly codecs: readonly Codec[];
  readonly keys: ChunkKeys;
  readonly found: Found;
}

/** Collected while codecs are read. */
interface Found {
  readonly compressions: string[];
  readonly filters: Filter[];
}

const nothing = (): Found => ({ compressions: [], filters: [] });

/** Validates and assembles an array's metadata. Throws {@link UnreadArray}. */
function assemble(parts: Parts): ArrayMetadata {
  const [shape, grid] = [sizes(parts.shape, "shape", 0), sizes(parts.chunks, "chunks", 1)];
  if (shape.length !== grid.length) throw new UnreadArray("its chunks have other axes than its shape");
  const sharding = parts.codecs.find(({ name }) => name === "sharding_indexed");
  if (sharding !== undefined && parts.codecs.length > 1)
    throw new UnreadArray("it combines sharding with other codecs, which is not read");
  const inner = sharding === undefined ? grid : sizes(sharding.configuration.chunk_shape, "inner chunks", 1);
  if (inner.length !== grid.length || zip(grid, inner).some(([shard, size]) => shard % size !== 0))
    throw new UnreadArray("its shards are no multiples of their chunks");
  const bytes = inner.reduce((product, size) => product * size, bytesOf(parts.type));
  if (bytes > MOST_CHUNK_BYTES)
    throw new UnreadArray(`its chunks are ${bytes} bytes, more than any file holds`);
  const { name, separator } = parts.keys;
  const { filters, compressions } = parts.found;
  const [filter] = filters;
  if (filter !== undefined && sharding !== undefined)
    throw new UnreadArray(`it is sharded and filtered by ${filter.id}, which is not read`);
  const fill = fillValue(parts.fill, parts.type);
  return {
    shape,
    chunks: inner,
    type: parts.type,
    fill: fill.value,
    document: {
      zarr_format: 3,
      node_type: "array",
      shape,
      data_type: filters.at(-1)?.from ?? libraryType(parts.type),
      chunk_grid: { name: "regular", configuration: { chunk_shape: grid } },
      chunk_key_encoding: { name, configuration: { separator } },
      codecs: parts.codecs,
      // The library fills chunks that are not stored before filters are undone.
      fill_value: filters.length > 0 ? 0 : fill.json,
      attributes: {},
    },
    keys: parts.keys,
    key:
      sharding === undefined
        ? (place) => (name === "default" ? ["c", ...place].join(separator) : place.join(separator) || "0")
        : undefined,
    indexFirst: sharding?.configuration.index_location === "start",
    filters,
    compression: compressions.join(", ") || "none",
  };
}

function sizes(value: unknown, what: string, least: number): number[] {
  const found = asNumbers(value);
  if (found?.every((size) => Number.isSafeInteger(size) && size >= least) && found.length <= MOST_AXES)
    return found;
  throw new UnreadArray(`its ${what} is no list of sizes`);
}

/** Returns the type that the library reads: it has no numeric booleans and, before Node 24, no float16. */
function libraryType(type: StoredType): string {
  if (type === "bool") return "uint8";
  return type === "float16" ? "uint16" : type;
}

const SPECIAL: ReadonlyMap<unknown, number> = new Map([
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
]);

/** Returns the fill value as a number, and in the form of the library's document. Throws {@link UnreadArray} if the type cannot hold it. */
function fillValue(value: unknown, type: StoredType): { value: number; json: unknown } {
  const found = fillNumber(value, type);
  if (found === undefined || !holds(type, found))
    throw new UnreadArray(`its fill value ${JSON.stringify(value)} is no ${type}`);
  if (type === "float16") {
    const rounded = Float16Array.of(found);
    const [bits] = new Uint16Array(rounded.buffer);
    return { value: rounded[0] ?? found, json: bits };
  }
  return { value: found, json: Number.isFinite(found) ? found : String(found) };
}

/** Returns a fill value as a number; undefined if it is none. A missing one is 0. */
function fillNumber(value: unknown, type: StoredType): number | undefined {
  if (value === null || value === undefined) return 0;
  const special = SPECIAL.get(value);
  if (special !== undefined) return special;
  if (typeof value === "string" && /^0x[\da-f]+$/i.test(value)) return bitsAsNumber(value, type);
  const isNumber = typeof value === "number" || typeof value === "boolean";
  const number = isNumber || (typeof value === "string" && value.trim() !== "") ? Number(value) : Number.NaN;
  return Number.isNaN(number) ? undefined : number;
}

/** Whether values of a type can be this number; floats are rounded. */
function holds(type: StoredType, value: number): boolean {
  if (type.startsWith("float")) return true;
  if (type === "bool") return value === 0 || value === 1;
  if (type.endsWith("int64")) return Number.isInteger(value) && (type === "int64" || value >= 0);
  return sampleArray(readAs(type), 1).fill(value)[0] === value;
}

function bitsAsNumber(text: string, type: StoredType): number {
  const bytes = new DataView(new ArrayBuffer(8));
  bytes.setBigUint64(0, BigInt(text));
  if (type === "float64") return bytes.getFloat64(0);
  if (type === "float32") return bytes.getFloat32(4);
  if (type === "float16") return getFloat16(bytes, 6);
  throw new UnreadArray(`its fill value ${text} is not read`);
}

/** Returns a type by its name in Zarr 3 and N5; undefined if it is unknown. */
const typeNamed = (name: unknown): StoredType | undefined => {
  const type = storedType(asText(name));
  return type === "float24" ? undefined : type;
};

/** Reads Zarr 3's `zarr.json` (https://zarr-specs.readthedocs.io/en/latest/v3/core/). Throws {@link UnreadArray}. */
export function metadataV3(document: JsonObject): ArrayMetadata {
  const type = typeNamed(document.data_type);
  if (type === undefined)
    throw new UnreadArray(`its values are ${JSON.stringify(document.data_type)}, not pixels`);
  const grid = asObject(document.chunk_grid);
  if (grid.name !== "regular") throw new UnreadArray(`its chunk grid ${grid.name} is not read`);
  if (asArray(document.storage_transformers).length > 0)
    throw new UnreadArray("it has storage transformers, which are not read");
  const encoding = named(document.chunk_key_encoding);
  const found = nothing();
  const codecs = asArray(document.codecs).flatMap((codec) => codecV3(codec, type, found) ?? []);
  return assemble({
    shape: document.shape,
    chunks: asObject(grid.configuration).chunk_shape,
    type,
    fill: document.fill_value,
    codecs: single(codecs),
    keys: {
      name: encoding.name === "v2" ? "v2" : "default",
      separator: asText(asObject(encoding.configuration).separator) ?? (encoding.name === "v2" ? "." : "/"),
    },
    found,
  });
}

/** Returns the codecs. Throws if there are two transpositions: the library undoes one. */
function single(codecs: readonly Codec[]): readonly Codec[] {
  if (codecs.filter(({ name }) => name === "transpose").length > 1)
    throw new UnreadArray("it is transposed twice, which is not read");
  return codecs;
}

/** An extension of Zarr 3: an object with a name, or its name alone if it has no configuration. */
const named = (extension: unknown): JsonObject =>
  typeof extension === "string" ? { name: extension } : asObject(extension);

/** Reads a codec of Zarr 3. Returns undefined for filters, which are added to `found`. */
function codecV3(codec: unknown, type: StoredType, found: Found): Codec | undefined {
  const { name: full, configuration: given } = named(codec);
  const configuration = asObject(given);
  const name = asText(full) ?? "unknown";
  if (name === "bytes" || name === "transpose") return { name, configuration };
  if (name === "sharding_indexed") {
    found.compressions.push("sharded");
    const inner = asArray(configuration.codecs).flatMap((each) => codecV3(each, type, found) ?? []);
    if (inner.some((each) => each.name === name))
      throw new UnreadArray("its shards hold shards, which is not read");
    return { name, configuration: { ...configuration, codecs: single(inner) } };
  }
  if (name.startsWith("numcodecs."))
    return numcodec(name.slice("numcodecs.".length), configuration, type, found);
  return numcodec(name, configuration, type, found);
}

/** Reads a codec of numcodecs (https://numcodecs.readthedocs.io). Returns undefined for filters, which are added to `found`. */
function numcodec(id: string, configuration: JsonObject, type: StoredType, found: Found): Codec | undefined {
  if (Object.hasOwn(DECOMPRESSORS, id)) {
    if (configuration.cname === "snappy")
      throw new UnreadArray("it is compressed by blosc (snappy), which is not read; save it with zstd");
    if (id === "lzma" && Number(configuration.format ?? 1) !== 1)
      throw new UnreadArray("it is compressed by lzma without its container (xz), which is not read");
    const inner = id === "blosc" ? ` (${asText(configuration.cname) ?? "lz4"})` : "";
    found.compressions.push(`${id}${inner}`);
    return { name: id, configuration };
  }
  if (id === "shuffle") return { name: SHUFFLE, configuration };
  if (Object.hasOwn(CHECKSUMS, id)) return { name: id, configuration };
  if (id === "bitround") return undefined;
  if (id === "delta" || id === "fixedscaleoffset" || id === "astype" || id === "quantize") {
    found.compressions.push(id);
    found.filters.push(filterOf(id, configuration, type));
    return undefined;
  }
  throw new UnreadArray(`it is compressed by ${id}, which is not read; save it with gzip or zstd`);
}

function filterOf(
  id: "delta" | "fixedscaleoffset" | "astype" | "quantize",
  configuration: JsonObject,
  type: StoredType,
): Filter {
  const decoded = id === "astype" ? configuration.decode_dtype : configuration.dtype;
  const encoded = id === "astype" ? configuration.encode_dtype : (configuration.astype ?? decoded);
  const [from, to] = [typeOf(encoded ?? type), typeOf(decoded ?? type)];
  if (!isSampleType(from) || !isSampleType(to))
    throw new UnreadArray(`it is filtered by ${id} of ${from}, which is not read`);
  const [scale, offset] = [Number(configuration.scale ?? 1), Number(configuration.offset ?? 0)];
  return { id: id === "astype" || id === "quantize" ? "cast" : id, from, to, scale, offset };
}

const isSampleType = (type: string): type is SampleType => Object.hasOwn(SAMPLE_ARRAYS, type);

/** Returns a type by its name in NumPy, such as `<u2`, or in Zarr 3. Throws {@link UnreadArray}. */
function typeOf(dtype: unknown): StoredType {
  const type = numpyType(asText(dtype) ?? "") ?? typeNamed(dtype);
  if (type !== undefined) return type;
  throw new UnreadArray(`its values are ${JSON.stringify(dtype)}, not pixels`);
}

/** Reads Zarr 2's `.zarray`. Throws {@link UnreadArray}. */
export function metadataV2(document: JsonObject): ArrayMetadata {
  const type = typeOf(document.dtype);
  const found = nothing();
  const filters = asArray(document.filters).map(asObject);
  let stored = asText(document.dtype) ?? "";
  for (const { astype, encode_dtype } of filters) stored = asText(astype) ?? asText(encode_dtype) ?? stored;
  const all = filters.flatMap(
    ({ id, ...configuration }) => numcodec(asText(id) ?? "", configuration, type, found) ?? [],
  );
  const compressor = isObject(document.compressor) ? document.compressor : undefined;
  const axes = asArray(document.shape).map((_, axis) => axis);
  const codecs: Codec[] = [
    ...(document.order === "F" ? [{ name: "transpose", configuration: { order: axes.reverse() } }] : []),
    { name: "bytes", configuration: { endian: stored.startsWith(">") ? "big" : "little" } },
    ...all,
  ];
  if (compressor !== undefined) {
    const { id, ...configuration } = compressor;
    codecs.push(...[numcodec(asText(id) ?? "unknown", configuration, type, found) ?? []].flat());
  }
  return assemble({
    shape: document.shape,
    chunks: document.chunks,
    type,
    fill: document.fill_value,
    codecs,
    keys: { name: "v2", separator: asText(document.dimension_separator) ?? "." },
    found,
  });
}

/** Reads N5's `attributes.json` (https://github.com/saalfeldlab/n5), whose axes are in reverse order. Throws {@link UnreadArray}. */
export function metadataN5(document: JsonObject): ArrayMetadata & { readonly compressor: JsonObject } {
  const type = typeNamed(document.dataType);
  if (type === undefined)
    throw new UnreadArray(`its values are ${JSON.stringify(document.dataType)}, not pixels`);
  const compressor: JsonObject = isObject(document.compression)
    ? document.compression
    : { type: document.compressionType ?? "raw" };
  const name = asText(compressor.type) ?? "raw";
  return {
    ...assemble({
      shape: [...asArray(document.dimensions)].reverse(),
      chunks: [...asArray(document.blockSize)].reverse(),
      type,
      fill: 0,
      // Blocks are decompressed by the store, which knows their headers.
      codecs: [{ name: "bytes", configuration: { endian: "big" } }],
      keys: { name: "v2", separator: "/" },
      found: { compressions: name === "raw" ? [] : [name], filters: [] },
    }),
    compressor,
  };
}
