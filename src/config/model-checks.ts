/** Checks the network's keys against each other and the patch, by BiaPy 3.7.1's rules. */
import { ARCHITECTURES, NORMALIZATION_GROUPS, readersOf, readsSetting } from "../facts/architectures.ts";
import type { Problem } from "../facts/run-events.ts";
import { architectureOf, ndimOf } from "./basics.ts";
import type { Config } from "./config.ts";
import { frozenPatterns, layerPattern } from "./frozen-layers.ts";
import { modelLevels, waysDown } from "./model-levels.ts";
import { hrNetStages } from "./model-stages.ts";
import { checkStages } from "./stage-checks.ts";
import { checkTransformer } from "./transformer-checks.ts";

/** Whether a network's levels shrink the patch as MODEL.YX_DOWN and Z_DOWN say. */
const isShrinking = (architecture: string) => readsSetting(architecture, "YX_DOWN");

/** Maximum size of an axis that cannot be halved any more. */
const SMALLEST = 2;
const FEWEST_LEVELS = 3;

export function checkModelKeys(config: Config): Problem[] {
  const architecture = architectureOf(config);
  const source = config.text("MODEL.SOURCE");
  // A package's settings are known only when it is read.
  if (source === "bmz") return [];
  if (source !== "biapy") {
    const message = `the embedded engine builds its networks itself; ${source} needs BiaPy.`;
    return [config.needsBiapy("MODEL.SOURCE", message, "biapy")];
  }
  const lists = [...checkLevels(config, architecture), ...checkDropout(config, architecture)];
  // Downsampling can be checked only if the lists fit together.
  const patch = lists.length === 0 && isShrinking(architecture) ? checkShrinking(config) : [];
  return [
    ...checkUse(config),
    ...lists,
    ...patch,
    ...checkTransformer(config),
    ...checkStages(config),
    ...checkOrder(config, architecture),
    ...checkNormalization(config, architecture),
    ...checkContrast(config),
  ];
}

/** Keys for using a network other than training it. */
function checkUse(config: Config): Problem[] {
  const problems: Problem[] = [];
  for (const pattern of frozenPatterns(config)) {
    if (layerPattern(pattern) !== undefined) continue;
    const message = `${JSON.stringify(pattern)} is not a regular expression.`;
    problems.push(config.problem("MODEL.FREEZE_LAYERS_MATCHING", message, "[]"));
  }
  return problems;
}

function checkLevels(config: Config, architecture: string): Problem[] {
  const problems: Problem[] = [];
  const levels = config.numbers("MODEL.FEATURE_MAPS").length;
  if (levels < FEWEST_LEVELS) {
    const message = `a network has at least ${FEWEST_LEVELS} levels, so as many numbers, not ${levels}.`;
    problems.push(config.problem("MODEL.FEATURE_MAPS", message));
  }
  if (!isShrinking(architecture)) return problems;
  const down = waysDown(config);
  for (const key of ["MODEL.YX_DOWN", "MODEL.Z_DOWN"] as const) {
    const values = config.numbers(key);
    if (values.every((value) => value === 0)) continue;
    if (values.length !== down) {
      const message = `there are ${down} ways down, so as many numbers, not ${values.length}.`;
      const [value] = values;
      const repeated =
        values.length === 1 ? `[${Array.from({ length: down }, () => value).join(", ")}]` : undefined;
      problems.push(config.problem(key, message, repeated));
    }
  }
  if (!readsSetting(architecture, "ISOTROPY")) return problems;
  for (const key of ["MODEL.ISOTROPY", "MODEL.CONV_LAYERS"] as const) {
    const values = [config.value(key)].flat();
    const alike = new Set(values).size <= 1 && (key === "MODEL.CONV_LAYERS" || values[0] === true);
    if (alike || values.length === levels) continue;
    const message = `one for each of MODEL.FEATURE_MAPS: ${levels}, not ${values.length}.`;
    problems.push(config.problem(key, message));
  }
  return problems;
}

function checkDropout(config: Config, architecture: string): Problem[] {
  const dropout = config.numbers("MODEL.DROPOUT_VALUES");
  if (dropout.every((value) => value === 0)) return [];
  const single = ARCHITECTURES.get(architecture)?.patch === "tokens";
  const needed = single ? 1 : config.numbers("MODEL.FEATURE_MAPS").length;
  if (dropout.length === needed) return [];
  const levels =
    needed === 1 ? `${architecture} has one number` : `one number for each of MODEL.FEATURE_MAPS`;
  return [config.problem("MODEL.DROPOUT_VALUES", `${levels}: ${needed}, not ${dropout.length}.`)];
}

