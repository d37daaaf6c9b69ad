/** Parts of the sample images, on which networks train in a second. */
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { openImage } from "../../src/images/files.ts";
import type { Image, PixelSize, Region } from "../../src/images/image.ts";
import { writeTiff } from "../../src/images/tiff-writer.ts";
import { samples } from "./command.ts";

/**
 * Reads a part of a sample image.
 *
 * @param name such as `2d/train/nuclei-01.tif`
 * @param end its end in pixels, `[z, y, x]`
 * @param start defaults to the image's first pixel
 */
export async function samplePart(
  name: string,
  end: Region["end"],
  start: Region["start"] = [0, 0, 0],
): Promise<Image> {
  const source = await openImage(samples(name));
  try {
    return await source.read({ start, end });
  } finally {
    await source.close();
  }
}

/** Writes a TIFF, and makes its folder. */
export async function writePart(path: string, image: Image, pixelSize?: PixelSize): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeTiff(path, image, pixelSize);
}
