import { basename, extname } from "node:path";
import type { NormalisedImage } from "../data/image-set.ts";
import { denormalise } from "../data/normalisation.ts";
import { sampleArray } from "../images/image.ts";
import { writeTiff } from "../images/tiff-writer.ts";

/** A file's name without folder and extension. */
export const imageName = (path: string): string => basename(path, extname(path));

/** Writes normalised values of an image's shape, in the range and pixel type of that image. */
export async function writeImage(
  path: string,
  values: Float32Array,
  { info: { shape, sampleType }, channels }: Pick<NormalisedImage, "info" | "channels">,
): Promise<string> {
  const data = denormalise(values, channels, sampleType, sampleArray(sampleType, values.length));
  await writeTiff(path, { shape, sampleType, data });
  return path;
}
