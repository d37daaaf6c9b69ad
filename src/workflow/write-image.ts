import { basename, dirname, extname } from "node:path";
import type { NormalizedImage } from "../data/image-set.ts";
import { denormalize, denormalizedPrediction } from "../data/normalization.ts";
import { createFolder } from "../facts/files/create-folder.ts";
import { explainingErrors } from "../facts/files/write-file.ts";
import { type ImageInfo, type Region, type SampleArray, sampleArray, shapeOf } from "../images/image.ts";
import { writeTiff } from "../images/tiff-writer.ts";

/** Returns a file's name without folder and extension. */
export const imageName = (path: string): string => basename(path, extname(path));

/** Converts normalized values to the range and pixel type of their image. */
export function inOwnRange(
  values: Float32Array,
  { info: { sampleType }, channels }: Pick<NormalizedImage, "info" | "channels">,
): SampleArray {
  return denormalize(values, channels, sampleType, sampleArray(sampleType, values.length));
}

/** Converts a prediction to the range and pixel type of its image. */
export function predictionInOwnRange(
  values: Float32Array,
  { info: { sampleType }, channels }: Pick<NormalizedImage, "info" | "channels">,
): SampleArray {
  return denormalizedPrediction(values, channels, sampleType, sampleArray(sampleType, values.length));
}

/** Describes a file to write: channels, sample type, and pixel size if known. */
export type WrittenSamples = Pick<ImageInfo, "sampleType" | "pixelSize"> & { readonly channels: number };

/** Writes a region `[z, y, x, channel]` as a TIFF, and makes its folder. Returns the path. */
export async function writeSamples(
  path: string,
  data: SampleArray,
  { channels, sampleType, pixelSize }: WrittenSamples,
  region: Region,
): Promise<string> {
  await explainingErrors(path, () => createFolder(dirname(path)));
  await writeTiff(path, { shape: shapeOf(region, channels), sampleType, data }, pixelSize);
  return path;
}

/** Writes normalized values of a region of an image, in the range and pixel type of that image. Returns the path. */
export async function writeImage(
  path: string,
  values: Float32Array,
  image: Pick<NormalizedImage, "info" | "channels">,
  region: Region,
): Promise<string> {
  const { shape, sampleType, pixelSize } = image.info;
  const written = { channels: shape[3], sampleType, pixelSize };
  return writeSamples(path, inOwnRange(values, image), written, region);
}
