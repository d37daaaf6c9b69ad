/** Images written as Zarr stores (version 3), chunk by chunk. */
import { existsSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import FileSystemStore from "@zarrita/storage/fs";
import * as zarr from "zarrita";
import { createFolder } from "../facts/files/create-folder.ts";
import { moveIntoPlace } from "../facts/files/move-into-place.ts";
import { explainingErrors, temporaryName } from "../facts/files/write-file.ts";
import type { AxesOrder } from "./axes.ts";
import {
  ImageError,
  type ImageWriter,
  type NewImage,
  type PixelSize,
  type Region,
  regionOf,
} from "./image.ts";
import { storedChunk, storedShape, stridesOf, writtenRanges } from "./written-axes.ts";
// Registers gzip, which the library cannot write.
import "./zarr-codecs.ts";

/** Returns the ranges to write along each stored axis as the library's slices. */
const slices = (region: Region, channels: number, axes: AxesOrder) =>
  writtenRanges(region, channels, axes).map(([from, to]) => zarr.slice(from, to));

/** Fast compression. */
const CODECS = [
  { name: "bytes", configuration: { endian: "little" } },
  { name: "gzip", configuration: { level: 1 } },
];

/**
 * Creates a store (version 3) under a temporary name; closing it renames it to `path`.
 *
 * @param beside whether to add the chunks to an existing store at `path`, for an image that several processes write; defaults to
 *   replacing it
 */
export async function createZarr(path: string, image: NewImage, beside = false): Promise<ImageWriter> {
  const { shape, sampleType, axes, pixelSize } = image;
  const temporary = temporaryName(path);
  const array = await zarr.create(new FileSystemStore(resolve(temporary)), {
    shape: storedShape(shape, axes),
    chunkShape: storedChunk(image),
    dtype: sampleType,
    codecs: CODECS,
    fillValue: 0,
    dimensionNames: [...axes.toLowerCase()],
    attributes: pixelSize === undefined ? {} : scaleAttributes(axes, pixelSize),
  });
  return {
    write: async (start, { shape: size, data }) => {
      const ranges = slices(regionOf(start, size), size[3], axes);
      const part = { data, shape: storedShape(size, axes), stride: stridesOf(size, axes) };
      await explainingErrors(path, () => zarr.set(array, ranges, part));
    },
    close: () =>
      explainingErrors(path, async () => {
        if (beside) return addStore(temporary, path);
        await rm(path, { recursive: true, force: true });
        await moveIntoPlace(temporary, path);
      }),
    discard: () => rm(temporary, { recursive: true, force: true }),
  };
}

const TYPES: Readonly<Record<string, string>> = { T: "time", C: "channel" };
/** Units as OME-Zarr spells them (UDUNITS-2). */
const UNIT_NAMES: Readonly<Record<string, string>> = {
  µm: "micrometer",
  nm: "nanometer",
  mm: "millimeter",
  cm: "centimeter",
  m: "meter",
  Å: "angstrom",
};

/** Returns axes and their scale in the form of OME-Zarr's image metadata (https://ngff.openmicroscopy.org/0.5/). */
function scaleAttributes(order: AxesOrder, size: PixelSize) {
  const scale: Readonly<Record<string, number | undefined>> = { Z: size.z, Y: size.y, X: size.x };
  const unit = UNIT_NAMES[size.unit] ?? size.unit;
  return {
    axes: [...order].map((letter) => ({
      name: letter.toLowerCase(),
      type: TYPES[letter] ?? "space",
      ...(scale[letter] === undefined ? {} : { unit }),
    })),
    coordinateTransformations: [{ type: "scale", scale: [...order].map((letter) => scale[letter] ?? 1) }],
  };
}

/** Moves a store to `to`, or its chunks into the store that is there. */
async function addStore(from: string, to: string): Promise<void> {
  if (existsSync(to)) return joinStores(from, to);
  await moveIntoPlace(from, to).catch((error: unknown) => {
    // Another process put its store there meanwhile.
    if (existsSync(to)) return joinStores(from, to);
    throw error;
  });
}

/** Moves the chunks of one store into another store with the same metadata. */
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
    await createFolder(target);
    await moveIntoPlace(join(parentPath, name), join(target, name));
  }
  await rm(from, { recursive: true, force: true });
}

/** Zarr 3's metadata file of an array. */
const DESCRIPTION = "zarr.json";
