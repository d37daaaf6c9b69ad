/**
 * Small pictures of each epoch, for a replay of how reconstructions changed: the middle slice, at most 192 pixels wide and high,
 * in `<run directory>/epochs/<epoch>/<image>_<role>.tif`. At most about 100 epochs are kept, at equal distances, and the last one.
 */

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { CHANGING_ROLES } from "../facts/epoch-pictures.ts";
import { createFolder } from "../facts/files/create-folder.ts";
import { EPOCH_PICTURES } from "../facts/result-tree.ts";
import type { ImageFiles } from "../facts/run-events.ts";
import { openImage } from "../images/files.ts";
import { type Image, sampleArray } from "../images/image.ts";
import { writeTiff } from "../images/tiff-writer.ts";
import { epochsIn } from "../results/epoch-pictures.ts";

const MOST_EPOCHS = 100;
const MOST_SIDE = 192;

/** Saves small versions of an image's files, and deletes those of surplus epochs and epochs that were trained again. */
export async function keepEpochPictures(
  runDirectory: string,
  epoch: number,
  image: string,
  files: ImageFiles,
): Promise<void> {
  const folder = join(runDirectory, EPOCH_PICTURES, String(epoch));
  await createFolder(folder);
  for (const role of CHANGING_ROLES) {
    const path = files[role];
    if (path !== undefined)
      await writeTiff(join(folder, `${image}_${role}.tif`), await smallVersion(path, role));
  }
  const present = await epochsIn(runDirectory);
  const kept = keptEpochs(present, epoch);
  for (const other of present)
    if (!kept.has(other))
      await rm(join(runDirectory, EPOCH_PICTURES, String(other)), { recursive: true, force: true });
}

type Role = (typeof CHANGING_ROLES)[number];

/** Returns which of some ascending epochs are kept when training has reached `last`: the first of each stretch, and the last one. */
function keptEpochs(epochs: readonly number[], last: number): Set<number> {
  const length = 2 ** Math.max(0, Math.ceil(Math.log2(last / MOST_EPOCHS)));
  const firsts = new Map<number, number>();
  for (const epoch of epochs.filter((each) => each <= last)) {
    const stretch = Math.floor(epoch / length);
    if (!firsts.has(stretch)) firsts.set(stretch, epoch);
  }
  return new Set([...firsts.values(), last]);
}

/**
 * Returns the middle slice `[1, y, x, channel]` of a file, smaller: each pixel is the mean of a square of pixels, or the first of them for
 * predictions, which may be labels.
 */
async function smallVersion(path: string, role: Role): Promise<Image> {
  const source = await openImage(path);
  try {
    const { shape, sampleType } = source.info;
    const [depth, height, width, channels] = shape;
    const z = depth >> 1;
    const { data } = await source.read({ start: [z, 0, 0], end: [z + 1, height, width] });
    const size = Math.max(1, Math.ceil(Math.max(height, width) / MOST_SIDE));
    const [rows, columns] = [Math.ceil(height / size), Math.ceil(width / size)];
    const small = sampleArray(sampleType, rows * columns * channels);
    const whole = !sampleType.startsWith("float");
    for (let at = 0; at < small.length; at++) {
      const channel = at % channels;
      const pixel = Math.floor(at / channels);
      const [top, left] = [Math.floor(pixel / columns) * size, (pixel % columns) * size];
      if (role === "prediction") {
        small[at] = data[(top * width + left) * channels + channel] ?? 0;
        continue;
      }
      let [sum, count] = [0, 0];
      for (let y = top; y < Math.min(height, top + size); y++)
        for (let x = left; x < Math.min(width, left + size); x++, count++)
          sum += data[(y * width + x) * channels + channel] ?? 0;
      small[at] = whole ? Math.round(sum / count) : sum / count;
    }
    return { shape: [1, rows, columns, channels], sampleType, data: small };
  } finally {
    await source.close();
  }
}
