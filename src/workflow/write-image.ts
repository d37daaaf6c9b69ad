import { basename, extname } from "node:path";
import type { NormalisedImage } from "../data/image-set.ts";
import { denormalise } from "../data/normalisation.ts";
import { sampleArray, shapeOf, wholeRegion } from "../images/image.ts";
import { writeTiff } from "../images/tiff-writer.ts";

/** A file's name without folder and extension. */
export const imageName = (path: string): string => basename(path, extname(path));

/** Writes normalised values of an image or of a region of it, in the range and pixel type of that image. */
export async function writeImage(
  path: string,
  values: Float32Array,
  { info: { shape, sampleType, pixelSize }, channels }: Pick<NormalisedImage, "info" | "channels">,
  region = wholeRegion(shape),
): Promise<string> {
  const data = denormalise(values, channels, sampleType, sampleArray(sampleType, values.length));
  await writeTiff(path, { shape: shapeOf(region, shape[3]), sampleType, data }, pixelSize);
  return path;
}
