/** TEST.BY_CHUNKS: predictions of images larger than memory, written chunk by chunk as Zarr or HDF5. */
import { dirname, extname, join } from "node:path";
import type { NormalizedImage } from "../data/image-set.ts";
import { layersOf, stripsOf } from "../data/layers.ts";
import type { TilingSettings } from "../data/tiling.ts";
import { createFolder } from "../facts/files/create-folder.ts";
import { explainingErrors } from "../facts/files/write-file.ts";
import { openImage } from "../images/files.ts";
import {
  ImageError,
  type ImageInfo,
  type ImageWriter,
  type Region,
  type SampleArray,
  type SampleType,
  shapeOf,
  wholeRegion,
} from "../images/image.ts";
import { writeTiffStrips } from "../images/tiff-writer.ts";
import { type PatchModel, type PredictedPart, predictParts, type Watch } from "./predict.ts";
import { resultName } from "./result-names.ts";
import type { ChunkSettings } from "./test-settings.ts";
import { imageName } from "./write-image.ts";

/** Returns the file of an image's prediction: `.h5` for HDF5 images, else `.zarr`, which several runs can write in parts. */
export function chunkedPath(folder: string, info: ImageInfo, { slices }: ChunkSettings): string {
  const hdf5 = /^\.(h5|hdf5|hdf)$/i.test(extname(info.path)) && slices === undefined;
  return join(folder, `${resultName(info)}${hdf5 ? ".h5" : ".zarr"}`);
}

/** An image to predict part by part, and its files. */
export interface ChunkedPrediction {
  readonly model: PatchModel;
  readonly image: NormalizedImage;
  readonly tiling: TilingSettings;
  readonly settings: ChunkSettings;
  readonly watch: Watch;
  readonly workingBytes?: number;
  readonly files: readonly PartFile[];
  /** Called with each predicted part before it is written. */
  readonly predicted?: (part: PredictedPart) => Promise<void>;
}

/** A file that is written part by part. */
export interface PartFile {
  readonly path: string;
  readonly channels: number;
  readonly sampleType: SampleType;
  /** The values of a part in the file's own type and range, `[z, y, x, channel]`. */
  readonly values: (part: PredictedPart) => Promise<SampleArray> | SampleArray;
}

/**
 * Predicts an image part by part and writes its files (and a TIFF beside each, if requested). A prediction that is
 * stopped or fails leaves no unfinished file.
 */
export async function predictByChunks(prediction: ChunkedPrediction): Promise<void> {
  const { model, image, tiling, settings, watch, workingBytes, files, predicted } = prediction;
  const region = predictedRegion(prediction);
  const writers: PartWriter[] = [];
  try {
    for (const file of files) writers.push(await PartWriter.start(file, image, settings));
    const parts = predictParts(model, image, { tiling, region, chunk: settings.chunk, watch, workingBytes });
    for await (const part of parts) {
      await predicted?.(part);
      for (const writer of writers) await writer.write(part);
    }
    for (const writer of writers) await writer.settle();
    for (const writer of writers) await writer.close();
  } catch (error) {
    // The first error is the one to report.
    for (const writer of writers) await writer.discard().catch(() => {});
    throw error;
  }
  if (!settings.alsoTiff) return;
  for (const { path } of files) await copyAsTiff(path, join(dirname(path), `${imageName(path)}.tif`));
}

/** Writes a file's parts: each is compressed and written while the next one is predicted. */
class PartWriter {
  private writing: Promise<void> = Promise.resolve();
  /** Whether the file has its final name. */
  private isClosed = false;

  private constructor(
    private readonly file: PartFile,
    private readonly writer: ImageWriter,
  ) {}

  static async start(file: PartFile, image: NormalizedImage, settings: ChunkSettings): Promise<PartWriter> {
    const writer = await explainingErrors(file.path, () => startFile(file, image, settings));
    return new PartWriter(file, writer);
  }

  async write(part: PredictedPart): Promise<void> {
    const { channels, sampleType, values } = this.file;
    const data = await values(part);
    await this.writing;
    this.writing = this.writer.write(part.region.start, {
      shape: shapeOf(part.region, channels),
      sampleType,
      data,
    });
    // A failure is reported by the next wait.
    this.writing.catch(() => {});
  }

  settle(): Promise<void> {
    return this.writing;
  }

  async close(): Promise<void> {
    await this.writer.close();
    this.isClosed = true;
  }

  async discard(): Promise<void> {
    await this.writing.catch(() => {});
    if (!this.isClosed) await this.writer.discard();
  }
}

/** Returns the whole image, or the slices of it that TEST.BY_CHUNKS.Z_START and Z_END name. */
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
  { path, channels, sampleType }: PartFile,
  { info }: NormalizedImage,
  { chunk, axes, slices }: ChunkSettings,
): Promise<ImageWriter> {
  await createFolder(dirname(path));
  const [depth, height, width] = info.shape;
  const image = {
    shape: [depth, height, width, channels] as const,
    sampleType,
    chunk,
    axes,
    pixelSize: info.pixelSize,
  };
  if (path.endsWith(".h5")) return (await import("../images/hdf5-writer.ts")).createHdf5(path, image);
  return (await import("../images/zarr-writer.ts")).createZarr(path, image, slices !== undefined);
}

/** Copies a prediction as a TIFF, a few slices or rows at a time (TEST.BY_CHUNKS.SAVE_OUT_TIF). */
async function copyAsTiff(from: string, to: string): Promise<void> {
  const source = await openImage(from);
  try {
    await writeTiffStrips(to, stripsOf(layersOf(source)));
  } finally {
    await source.close();
  }
}
