/** TEST.BY_CHUNKS: predictions of images larger than memory, written chunk by chunk as Zarr or HDF5. */
import { mkdir } from "node:fs/promises";
import { dirname, extname, join } from "node:path";
import type { NormalisedImage } from "../data/image-set.ts";
import { layersOf, stripsOf } from "../data/layers.ts";
import { denormalise } from "../data/normalisation.ts";
import type { TilingSettings } from "../data/tiling.ts";
import { openImage } from "../images/files.ts";
import {
  ImageError,
  type ImageWriter,
  type Region,
  sampleArray,
  shapeOf,
  wholeRegion,
} from "../images/image.ts";
import { writeTiffStrips } from "../images/tiff-writer.ts";
import { type PatchModel, type PredictedPart, predictParts, type Watch } from "./predict.ts";
import type { ChunkSettings } from "./test-settings.ts";
import { imageName } from "./write-image.ts";

/** Where an image's prediction goes: beside HDF5 an `.h5`, else a `.zarr`, which several runs can write parts of. */
export function chunkedPath(folder: string, path: string, { slices }: ChunkSettings): string {
  const hdf5 = /^\.(h5|hdf5|hdf)$/i.test(extname(path)) && slices === undefined;
  return join(folder, `${imageName(path)}${hdf5 ? ".h5" : ".zarr"}`);
}

export interface ChunkedPrediction {
  readonly model: PatchModel;
  readonly image: NormalisedImage;
  readonly tiling: TilingSettings;
  readonly settings: ChunkSettings;
  readonly watch: Watch;
  readonly workingBytes?: number;
  /** What is kept of a predicted part, normalised values. */
  readonly keep: (part: PredictedPart) => Promise<Float32Array> | Float32Array;
}

/**
 * Predicts an image and writes it to `path` (and a TIFF beside it, where that is asked for) in the image's own range and pixel
 * type. A prediction that is stopped leaves nothing.
 */
export async function predictByChunks(path: string, prediction: ChunkedPrediction): Promise<void> {
  const { model, image, tiling, settings, watch, workingBytes, keep } = prediction;
  const { shape, sampleType } = image.info;
  const writer = await startFile(path, image, settings);
  // A part is compressed and written while the next one is predicted.
  let writing = Promise.resolve();
  try {
    const region = predictedRegion(prediction);
    const parts = predictParts(model, image, { tiling, region, chunk: settings.chunk, watch, workingBytes });
    for await (const part of parts) {
      const values = await keep(part);
      const data = denormalise(values, image.channels, sampleType, sampleArray(sampleType, values.length));
      await writing;
      writing = writer.write(part.region.start, { shape: shapeOf(part.region, shape[3]), sampleType, data });
      // Should it fail, the next wait for it says so.
      writing.catch(() => {});
    }
    await writing;
  } catch (error) {
    await writing.catch(() => {});
    await writer.discard();
    throw error;
  }
  await writer.close();
  if (settings.alsoTiff) await copyAsTiff(path, join(dirname(path), `${imageName(path)}.tif`));
}

/** The whole image, or the slices of it that TEST.BY_CHUNKS.Z_START and Z_END name. */
function predictedRegion({ image: { info }, settings: { slices } }: ChunkedPrediction): Region {
  const whole = wholeRegion(info.shape);
  if (slices === undefined) return whole;
  const [from, to] = [slices[0], Math.min(slices[1], info.shape[0])];
  if (from < to) return { start: [from, 0, 0], end: [to, info.shape[1], info.shape[2]] };
  throw new ImageError(
    info.path,
    `${info.path}: has ${info.shape[0]} slices, and TEST.BY_CHUNKS.Z_START and Z_END ask for those from ${from} on.`,
  );
}

async function startFile(
  path: string,
  { info: { shape, sampleType, pixelSize } }: NormalisedImage,
  { chunk, axes, slices }: ChunkSettings,
): Promise<ImageWriter> {
  await mkdir(dirname(path), { recursive: true });
  const image = { shape, sampleType, chunk, axes, pixelSize };
  if (path.endsWith(".h5")) return (await import("../images/hdf5-writer.ts")).createHdf5(path, image);
  return (await import("../images/zarr-writer.ts")).createZarr(path, image, slices !== undefined);
}

/** TEST.BY_CHUNKS.SAVE_OUT_TIF: the same as a TIFF, which is read and written a few slices or rows at a time. */
async function copyAsTiff(from: string, to: string): Promise<void> {
  const source = await openImage(from);
  try {
    await writeTiffStrips(to, stripsOf(layersOf(source)));
  } finally {
    await source.close();
  }
}
