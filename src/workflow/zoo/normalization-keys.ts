/** Converts a package's preprocessing to keys of a configuration. */

import type { Config } from "../../config/config.ts";
import type { PythonValue } from "../../config/python-value.ts";
import { at } from "../../facts/checked-lists.ts";
import { type PackageDescription, PackageError } from "./read-package.ts";

/** Converts the package's preprocessing to DATA.NORMALIZATION. Throws {@link PackageError} for unsupported operations. */
export function normalizationKeys(config: Config, { inputs }: PackageDescription): Config {
  const { preprocessing } = at(inputs, 0);
  let result = config;
  for (const { id, kwargs: given } of preprocessing ?? []) {
    const kwargs = given ?? {};
    if (id === "ensure_dtype") continue;
    if (id === "zero_mean_unit_variance") result = result.with("DATA.NORMALIZATION.TYPE", id);
    else if (id === "scale_range") result = scaleRange(result, kwargs);
    else if (id === "scale_linear" && isDivision(kwargs))
      result = result.with("DATA.NORMALIZATION.TYPE", "div");
    else if (id === "fixed_zero_mean_unit_variance") {
      const list = (value: unknown): PythonValue => [value].flat().map(Number);
      result = result
        .with("DATA.NORMALIZATION.TYPE", "zero_mean_unit_variance")
        .with("DATA.NORMALIZATION.ZERO_MEAN_UNIT_VAR.MEAN_VAL", list(kwargs.mean))
        .with("DATA.NORMALIZATION.ZERO_MEAN_UNIT_VAR.STD_VAL", list(kwargs.std));
    } else if (id === "clip") result = isScaled(result, kwargs) ? result : clipped(result, kwargs);
    else throw new PackageError(`its preprocessing has ${id}, which this engine does not do to images.`);
  }
  return result;
}

type Arguments = Readonly<Record<string, unknown>>;

const isDivision = ({ gain, offset = 0 }: Arguments): boolean =>
  offset === 0 && typeof gain === "number" && [1, 255, 65535].some((by) => Math.abs(gain * by - 1) < 1e-6);

/** Whether clipping follows scaling by percentiles: that is one setting here. */
const isScaled = (config: Config, { min, max }: Arguments): boolean =>
  config.flag("DATA.NORMALIZATION.PERC_CLIP.ENABLE") && min === 0 && max === 1;

function scaleRange(config: Config, { min_percentile = 0, max_percentile = 100 }: Arguments): Config {
  const scaled = config.with("DATA.NORMALIZATION.TYPE", "scale_range");
  if (min_percentile === 0 && max_percentile === 100) return scaled;
  return clipped(scaled, { min_percentile, max_percentile });
}

function clipped(config: Config, { min_percentile, max_percentile, min, max }: Arguments): Config {
  const key = <Name extends string>(name: Name) => `DATA.NORMALIZATION.PERC_CLIP.${name}` as const;
  const enabled = config.with(key("ENABLE"), true);
  if (typeof min === "number" && typeof max === "number")
    return enabled.with(key("LOWER_VALUE"), [min]).with(key("UPPER_VALUE"), [max]);
  if (typeof min_percentile === "number" && typeof max_percentile === "number")
    return enabled.with(key("LOWER_PERC"), min_percentile).with(key("UPPER_PERC"), max_percentile);
  throw new PackageError("its preprocessing clips at one end only, which this engine does not do.");
}
