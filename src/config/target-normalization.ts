/** Checks DATA.NORMALIZATION.TARGET: restoration targets normalized by fixed numbers. */
import type { Problem } from "../facts/run-events.ts";
import { channelsOf, workflowOf } from "./basics.ts";
import type { Config } from "./config.ts";

const TARGET = "DATA.NORMALIZATION.TARGET";
const ENABLE = `${TARGET}.ENABLE` as const;
const TYPES = ["zero_mean_unit_variance", "scale_range", "div"];

/** Whether the workflow has images as targets, separate from its input. */
export const hasTargetImages = (config: Config): boolean =>
  workflowOf(config) === "crappify" ||
  (workflowOf(config) === "denoising" && config.flag("PROBLEM.DENOISING.LOAD_GT_DATA"));

/** Returns DATA.NORMALIZATION.TARGET.TYPE. Defaults to the type of the input. */
export const targetType = (config: Config): string =>
  config.text(`${TARGET}.TYPE`) || config.text("DATA.NORMALIZATION.TYPE");

/** Returns what both engines refuse: numbers that are needed and not set. */
export function checkTargetNumbers(config: Config): Problem[] {
  if (!config.flag(ENABLE)) return [];
  const type = targetType(config);
  if (!TYPES.includes(type))
    return [config.problem(`${TARGET}.TYPE`, `${type} is none of ${TYPES.join(", ")}.`)];
  const clips = config.flag(`${TARGET}.PERC_CLIP.ENABLE`);
  const problems: Problem[] = [];
  if (type === "zero_mean_unit_variance")
    problems.push(...checkNumbers(config, "ZERO_MEAN_UNIT_VAR.MEAN_VAL", "ZERO_MEAN_UNIT_VAR.STD_VAL"));
  else if (!clips) {
    const message = `${type} needs it, with fixed LOWER_VALUE and UPPER_VALUE: predictions are converted back by them.`;
    problems.push(config.problem(`${TARGET}.PERC_CLIP.ENABLE`, message, "True"));
  }
  if (clips) problems.push(...checkNumbers(config, "PERC_CLIP.LOWER_VALUE", "PERC_CLIP.UPPER_VALUE"));
  return problems;
}

function checkNumbers(
  config: Config,
  ...names: readonly (
    | "ZERO_MEAN_UNIT_VAR.MEAN_VAL"
    | "ZERO_MEAN_UNIT_VAR.STD_VAL"
    | "PERC_CLIP.LOWER_VALUE"
    | "PERC_CLIP.UPPER_VALUE"
  )[]
): Problem[] {
  return names.flatMap((name) => {
    if (config.numbers(`${TARGET}.${name}`)[0] !== -1) return [];
    const message =
      "it must be set, because the target is not known when an image is predicted. Measure it once over the training targets.";
    return [config.problem(`${TARGET}.${name}`, message)];
  });
}

/** Returns what the embedded engine refuses in addition, and warns where the key changes nothing. */
export function checkTargetNormalization(config: Config): Problem[] {
  if (!config.flag(ENABLE)) return [];
  const problems = checkTargetNumbers(config);
  if (problems.length > 0) return problems;
  if (!hasTargetImages(config)) {
    const message = "it changes nothing: this workflow has no target images of its own.";
    return [config.warning(ENABLE, message, "False")];
  }
  const channels = channelsOf(config);
  const clips = config.flag(`${TARGET}.PERC_CLIP.ENABLE`);
  const centered = targetType(config) === "zero_mean_unit_variance";
  const used = [
    ...(centered ? (["ZERO_MEAN_UNIT_VAR.MEAN_VAL", "ZERO_MEAN_UNIT_VAR.STD_VAL"] as const) : []),
    ...(clips ? (["PERC_CLIP.LOWER_VALUE", "PERC_CLIP.UPPER_VALUE"] as const) : []),
  ];
  for (const name of used) {
    const count = config.numbers(`${TARGET}.${name}`).length;
    if (count === 1 || count === channels) continue;
    const message = `one number for all channels, or one for each of ${channels}, not ${count}.`;
    problems.push(config.problem(`${TARGET}.${name}`, message));
  }
  if (centered && config.numbers(`${TARGET}.ZERO_MEAN_UNIT_VAR.STD_VAL`).some((each) => each <= 0))
    problems.push(config.problem(`${TARGET}.ZERO_MEAN_UNIT_VAR.STD_VAL`, "a standard deviation is above 0."));
  if (clips) {
    const [lower, upper] = (["LOWER_VALUE", "UPPER_VALUE"] as const).map((name) =>
      config.numbers(`${TARGET}.PERC_CLIP.${name}`),
    );
    const crossed = Array.from({ length: channels }, (_, channel) => {
      const of = (list: readonly number[] = []) => list[Math.min(channel, list.length - 1)] ?? 0;
      return of(lower) >= of(upper);
    });
    if (crossed.includes(true))
      problems.push(config.problem(`${TARGET}.PERC_CLIP.UPPER_VALUE`, "it does not lie above LOWER_VALUE."));
  }
  return problems;
}

/** Warns that BiaPy 3.7.1 takes the targets of these workflows for masks, which this key divides by 255. */
export function warnOfMasks(config: Config): Problem[] {
  if (!config.flag(ENABLE) || !hasTargetImages(config)) return [];
  const message =
    "BiaPy 3.7.1 then divides targets by 255 as if they were masks; integer targets become 0. The embedded engine normalizes them as this section says.";
  return [config.warning(ENABLE, message, "False")];
}