function checkShrinking(config: Config): Problem[] {
  const { zDown, yxDown } = modelLevels(config);
  const axes = ndimOf(config) === 3 ? ["z", "y", "x"] : ["y", "x"];
  const patch = config.numbers("DATA.PATCH_SIZE");
  const factor = (axis: string, level: number) => (axis === "z" ? zDown : yxDown)[level] ?? Number.NaN;
  const stem = readsSetting(architectureOf(config), "CONVNEXT_STEM_K_SIZE") ? checkStem(config) : [];
  if (stem.length > 0) return stem;
  for (const [index, axis] of axes.entries()) {
    let size = patch[index] ?? 0;
    for (let level = 0; level < waysDown(config); level++) {
      const by = factor(axis, level);
      if (size % by === 0 && size > SMALLEST) size /= by;
      else {
        const keys = axis === "z" ? "MODEL.Z_DOWN" : "MODEL.YX_DOWN";
        const message = `${patch[index]} along ${axis} cannot be divided by ${by} at level ${level + 1}, where ${size} is left of it. Use a larger patch, fewer levels (MODEL.FEATURE_MAPS) or 1 in ${keys}.`;
        return [config.problem("DATA.PATCH_SIZE", message)];
      }
    }
  }
  return [];
}

/** A U-NeXt downsamples once more: its stem cuts the image into patches before the first level. */
function checkStem(config: Config): Problem[] {
  const { zDown, yxDown } = modelLevels(config);
  const stem = config.number("MODEL.CONVNEXT_STEM_K_SIZE");
  const ofZ = stem * Math.max(Math.trunc((zDown[0] ?? Number.NaN) / stem), 1);
  const patch = config.numbers("DATA.PATCH_SIZE");
  const axes = ndimOf(config) === 3 ? ["z", "y", "x"] : ["y", "x"];
  for (const [index, axis] of axes.entries()) {
    const [first, down] = axis === "z" ? [ofZ, zDown] : [stem, yxDown];
    const total = down.reduce((product, each) => product * each, first);
    if ((patch[index] ?? 0) % total === 0) continue;
    const message = `${patch[index]} along ${axis} cannot be divided by ${total}: ${first} by the stem (MODEL.CONVNEXT_STEM_K_SIZE) and ${total / first} by the levels below.`;
    return [config.problem("DATA.PATCH_SIZE", message)];
  }
  return [];
}

function checkOrder(config: Config, architecture: string): Problem[] {
  if (
    config.text("MODEL.CONV_BLOCK_ORDER") !== "norm_act_conv" ||
    readsSetting(architecture, "CONV_BLOCK_ORDER")
  )
    return [];
  const message = `norm_act_conv is for ${readersOf("CONV_BLOCK_ORDER").join(", ")}; ${architecture} has the default order only.`;
  return [config.problem("MODEL.CONV_BLOCK_ORDER", message, "conv_norm_act")];
}

function checkNormalization(config: Config, architecture: string): Problem[] {
  const kind = config.text("MODEL.NORMALIZATION");
  if (!readsSetting(architecture, "NORMALIZATION")) return [];
  if (kind === "ln") {
    const message = `${architecture} has no layer normalization: one of in, bn, gn.`;
    return [config.problem("MODEL.NORMALIZATION", message, "in")];
  }
  if (kind !== "gn" || architecture === "unetr") return [];
  const groups = NORMALIZATION_GROUPS[ndimOf(config)];
  const ofStages = architecture === "hrnet";
  const key = ofStages ? "MODEL.HRNET.VARIANT" : "MODEL.FEATURE_MAPS";
  const channels = ofStages ? hrNetStages(config).channels.flat() : config.numbers("MODEL.FEATURE_MAPS");
  const uneven = [...new Set(channels)].filter((count) => count % groups !== 0);
  if (uneven.length === 0) return [];
  const message = `gn normalizes in ${groups} groups, into which ${uneven.join(", ")} channels (${key}) cannot be divided.`;
  return [config.problem("MODEL.NORMALIZATION", message, "in")];
}

function checkContrast(config: Config): Problem[] {
  if (!config.flag("LOSS.CONTRAST.ENABLE")) return [];
  const message = "contrast compares classes, which images without labels do not have.";
  return [config.problem("LOSS.CONTRAST.ENABLE", message, "False")];
}
