/** A run's small pictures of each epoch: `<run directory>/epochs/<epoch>/<image>_<role>.tif`. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { CHANGING_ROLES, type EpochPictures } from "../facts/epoch-pictures.ts";
import { EPOCH_PICTURES } from "../facts/result-tree.ts";
import type { ImageFiles } from "../facts/run-events.ts";

/** Returns the epochs with pictures, ascending. */
export async function epochsIn(runDirectory: string): Promise<number[]> {
  const names = await readdir(join(runDirectory, EPOCH_PICTURES)).catch(() => []);
  return names
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((one, other) => one - other);
}

/** Returns the pictures by epoch, ascending, and by image. */
export async function listEpochPictures(runDirectory: string): Promise<EpochPictures[]> {
  const found: EpochPictures[] = [];
  for (const epoch of await epochsIn(runDirectory)) {
    const folder = join(runDirectory, EPOCH_PICTURES, String(epoch));
    const images: Record<string, ImageFiles> = {};
    for (const name of await readdir(folder).catch(() => [])) {
      const role = CHANGING_ROLES.find((each) => name.endsWith(`_${each}.tif`));
      if (role === undefined) continue;
      const image = name.slice(0, -`_${role}.tif`.length);
      images[image] = { ...images[image], [role]: join(folder, name) };
    }
    found.push({ epoch, images });
  }
  return found;
}
