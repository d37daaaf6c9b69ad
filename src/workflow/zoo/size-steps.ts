/** The image sizes that a network accepts. */

import { architectureOf, ndimOf } from "../../config/basics.ts";
import type { Config } from "../../config/config.ts";
import { modelLevels, stemFactors } from "../../config/model-levels.ts";
import { hrNetStages, stuNetStages } from "../../config/model-stages.ts";
import { ARCHITECTURES, readsSetting } from "../../facts/architectures.ts";
import { at, product, zip } from "../../facts/checked-lists.ts";

/**
 * Returns the step between the sizes that a configuration's network accepts, along each spatial axis: 8 if it halves images three
 * times, 0 if it accepts only patches of DATA.PATCH_SIZE.
 */
export function sizeSteps(config: Config): number[] {
  const patch = config.numbers("DATA.PATCH_SIZE").slice(0, ndimOf(config));
  const steps = downsampling(config);
  return zip(patch, steps).map(([size, step]) => (size % step === 0 ? step : 0));
}

/** Returns the downsampling factor of the network's coarsest level along each spatial axis; 0 if it accepts one size only. */
export function downsampling(config: Config): number[] {
  const architecture = architectureOf(config);
  const flat = ndimOf(config) === 2;
  const axes = (z: readonly number[], yx: readonly number[]) =>
    [...(flat ? [] : [z]), yx, yx].map((factors) => product(factors));
  const everywhere = (step: number) => axes([step], [step]);
  switch (ARCHITECTURES.get(architecture)?.patch) {
    case "levels":
    case "fixed levels": {
      const { zDown, yxDown } = modelLevels(config);
      if (!readsSetting(architecture, "CONVNEXT_STEM_K_SIZE")) return axes(zDown, yxDown);
      const stem = stemFactors(config);
      return axes([stem.z, ...zDown], [stem.yx, ...yxDown]);
    }
    case "branches": {
      const { zDown, yxDown, channels } = hrNetStages(config);
      const counts = [1, ...channels.map((branches) => branches.length)];
      // Two convolutions before the first stage; then each stage that adds a branch.
      const all = (down: readonly number[]) => [
        ...[at(down, 0), at(down, 0)],
        ...down.filter((_, stage) => at(counts, stage + 1) > at(counts, stage)),
      ];
      return axes(all(zDown), all(yxDown));
    }
    case "stages":
      return stuNetStages(config).pools.reduce<number[]>(
        (all, row) => zip(all, row).map(([size, factor]) => size * factor),
        everywhere(1),
      );
    case "pixels":
      // DFCAN's Fourier transform is made for one size.
      return everywhere(architecture === "dfcan" ? 0 : 1);
    default:
      return everywhere(0);
  }
}
