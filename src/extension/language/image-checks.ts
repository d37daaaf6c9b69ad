/** Finds problems of a configuration's images by opening them, and reports them at the keys. */

import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { ndimOf, usedPhases } from "../../config/basics.ts";
import { singlePatch } from "../../config/checks.ts";
import type { Config } from "../../config/config.ts";
import type { Key } from "../../config/key-names.ts";
import { inspectImages } from "../../data/patches.ts";
import { tilePatches } from "../../data/tiling.ts";
import { isNetworkPath } from "../../facts/files/network-path.ts";
import type { Problem } from "../../facts/run-events.ts";
import { listImages } from "../../images/files.ts";
import { ImageError, type ImageInfo } from "../../images/image.ts";
import { checkApart } from "../../images/inspection-thread.ts";
import { imageDemands } from "../../workflow/preprocess-settings.ts";
import { openOptions, tilingSettings } from "../../workflow/settings.ts";

/** Number of images of a folder opened during editing; a run checks all. */
const MOST_IMAGES = 100;
/** Time limit for scanning the pixels of one image; a run scans all of them. */
const PIXEL_MILLISECONDS = 200;
/** Faulty images that are named one by one. */
const MOST_NAMED = 3;

/**
 * Opens the images of the phases in use.
 * Folders that do not exist are left to `checkConfig`, and so are patch sizes that do not fit PROBLEM.NDIM.
 *
 * @param folder the folder against which relative paths are resolved
 * @param network whether paths on other computers may be accessed
 * @param progress called before each image
 */
export async function checkImages(
  config: Config,
  folder: string,
  network: boolean,
  progress: () => void = () => {},
): Promise<Problem[]> {
  const patch = config.numbers("DATA.PATCH_SIZE");
  if (patch.length !== ndimOf(config) + 1 || patch.some((size) => !(size >= 1))) return [];
  const problems: Problem[] = [];
  for (const phase of usedPhases(config)) {
    const key = `DATA.${phase}.PATH` as const;
    if (!network && isNetworkPath(config.text(key))) continue;
    const path = resolve(folder, config.text(key));
    const isFolder = await stat(path).then(
      (found) => found.isDirectory(),
      () => false,
    );
    if (!isFolder) continue;
    try {
      const paths = await listImages(path);
      const looked = paths.slice(0, MOST_IMAGES);
      const options = openOptions(config, phase);
      const look = (image: string) => checkApart(image, options, PIXEL_MILLISECONDS);
      const found = await inspectImages(looked, imageDemands(config, phase), options, progress, look);
      if (found.problems.length > 0) problems.push(summary(config, key, found.problems));
      else if (phase === "TRAIN" && paths.length <= MOST_IMAGES)
        problems.push(...checkSplit(config, found.infos));
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      problems.push(config.problem(key, error.message));
    }
  }
  return problems;
}

function summary(config: Config, key: Key, problems: readonly Problem[]): Problem {
  const named = problems.slice(0, MOST_NAMED).map(({ message }) => message);
  const more =
    problems.length > MOST_NAMED ? [`${problems.length - MOST_NAMED} more images have faults.`] : [];
  return config.problem(key, [...named, ...more].join("\n"));
}

/** There must be enough training patches to set some apart. */
function checkSplit(config: Config, infos: readonly ImageInfo[]): Problem[] {
  if (!config.flag("DATA.VAL.FROM_TRAIN")) return [];
  const count = config.flag("DATA.TRAIN.EXTRACT_RANDOM_PATCH")
    ? infos.length
    : infos.reduce((sum, { shape }) => sum + tilePatches(shape, tilingSettings(config, "TRAIN")).length, 0);
  return count >= 2 ? [] : [singlePatch(config)];
}
