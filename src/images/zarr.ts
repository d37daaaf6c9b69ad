/** Reads images in Zarr stores (versions 2 and 3, OME-Zarr) and N5 containers chunk by chunk. */
import { stat } from "node:fs/promises";
import { posix } from "node:path";
import * as zarr from "zarrita";
import { at, lastOf, product } from "../facts/checked-lists.ts";
import { rowMajor } from "../facts/row-major.ts";
import type { Strided } from "./axes.ts";
import { type ContainerFiles, folderFiles } from "./container-files.ts";
import { ImageError, type OpenOptions, type SampleArray, sampleArray } from "./image.ts";
import { eachPiece } from "./parts.ts";
import { asBits, bytesOf, decodeSamples, exactIntegers, readAs } from "./samples.ts";
import type { Probe } from "./stored-array.ts";
import { undoFilters } from "./zarr-codecs.ts";
import { findImage, type Node, nodeAt } from "./zarr-hierarchy.ts";
import { type ArrayMetadata, metadataN5, metadataV2, metadataV3, UnreadArray } from "./zarr-metadata.ts";
import { ArrayStore, checkChunkNames, checkCompression, N5Store } from "./zarr-store.ts";

/** Limit on a decoded chunk. */
const MOST_CHUNK_BYTES = 2 ** 28;

/** Opens a store's image: the array `inside`, OME-Zarr's first resolution, or the array most like an image. Throws {@link ImageError}. */
export async function probeZarr(path: string, { inside }: OpenOptions): Promise<Probe> {
  const isFolder = (await stat(path)).isDirectory();
  const files = isFolder ? folderFiles(path) : await (await import("./zip-files.ts")).zipFiles(path);
  try {
    return await probeOf(files, inside);
  } catch (error) {
    await files.close();
    throw error;
  }
}

async function probeOf(files: ContainerFiles, inside: string | undefined): Promise<Probe> {
  const { path } = files;
  const node = await startNode(files, inside);
  const found = await findImage(files, node);
  if (found === undefined)
    throw new ImageError(
      path,
      `${path}: this ${node.format} group holds no array with two to five axes of numbers.`,
    );
  const place = found.node.place === "" ? "the array" : found.node.place;
  const { metadata, store } = await arrayOf(files, found.node, place);
  return {
    format: found.format,
    axes: found.axes,
    storedType: metadata.type,
    compression: metadata.compression,
    dataset: found.node.place === "" ? undefined : found.node.place,
    others: found.others,
    pixelSize: found.pixelSize,
    array: {
      shape: metadata.shape,
      sampleType: readAs(metadata.type),
      chunks: metadata.chunks,
      read: await chunkReader(files, found.node.place, metadata, store, place),
      close: () => files.close(),
    },
  };
}

async function startNode(files: ContainerFiles, inside: string | undefined): Promise<Node> {
  const { path } = files;
  if (inside === undefined) {
    const root = await nodeAt(files, "");
    // Zarr 3 and N5 need no metadata for groups.
    return (
      root ?? {
        kind: "group",
        format: path.endsWith(".n5") ? "N5" : "Zarr 3",
        place: "",
        document: {},
        attributes: {},
      }
    );
  }
  for (const place of [inside, inside.replaceAll(".", "/")]) {
    if (place.split("/").includes("..")) continue;
    const node = await nodeAt(files, place);
    if (node !== undefined) return node;
  }
  throw new ImageError(path, `${path}: holds no array ${inside}.`);
}

/** Returns an array's metadata and files. Throws {@link ImageError}. */
async function arrayOf(
  files: ContainerFiles,
  node: Node,
  place: string,
): Promise<{ metadata: ArrayMetadata; store: ArrayStore }> {
  try {
    if (node.format === "N5") {
      const metadata = metadataN5(node.document);
      checkCompression(metadata.compressor);
      return { metadata, store: new N5Store(files, node.place, metadata, metadata.compressor) };
    }
    const metadata = node.format === "Zarr 3" ? metadataV3(node.document) : metadataV2(node.document);
    await checkChunkNames(files, node.place, metadata);
    return { metadata, store: new ArrayStore(files, node.place, metadata) };
  } catch (error) {
    if (error instanceof UnreadArray)
      throw new ImageError(files.path, `${files.path}: ${place} cannot be read: ${error.message}.`);
    throw error;
  }
}

type Ranges = readonly (readonly [from: number, to: number])[];

