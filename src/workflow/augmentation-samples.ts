/** AUGMENTOR.AUG_SAMPLES: augmented patches beside the originals. */

import { join } from "node:path";
import type { Sample } from "../data/augmentation/sample.ts";
import type { PatchSet } from "../data/patches.ts";
import { Random } from "../data/random.ts";
import { createFolder } from "../facts/files/create-folder.ts";
import type { ResultTree } from "../facts/result-tree.ts";
import type { ReportEvent } from "../facts/run-events.ts";
import type { ImageShape } from "../images/image.ts";
import { writeTiff } from "../images/tiff-writer.ts";
import { imageName } from "./write-image.ts";

export interface SampleSettings {
  readonly count: number;
  /** Draw a grid on the patches first, to show how they are deformed. */
  readonly drawGrid: boolean;
  readonly seed: number;
}

/** Number of grid lines across a patch. */
const GRID_LINES = 5;

function withGrid(sample: Sample): Sample {
  const [depth, height, width] = sample.size;
  const step = Math.max(2, Math.floor(height / GRID_LINES));
  const drawn = (values: Float32Array) => {
    const brightest = values.reduce((most, value) => Math.max(most, value), -Infinity);
    return values.map((value, at) => {
      const pixel = Math.floor(at / sample.channels) % (depth * height * width);
      const [y, x] = [Math.floor(pixel / width) % height, pixel % width];
      return y % step === 0 || x % step === 0 ? brightest : value;
    });
  };
  return { ...sample, image: drawn(sample.image), target: sample.target && drawn(sample.target) };
}

/** Writes `<image>_<number>_original.tif` and `<image>_<number>_augmented.tif`, normalized values, into `aug`. */
export async function writeAugmentationSamples(
  patches: PatchSet,
  tree: ResultTree,
  report: ReportEvent,
  { count, drawGrid, seed }: SampleSettings,
): Promise<void> {
  await createFolder(tree.aug);
  const picked = new Random(seed).fork(0xa063).permutation(patches.count).subarray(0, count);
  for (const [number, index] of picked.entries()) {
    const before = await patches.read(index, 0);
    const after = await patches.readAugmented(index, 0, drawGrid ? withGrid : undefined);
    const stem = `${imageName(patches.imageName(index))}_${number + 1}`;
    const shape: ImageShape = [...before.size, before.channels];
    const write = async (name: string, data: Float32Array) => {
      const path = join(tree.aug, `${stem}_${name}.tif`);
      await writeTiff(path, { shape, sampleType: "float32", data });
      return path;
    };
    const files = {
      original: await write("original", before.image),
      reconstruction: await write("augmented", after.image),
    };
    report({ event: "image", kind: "augmentation", image: patches.imageName(index), files });
  }
}
