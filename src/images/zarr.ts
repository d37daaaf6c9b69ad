/** Images in Zarr stores (versions 2 and 3; OME-Zarr's highest resolution), read and written chunk by chunk. */
import { existsSync } from "node:fs";
import { readdir, rename, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import FileSystemStore from "@zarrita/storage/fs";
import * as zarr from "zarrita";
import {
  type Image,
  ImageError,
  type ImageShape,
  type ImageSource,
  type ImageWriter,
  type Region,
  SAMPLE_ARRAYS,
  type SampleArray,
  type SampleType,
  sampleArray,
  wholeRegion,
} from "./image.ts";
import { type AxesOrder, axesOf, eachStored, imageShape, storedRanges } from "./named-axes.ts";

type ZarrArray = zarr.Array<zarr.NumberDataType, FileSystemStore>;

interface OmeAttributes {
  readonly multiscales?: readonly {
    readonly axes?: readonly (string | { readonly name: string })[];
    readonly datasets: readonly { readonly path: string }[];
  }[];
}

/** Opens a store's image: OME-Zarr's first resolution, or the first array that there is. Throws {@link ImageError}. */
export async function openZarr(path: string, asked?: AxesOrder): Promise<ImageSource> {
  try {
    const store = new FileSystemStore(resolve(path));
    const found = await findArray(store, path);
    const axes = axesOf(found.array.shape, found.axes ?? asked);
    const sampleType = found.array.dtype as SampleType;
    if (axes === undefined || !(sampleType in SAMPLE_ARRAYS)) {
      const what = `an array of ${found.array.dtype} with ${found.array.shape.length} axes`;
      throw new ImageError(path, `${path}: holds ${what}, which is no image that is read here.`);
    }
    return new ZarrSource(path, found.array, axes, sampleType);
  } catch (error) {
    if (error instanceof ImageError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ImageError(path, `${path}: is no Zarr store that can be read (${reason}).`);
  }
}

async function findArray(
  store: FileSystemStore,
  path: string,
): Promise<{ array: ZarrArray; axes?: AxesOrder }> {
  const node = await zarr.open(store);
  if (node instanceof zarr.Array) return { array: node as ZarrArray };
  const attributes = node.attrs as OmeAttributes & { readonly ome?: OmeAttributes };
  const [scales] = attributes.ome?.multiscales ?? attributes.multiscales ?? [];
  const inside = scales?.datasets[0].path ?? (await firstArray(path));
  if (inside === undefined) throw new ImageError(path, `${path}: this Zarr group holds no array.`);
  const array = await zarr.open(node.resolve(inside), { kind: "array" });
  const axes = scales?.axes?.map((axis) => (typeof axis === "string" ? axis : axis.name)).join("");
  return { array: array as ZarrArray, axes };
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

  constructor(
    path: string,
    private readonly array: ZarrArray,
    private readonly axes: AxesOrder,
    sampleType: SampleType,
  ) {
    this.info = { path, shape: imageShape(array.shape, axes), sampleType };
  }

  async read(region: Region = wholeRegion(this.info.shape)): Promise<Image> {
    const { shape, sampleType } = this.info;
    const ranges = storedRanges(region, shape[3], this.axes);
    const { data: stored } = (await zarr.get(
      this.array,
      ranges.map(([from, to]) => zarr.slice(from, to)),
    )) as { data: SampleArray };
    const [depth, height, width] = region.end.map((end, axis) => end - region.start[axis]);
    const part: ImageShape = [depth, height, width, shape[3]];
    const data = sampleArray(sampleType, stored.length);
    eachStored(part, this.axes, (to, from) => {
      data[to] = stored[from];
    });
    return { shape: part, sampleType, data };
  }

  async close(): Promise<void> {}
}

/** Compression that costs little time. */
const CODECS = [
  { name: "bytes", configuration: { endian: "little" } },
  { name: "zstd", configuration: { level: 1, checksum: false } },
];

/** Starts a store (version 3) of an image `[z, y, x, channel]`, under a temporary name until it is closed. */
export async function createZarr(
  path: string,
  shape: ImageShape,
  sampleType: SampleType,
  chunk: readonly [z: number, y: number, x: number],
): Promise<ImageWriter> {
  const temporary = `${path}.${process.pid}.tmp`;
  await rm(temporary, { recursive: true, force: true });
  const array = (await zarr.create(new FileSystemStore(resolve(temporary)), {
    shape: [...shape],
    chunkShape: [...chunk.map((size, axis) => Math.min(size, shape[axis])), shape[3]],
    dtype: sampleType,
    codecs: CODECS,
    dimensionNames: ["z", "y", "x", "c"],
  })) as ZarrArray;
  return {
    write: async (start, { shape: size, data }) => {
      const ranges = start.map((from, axis) => zarr.slice(from, from + size[axis]));
      const strides = [size[1] * size[2] * size[3], size[2] * size[3], size[3], 1];
      await zarr.set(array, [...ranges, null], { data, shape: [...size], stride: strides } as never);
    },
    close: async () => {
      await rm(path, { recursive: true, force: true });
      await rename(temporary, path);
    },
  };
}
