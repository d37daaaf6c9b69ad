/** Images in Zarr stores (versions 2 and 3; OME-Zarr's highest resolution), read and written chunk by chunk. */
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import FileSystemStore from "@zarrita/storage/fs";
import * as zarr from "zarrita";
import { moveIntoPlace } from "../facts/files/move-into-place.ts";
import {
  type Image,
  ImageError,
  type ImageShape,
  type ImageSource,
  type ImageWriter,
  type NewImage,
  type OpenOptions,
  type Region,
  regionOf,
  SAMPLE_ARRAYS,
  type SampleArray,
  type SampleType,
  shapeOf,
  wholeRegion,
} from "./image.ts";
import {
  type AxesOrder,
  axesOf,
  imageShape,
  inImageOrder,
  namedAxes,
  pieceOf,
  storedRanges,
  storedShape,
  stridesOf,
} from "./named-axes.ts";

type ZarrArray = zarr.Array<zarr.NumberDataType, FileSystemStore>;

interface OmeAttributes {
  readonly multiscales?: readonly {
    readonly axes?: readonly (string | { readonly name: string })[];
    readonly datasets: readonly { readonly path: string }[];
  }[];
}

/** Opens a store's image: OME-Zarr's first resolution, or the first array that there is. Throws {@link ImageError}. */
export async function openZarr(path: string, { axes: asked, inside }: OpenOptions): Promise<ImageSource> {
  try {
    const store = new FileSystemStore(resolve(path));
    const found = await findArray(store, path, inside?.replaceAll(".", "/"));
    const axes = axesOf(found.array.shape, found.axes ?? asked);
    const sampleType = found.array.dtype as SampleType;
    if (axes === undefined || !(sampleType in SAMPLE_ARRAYS)) {
      const what = `an array of ${found.array.dtype} with ${found.array.shape.length} axes`;
      const but = asked === undefined ? "" : ` with the axes ${asked}`;
      throw new ImageError(path, `${path}: holds ${what}, which is no image that is read here${but}.`);
    }
    return new ZarrSource(path, found.array, axes, sampleType);
  } catch (error) {
    if (error instanceof ImageError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ImageError(path, `${path}: is no Zarr store that can be read (${reason}).`);
  }
}

/** The array `inside` a store, or OME-Zarr's first resolution, or the first array that there is; its axes where it says them. */
async function findArray(
  store: FileSystemStore,
  path: string,
  inside: string | undefined,
): Promise<{ array: ZarrArray; axes?: AxesOrder }> {
  const node = await zarr.open(store);
  const arrayAt = async (place: string, axes?: AxesOrder) => {
    const array = await zarr.open(node.resolve(place), { kind: "array" }).catch(() => {
      throw new ImageError(path, `${path}: holds no array ${place}.`);
    });
    return { array: array as ZarrArray, axes: axes ?? namedAxes(array.dimensionNames) };
  };
  if (inside !== undefined) return arrayAt(inside);
  if (node instanceof zarr.Array) return { array: node as ZarrArray, axes: namedAxes(node.dimensionNames) };
  const attributes = node.attrs as OmeAttributes & { readonly ome?: OmeAttributes };
  const [scales] = attributes.ome?.multiscales ?? attributes.multiscales ?? [];
  const first = scales?.datasets[0].path ?? (await firstArray(path));
  if (first === undefined) throw new ImageError(path, `${path}: this Zarr group holds no array.`);
  const axes = scales?.axes?.map((axis) => (typeof axis === "string" ? axis : axis.name)).join("");
  return arrayAt(first, axes);
}

/** The folder of the first array inside a group, groups in groups included. */
async function firstArray(folder: string, inside = ""): Promise<string | undefined> {
  const entries = await readdir(join(folder, inside), { withFileTypes: true });
  for (const { name } of entries.filter((entry) => entry.isDirectory())) {
    const child = inside === "" ? name : `${inside}/${name}`;
    if (existsSync(join(folder, child, ".zarray"))) return child;
    if (existsSync(join(folder, child, "zarr.json")) || existsSync(join(folder, child, ".zgroup"))) {
      return (await firstArray(folder, child)) ?? child;
    }
  }
  return undefined;
}

class ZarrSource implements ImageSource {
  readonly info: ImageSource["info"];
  readonly piece: ImageSource["piece"];

  constructor(
    path: string,
    private readonly array: ZarrArray,
    private readonly axes: AxesOrder,
    sampleType: SampleType,
  ) {
    this.info = { path, shape: imageShape(path, array.shape, axes), sampleType };
    this.piece = pieceOf(array.chunks, axes);
  }

  async read(region: Region = wholeRegion(this.info.shape)): Promise<Image> {
    const { shape, sampleType } = this.info;
    const ranges = slices(region, shape[3], this.axes);
    const { data: stored } = (await zarr.get(this.array, ranges)) as { data: SampleArray };
    const part = shapeOf(region, shape[3]);
    return { shape: part, sampleType, data: inImageOrder(stored, part, this.axes) };
  }

  async close(): Promise<void> {}
}

/** What to read or write along each stored axis, as the library takes it. */
const slices = (region: Region, channels: number, axes: AxesOrder) =>
  storedRanges(region, channels, axes).map(([from, to]) => zarr.slice(from, to));

const compress = promisify<Uint8Array, { level: number }, Buffer>(gzip);
const decompress = promisify<Uint8Array, Buffer>(gunzip);

// The library cannot write gzip, and its WebAssembly codecs run on the main thread; Node compresses on threads of its own.
zarr.registry.set("gzip", async () => ({
  kind: "bytes_to_bytes",
  fromConfig: (configuration) => ({
    kind: "bytes_to_bytes",
    encode: (bytes: Uint8Array) => compress(bytes, { level: 1, ...(configuration as object) }),
    decode: (bytes: Uint8Array) => decompress(bytes),
  }),
}));

/** Compression that costs little time. */
const CODECS = [
  { name: "bytes", configuration: { endian: "little" } },
  { name: "gzip", configuration: { level: 1 } },
];

/**
 * Starts a store (version 3), under a temporary name until it is closed.
 *
 * @param beside whether what is written joins a store of this name that is there already, as parts of one image that several
 *   processes write; else it takes that store's place
 */
export async function createZarr(
  path: string,
  { shape, sampleType, chunk, axes }: NewImage,
  beside = false,
): Promise<ImageWriter> {
  const temporary = `${path}.${process.pid}.tmp`;
  await rm(temporary, { recursive: true, force: true });
  const pieces: ImageShape = [...chunk, shape[3]];
  const stored = storedShape(shape, axes);
  const array = (await zarr.create(new FileSystemStore(resolve(temporary)), {
    shape: stored,
    chunkShape: storedShape(pieces, axes).map((size, axis) => Math.min(size, stored[axis])),
    dtype: sampleType,
    codecs: CODECS,
    fillValue: 0,
    dimensionNames: [...axes.toLowerCase()],
  })) as ZarrArray;
  return {
    write: async (start, { shape: size, data }) => {
      const ranges = slices(regionOf(start, size), size[3], axes);
      const part = { data, shape: storedShape(size, axes), stride: stridesOf(size, axes) };
      await zarr.set(array, ranges, part as never);
    },
    close: async () => {
      if (beside && existsSync(path)) await joinStores(temporary, path);
      else {
        await rm(path, { recursive: true, force: true });
        await moveIntoPlace(temporary, path);
      }
    },
    discard: () => rm(temporary, { recursive: true, force: true }),
  };
}

/** Moves the chunks of one store into another of the same kind. */
async function joinStores(from: string, to: string): Promise<void> {
  const description = (store: string) => readFile(join(store, DESCRIPTION), "utf8");
  if ((await description(from)) !== (await description(to).catch(() => ""))) {
    await rm(from, { recursive: true, force: true });
    throw new ImageError(to, `${to}: was made with other settings. Remove it, and predict its parts again.`);
  }
  const entries = await readdir(from, { recursive: true, withFileTypes: true });
  for (const { name, parentPath } of entries.filter(
    (entry) => entry.isFile() && entry.name !== DESCRIPTION,
  )) {
    const target = join(to, relative(from, parentPath));
    await mkdir(target, { recursive: true });
    await moveIntoPlace(join(parentPath, name), join(target, name));
  }
  await rm(from, { recursive: true, force: true });
}

/** Zarr 3's file of what an array is like. */
const DESCRIPTION = "zarr.json";
