/** TEST.AUGMENTATION: a patch is predicted in several orientations, and the predictions are turned back and merged. */

import { type Orientation, opposite, oriented } from "../data/orientation.ts";
import { type Box, reflected } from "../data/tiling.ts";
import { at as itemAt } from "../facts/checked-lists.ts";
import type { PatchModel } from "./predict.ts";

/** TEST.AUGMENTATION_MODE. */
export const MERGE_MODES = ["mean", "min", "max"] as const;
export type MergeMode = (typeof MERGE_MODES)[number];

const MERGE: Readonly<Record<MergeMode, (merged: number, value: number) => number>> = {
  mean: (merged, value) => merged + value,
  min: Math.min,
  max: Math.max,
};

/** Returns the size of the patches that are predicted in these orientations: a square if y and x are swapped in any. */
export function augmentedPatch([z, y, x]: Box, turns: readonly Orientation[]): Box {
  const side = Math.max(y, x);
  return turns.some(({ swapped }) => swapped) ? [z, side, side] : [z, y, x];
}

/**
 * Returns a model that predicts each patch in all orientations. Patches that are not square are completed to squares, as BiaPy does.
 *
 * @param model predicts patches of {@link augmentedPatch}
 */
export function augmentedModel(
  model: PatchModel,
  patch: Box,
  turns: readonly Orientation[],
  mode: MergeMode,
): PatchModel {
  const merge = MERGE[mode];
  const square = augmentedPatch(patch, turns);
  return {
    batchSize: model.batchSize,
    outputs: model.outputs,
    channels: model.channels,
    complete: model.complete,
    run: async (patches, tiles) => {
      const completed = patches.map((values) => completedTo(square, values, patch));
      const merged: Record<string, Float32Array[]> = {};
      for (const turn of turns) {
        const turned = completed.map((values) => oriented(values, square, turn));
        const outputs = await model.run(turned, tiles, turn);
        for (const [name, predicted] of Object.entries(outputs)) {
          const back = predicted.map((values) => oriented(values, square, opposite(turn)));
          merged[name] =
            merged[name]?.map((all, sample) =>
              all.map((value, at) => merge(value, itemAt(back, sample)[at] ?? 0)),
            ) ?? back;
        }
      }
      if (mode === "mean")
        for (const all of Object.values(merged).flat())
          for (let at = 0; at < all.length; at++) all[at] = (all[at] ?? 0) / turns.length;
      return Object.fromEntries(
        Object.entries(merged).map(([name, all]) => [name, all.map((each) => endOf(each, square, patch))]),
      );
    },
  };
}

/**
 * Completes a patch `[z, y, x, channel]` to a larger square before its first row and column: by reflection, or by repeating the
 * border where the patch is too small for that.
 */
function completedTo(square: Box, values: Float32Array, patch: Box): Float32Array {
  if (String(square) === String(patch)) return values;
  const [depth, height, width] = patch;
  const channels = values.length / (depth * height * width);
  const side = square[1];
  const before = [side - height, side - width];
  const mirrors = itemAt(before, 0) < height && itemAt(before, 1) < width;
  const source = (at: number, size: number) => (mirrors ? reflected(at, size) : Math.max(at, 0));
  const result = new Float32Array(depth * side * side * channels);
  let to = 0;
  for (let z = 0; z < depth; z++)
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++) {
        const row = z * height + source(y - (before[0] ?? 0), height);
        const from = (row * width + source(x - (before[1] ?? 0), width)) * channels;
        for (let channel = 0; channel < channels; channel++) result[to++] = values[from + channel] ?? 0;
      }
  return result;
}

/** Returns the last rows and columns of a square: the patch that was completed to it. */
function endOf(values: Float32Array, square: Box, patch: Box): Float32Array {
  if (String(square) === String(patch)) return values;
  const [depth, height, width] = patch;
  const side = square[1];
  const channels = values.length / (depth * side * side);
  const row = width * channels;
  const result = new Float32Array(depth * height * row);
  for (let z = 0; z < depth; z++)
    for (let y = 0; y < height; y++) {
      const from = ((z * side + side - height + y) * side + side - width) * channels;
      result.set(values.subarray(from, from + row), (z * height + y) * row);
    }
  return result;
}
