import { mkdir } from "node:fs/promises";
import { basename, dirname, extname } from "node:path";
import type { NormalisedImage } from "../data/image-set.ts";
import { denormalise, denormalisedPrediction } from "../data/normalisation.ts";
import {
  type PixelSize,
  type Region,
  type SampleArray,
  type SampleType,
  sampleArray,
  shapeOf,
} from "../images/image.ts";
import { writeTiff } from "../images/tiff-writer.ts";

/** A file's name without folder and extension. */
export const imageName = (path: string): string => basename(path, extname(path));

/** Normalized values in the range and pixel type of the image that they are of. */
export function inOwnRange(
  values: Float32Array,
  { info: { sampleType }, channels }: Pick<NormalisedImage, "info" | "channels">,
): SampleArray {
  return denormalise(values, channels, sampleType, sampleArray(sampleType, values.length));
}

/** What a network predicted of an image, in the range and pixel type of that image. */
export function predictionInOwnRange(
  values: Float32Array,
  { info: { sampleType }, channels }: Pick<NormalisedImage, "info" | "channels">,
): SampleArray {
  return denormalisedPrediction(values, channels, sampleType, sampleArray(sampleType, values.length));
}

/** What samples are, beside their values. */
interface SampleKind {
  readonly channels: number;
  readonly sampleType: SampleType;
  readonly pixelSize?: PixelSize;
}

/** Writes a region `[z, y, x, channel]` as a TIFF, and makes its folder. Returns the path. */
export async function writeSamples(
  path: string,
  data: SampleArray,
  { channels, sampleType, pixelSize }: SampleKind,
  region: Region,
): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeTiff(path, { shape: shapeOf(region, channels), sampleType, data }, pixelSize);
  return path;
}

/** Writes normalized values of a region of an image, in the range and pixel type of that image. Returns the path. */
export async function writeImage(
  path: string,
  values: Float32Array,
  image: Pick<NormalisedImage, "info" | "channels">,
  region: Region,
): Promise<string> {
  const { shape, sampleType, pixelSize } = image.info;
  return writeSamples(path, inOwnRange(values, image), { channels: shape[3], sampleType, pixelSize }, region);
}
