import { join } from "node:path";
import { writeNpy } from "../checkpoint/npy.ts";
import type { Config } from "../config/config.ts";
import { createFolder } from "../facts/files/create-folder.ts";
import type { ResultTree } from "../facts/result-tree.ts";
import { normalizationSettings } from "./settings.ts";

/** Saves the configuration's mean and deviation beside the checkpoint: using the model requires them. */
export async function writeNormalizationFiles(config: Config, tree: ResultTree): Promise<void> {
  const { type, custom } = normalizationSettings(config);
  if (type !== "zero_mean_unit_variance" || custom === undefined) return;
  const write = (name: string, values: readonly number[]) => {
    const array = { shape: [values.length], data: Float64Array.from(values) };
    return writeNpy(join(tree.checkpoints, `normalization_${name}_value.npy`), array);
  };
  await createFolder(tree.checkpoints);
  await write("mean", custom.mean);
  await write("std", custom.deviation);
}