async function chunkReader(
  files: ContainerFiles,
  folder: string,
  metadata: ArrayMetadata,
  store: ArrayStore,
  place: string,
): Promise<(ranges: Ranges) => Promise<Strided>> {
  const { chunks, type, key, fill } = metadata;
  const array = await zarr.open.v3(zarr.root(store), { kind: "array" });
  const count = product(chunks);
  const large = count * bytesOf(type) > MOST_CHUNK_BYTES;
  // A chunk that is not stored has the fill value, unless the whole array was removed meanwhile.
  const missing = (index: readonly number[]) => {
    if (key === undefined || files.has(posix.join(folder, store.file(key(index))))) return false;
    if (!files.has(folder)) throw new Error(`the folder of ${place} was removed while it was read`);
    if (type.endsWith("int64") && !Number.isSafeInteger(fill))
      throw new Error(`the 64-bit integer ${fill} of chunks that are not stored is beyond 2^53`);
    return true;
  };
  const decoded = async (index: readonly number[]): Promise<Strided> => {
    if (large)
      throw new ImageError(
        files.path,
        `${files.path}: the chunks of ${place} are ${chunks.join(" x ")} values, more than can be decoded at once. Save it in smaller chunks.`,
      );
    const chunk = await array.getChunk([...index]);
    const data = chunkValues(chunk.data, metadata);
    if (data.length < count || chunk.stride.length !== chunks.length)
      throw new Error(`a chunk of ${place} has fewer values than it should`);
    return { data, strides: chunk.stride };
  };
  return async (ranges) => {
    const sizes = ranges.map(([from, to]) => to - from);
    const places = chunkPlaces(ranges, chunks);
    const [first] = places;
    // A box of one whole chunk needs no copy.
    const whole = places.length === 1 && sizes.every((size, axis) => size === chunks[axis]);
    if (first !== undefined && whole && !missing(first)) return decoded(first);
    const target = { data: sampleArray(readAs(type), product(sizes)), strides: rowMajor(sizes) };
    const copy = async (index: readonly number[]) => {
      if (missing(index)) fillBox(target, ranges, chunks, index, fill);
      else copyBox(target, ranges, chunks, index, await decoded(index));
    };
    await eachPiece(places, count * bytesOf(type), copy);
    return target;
  };
}

/** Returns a decoded chunk's values in the pixel type. */
function chunkValues(data: unknown, { type, filters }: ArrayMetadata): SampleArray {
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return exactIntegers(data);
  if (type === "float16" && data instanceof Uint16Array)
    return decodeSamples(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), "float16", true);
  if (type === "bool" && data instanceof Uint8Array) return asBits(data);
  if (
    data instanceof Uint8Array ||
    data instanceof Int8Array ||
    data instanceof Uint16Array ||
    data instanceof Int16Array ||
    data instanceof Uint32Array ||
    data instanceof Int32Array ||
    data instanceof Float32Array ||
    data instanceof Float64Array
  )
    return undoFilters(data, filters);
  throw new Error("values that are no numbers");
}

/** Returns the indices of the chunks that a box touches. */
function chunkPlaces(ranges: Ranges, chunks: readonly number[]): number[][] {
  let places: number[][] = [[]];
  ranges.forEach(([from, to], axis) => {
    const size = at(chunks, axis);
    const [first, last] = [Math.floor(from / size), Math.ceil(to / size)];
    const along = Array.from({ length: last - first }, (_, index) => first + index);
    places = places.flatMap((place) => along.map((index) => [...place, index]));
  });
  return places;
}

/** Visits the rows of a box that a chunk covers, with the position of each in the box and in the chunk. */
function eachRow(
  strides: readonly number[],
  ranges: Ranges,
  chunks: readonly number[],
  place: readonly number[],
  from: readonly number[],
  visit: (target: number, source: number, length: number) => void,
): void {
  const spans = ranges.map(([start, end], axis) => {
    const [size, step, chunkStep] = [at(chunks, axis), at(strides, axis), at(from, axis)];
    const origin = at(place, axis) * size;
    const first = Math.max(start, origin);
    return {
      step,
      chunkStep,
      length: Math.min(end, origin + size) - first,
      target: (first - start) * step,
      source: (first - origin) * chunkStep,
    };
  });
  const walk = (axis: number, target: number, source: number) => {
    const span = at(spans, axis);
    const [to, of] = [target + span.target, source + span.source];
    if (axis === spans.length - 1) visit(to, of, span.length);
    else
      for (let index = 0; index < span.length; index++)
        walk(axis + 1, to + index * span.step, of + index * span.chunkStep);
  };
  walk(0, 0, 0);
}

function copyBox(
  { data, strides }: Strided,
  ranges: Ranges,
  chunks: readonly number[],
  place: readonly number[],
  chunk: Strided,
): void {
  const step = lastOf(chunk.strides);
  eachRow(strides, ranges, chunks, place, chunk.strides, (target, source, length) => {
    if (step === 1) data.set(chunk.data.subarray(source, source + length), target);
    else
      for (let value = 0; value < length; value++)
        data[target + value] = chunk.data[source + value * step] ?? 0;
  });
}

function fillBox(
  { data, strides }: Strided,
  ranges: Ranges,
  chunks: readonly number[],
  place: readonly number[],
  value: number,
): void {
  if (value === 0) return;
  eachRow(strides, ranges, chunks, place, rowMajor(chunks), (target, _, length) => {
    data.fill(value, target, target + length);
  });
}
