/** TEST.AUGMENTATION: a patch is predicted in several orientations, and what comes out is turned back and merged. */
import { type Orientation, opposite, oriented } from "../data/orientation.ts";
import type { Box } from "../data/tiling.ts";
import type { PatchModel } from "./predict.ts";

/** TEST.AUGMENTATION_MODE. */
export type MergeMode = "mean" | "min" | "max";

const MERGE: Readonly<Record<MergeMode, (merged: number, value: number) => number>> = {
  mean: (merged, value) => merged + value,
  min: Math.min,
  max: Math.max,
};

/** A model that predicts each patch in all `turns`; patches are square where any of these swaps y and x. */
export function augmentedModel(
  model: PatchModel,
  patch: Box,
  turns: readonly Orientation[],
  mode: MergeMode,
): PatchModel {
  const merge = MERGE[mode];
  return {
    batchSize: model.batchSize,
    outputs: model.outputs,
    channels: model.channels,
    run: async (patches, tiles) => {
      const merged: Record<string, Float32Array[]> = {};
      for (const turn of turns) {
        const turned = patches.map((values) => oriented(values, patch, turn));
        const outputs = await model.run(turned, tiles, turn);
        for (const [name, predicted] of Object.entries(outputs)) {
          const back = predicted.map((values) => oriented(values, patch, opposite(turn)));
          merged[name] =
            merged[name]?.map((all, sample) => all.map((value, at) => merge(value, back[sample][at]))) ??
            back;
        }
      }
      if (mode === "mean")
        for (const all of Object.values(merged).flat())
          for (let at = 0; at < all.length; at++) all[at] /= turns.length;
      return merged;
    },
  };
}
