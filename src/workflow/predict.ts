/** Applying a program to whole images, patch by patch. */

import type { Sample } from "../data/augmentation/sample.ts";
import type { NormalisedImage } from "../data/image-set.ts";
import { Blender, type TilingSettings, tilePatches } from "../data/tiling.ts";
import type { Executable } from "../runtime/executable.ts";
import type { Batch } from "../training/trainer.ts";

export interface PredictionSettings {
  readonly tiling: TilingSettings;
  readonly batchSize: number;
  /** What the program is fed for these patches, the first of which is patch `first` of the image. */
  readonly batch: (samples: readonly Sample[], first: number) => Batch;
}

/** The program's outputs `[batch, (z,) y, x, channel]` for all patches of an image, blended: `[z, y, x, channel]` each. */
export async function predictImage(
  executable: Executable,
  image: NormalisedImage,
  { tiling, batchSize, batch }: PredictionSettings,
): Promise<Record<string, Float32Array>> {
  const { shape } = image.info;
  const places = tilePatches(shape, tiling);
  const names = Object.keys(executable.outputs);
  const blenders = new Map(names.map((name) => [name, new Blender(shape, tiling)]));
  for (let first = 0; first < places.length; first += batchSize) {
    const starts = places.slice(first, first + batchSize);
    const samples = await Promise.all(
      starts.map(async (start) => ({
        size: tiling.patch,
        channels: shape[3],
        image: await image.patch(start, tiling.patch),
      })),
    );
    for (const [name, data] of Object.entries(batch(samples, first).inputs))
      executable.inputs[name].set(data);
    await executable.run(0);
    for (const [name, blender] of blenders) {
      const values = executable.outputs[name];
      const length = values.length / batchSize;
      starts.forEach((start, sample) => {
        blender.add(start, values.subarray(sample * length, (sample + 1) * length));
      });
    }
  }
  return Object.fromEntries([...blenders].map(([name, blender]) => [name, blender.result()]));
}
