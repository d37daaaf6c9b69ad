/** Checks the network's keys against each other and the patch, by BiaPy 3.7.1's rules. */
import { ARCHITECTURES, NORMALIZATION_GROUPS, readersOf, readsSetting } from "../facts/architectures.ts";
import { product } from "../facts/checked-lists.ts";
import type { Problem } from "../facts/run-events.ts";
import { architectureOf, axesOf, ndimOf, workflowOf } from "./basics.ts";
import type { Config } from "./config.ts";
import { frozenPatterns, layerPattern } from "./frozen-layers.ts";
import { modelLevels, stemFactors, undividedLevel, waysDown, writtenFactors } from "./model-levels.ts";
import { hrNetStages } from "./model-stages.ts";
import { checkBiapyBranches, checkBiapyStages, checkPools, checkStages } from "./stage-checks.ts";
import {
  checkBiapyTransformer,
  checkPretrained,
  checkTokens,
  checkTransformer,
} from "./transformer-checks.ts";

/** Whether a network's levels shrink images as MODEL.YX_DOWN and Z_DOWN say. */
const isShrinking = (architecture: string) => readsSetting(architecture, "YX_DOWN");

const FEWEST_LEVELS = 3;

/** Checks the keys of MODEL that the configured architecture reads. */
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
  const patch = lists.length > 0 ? [] : checkDivisions(config);
  return [
    ...checkLoadedItems(config),
    ...checkFrozen(config),
    ...lists,
    ...patch,
    ...checkPretrained(config),
    ...checkTransformer(config),
    ...checkStages(config),
    ...checkOrder(config, architecture),
    ...checkNormalization(config, architecture),
    ...checkContrast(config),
  ];
}

/** Warns of what the embedded engine does not take from a checkpoint. */
function checkLoadedItems(config: Config): Problem[] {
  const key = "MODEL.ITEMS_TO_LOAD_FROM_CHECKPOINT";
  if (!config.flag("MODEL.LOAD_CHECKPOINT") || !config.flag("TRAIN.ENABLE")) return [];
  const left = config.texts(key).filter((item) => item === "optimizer" || item === "epoch");
  if (left.length === 0) return [];
  const message = `the embedded engine starts afresh from a checkpoint's weights; ${left.join(" and ")} are kept where a run is resumed.`;
  return [config.warning(key, message)];
}

function checkFrozen(config: Config): Problem[] {
  return frozenPatterns(config)
    .filter((pattern) => layerPattern(pattern) === undefined)
    .map((pattern) => {
      const message = `${JSON.stringify(pattern)} is not a regular expression.`;
      return config.problem("MODEL.FREEZE_LAYERS_MATCHING", message, "[]");
    });
}

function checkLevels(config: Config, architecture: string): Problem[] {
  return [...checkShrinking(config, architecture), ...checkPerLevel(config, architecture)];
}

/** Checks the lists that say how the network shrinks its patch. */
const checkShrinking = (config: Config, architecture: string): Problem[] => [
  ...checkFeatureMaps(config),
  ...checkWaysDown(config, architecture),
];

function checkFeatureMaps(config: Config): Problem[] {
  const levels = config.numbers("MODEL.FEATURE_MAPS").length;
  if (levels >= FEWEST_LEVELS) return [];
  const message = `a network has at least ${FEWEST_LEVELS} levels, so as many numbers, not ${levels}.`;
  return [config.problem("MODEL.FEATURE_MAPS", message)];
}

function checkWaysDown(config: Config, architecture: string): Problem[] {
  if (!isShrinking(architecture)) return [];
  const problems: Problem[] = [];
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
  return problems;
}

function checkPerLevel(config: Config, architecture: string): Problem[] {
  if (!readsSetting(architecture, "ISOTROPY")) return [];
  const problems: Problem[] = [];
  const levels = config.numbers("MODEL.FEATURE_MAPS").length;
  for (const key of ["MODEL.ISOTROPY", "MODEL.CONV_LAYERS"] as const) {
    const values = [config.value(key)].flat();
    const alike = new Set(values).size <= 1 && (key === "MODEL.CONV_LAYERS" || values[0] === true);
    if (alike || values.length === levels) continue;
    const message = `one for each of MODEL.FEATURE_MAPS: ${levels}, not ${values.length}.`;
    problems.push(config.problem(key, message));
  }
  return problems;
}

/**
 * BiaPy 3.7.1 takes more values of MODEL.ISOTROPY than levels, or one less: the bottleneck's is the last one. For ResUNet++ it reads only
 * the first one.
 */
function checkBiapyPerLevel(config: Config, architecture: string): Problem[] {
  const values = [config.value("MODEL.ISOTROPY")].flat();
  const ways = config.numbers("MODEL.FEATURE_MAPS").length - 1;
  const enough = architecture === "resunet++" || values.length >= ways;
  return checkPerLevel(config, architecture).filter(({ key }) => !enough || key !== "MODEL.ISOTROPY");
}

function checkDropout(config: Config, architecture: string): Problem[] {
  const dropout = config.numbers("MODEL.DROPOUT_VALUES");
  if (dropout.every((value) => value === 0)) return [];
  const single = ARCHITECTURES.get(architecture)?.patch === "tokens";
  const needed = single ? 1 : config.numbers("MODEL.FEATURE_MAPS").length;
  if (dropout.length === needed) return [];
  const wanted = single ? `${architecture} has one number` : "one number for each of MODEL.FEATURE_MAPS";
  return [config.problem("MODEL.DROPOUT_VALUES", `${wanted}: ${needed}, not ${dropout.length}.`)];
}

/**
 * Returns what BiaPy 3.7.1 refuses of the network's keys, and what keeps it from building the network.
 *
 * @param loads whether it builds the network that a checkpoint describes, whatever else the keys of MODEL say
 */
export function checkBiapyModel(config: Config, loads: boolean): Problem[] {
  const architecture = architectureOf(config);
  const always = [...checkWaysDown(config, architecture), ...checkDropout(config, architecture)];
  if (loads || config.text("MODEL.SOURCE") !== "biapy") return always;
  return [
    ...always,
    ...checkFeatureMaps(config),
    ...checkBiapyPerLevel(config, architecture),
    ...checkOrder(config, architecture),
    ...checkBiapyNormalization(config, architecture),
    ...checkPretrained(config),
    ...checkBiapyTransformer(config),
    ...checkBiapyStages(config),
    ...checkPassedLevels(config, architecture),
  ];
}

/**
 * Checks that MODEL.YX_DOWN and Z_DOWN have a number for each level by which BiaPy 3.7.1 divides the patch. It does so for STU-Net too,
 * which has no such levels.
 */
function checkPassedLevels(config: Config, architecture: string): Problem[] {
  if (ARCHITECTURES.get(architecture)?.patch !== "stages") return [];
  const needed = waysDown(config);
  const keys = ["MODEL.YX_DOWN" as const, ...(ndimOf(config) === 3 ? (["MODEL.Z_DOWN"] as const) : [])];
  return keys.flatMap((key) => {
    const values = config.numbers(key);
    if (values.length >= needed || values.every((value) => value === 0)) return [];
    const message = `BiaPy 3.7.1 divides the patch by ${needed} levels (MODEL.FEATURE_MAPS) in ${architecture} too, and fails on ${values.length} numbers.`;
    return [config.problem(key, message)];
  });
}

/**
 * Checks that BiaPy 3.7.1 takes the patch, in its own checks and in the network. Before it builds STU-Net, it divides the patch by the levels of MODEL.FEATURE_MAPS, which
 * STU-Net does not have. Wrong lists of levels and stages are not reported here.
 */
export function checkBiapyDivisions(config: Config): Problem[] {
  if (config.text("MODEL.SOURCE") !== "biapy") return [];
  const architecture = architectureOf(config);
  const use = ARCHITECTURES.get(architecture)?.patch;
  if (architecture === "mae") return checkTokens(config);
  if (use === "branches") return checkBiapyBranches(config);
  if (use !== "stages") return checkDivisions(config);
  const levels = checkLevelDivisions(config);
  return levels.length > 0 ? levels : checkPools(config);
}

/** Checks that the stem and each level of the network can divide the patch. Wrong lists of levels are not reported here. */
function checkDivisions(config: Config): Problem[] {
  const architecture = architectureOf(config);
  const use = ARCHITECTURES.get(architecture)?.patch;
  if (use !== "levels" && use !== "fixed levels") return [];
  if (checkShrinking(config, architecture).length > 0) return [];
  const [network] = [
    ...(readsSetting(architecture, "CONVNEXT_STEM_K_SIZE") ? checkStem(config) : []),
    ...(use === "fixed levels" ? checkHalving(config) : checkBottleneck(config)),
  ];
  return network === undefined ? checkLevelDivisions(config) : [network];
}

/** Checks that MultiResUNet, which halves y and x at each level whatever MODEL.YX_DOWN says, can do so. */
function checkHalving(config: Config): Problem[] {
  const total = product(modelLevels(config).yxDown);
  const patch = config.numbers("DATA.PATCH_SIZE");
  const axis = axesOf(config).findIndex((name, index) => name !== "z" && (patch[index] ?? 0) % total !== 0);
  if (axis < 0) return [];
  const message = `${patch[axis]} along ${axesOf(config)[axis]} cannot be divided by ${total}, as ${architectureOf(config)} needs whatever MODEL.YX_DOWN says. Use a multiple of it.`;
  return [config.problem("DATA.PATCH_SIZE", message)];
}

/** Checks that instance normalization has more than one pixel to measure at the lowest level. */
function checkBottleneck(config: Config): Problem[] {
  if (!readsSetting(architectureOf(config), "NORMALIZATION")) return [];
  if (!["in", ""].includes(config.text("MODEL.NORMALIZATION"))) return [];
  const { zDown, yxDown } = modelLevels(config);
  const patch = config.numbers("DATA.PATCH_SIZE");
  const left = axesOf(config).map(
    (axis, index) => (patch[index] ?? 0) / product(axis === "z" ? zDown : yxDown),
  );
  if (product(left) !== 1) return [];
  const message =
    "a single pixel is left of it at the lowest level, and instance normalization needs at least two. Use a larger patch, or MODEL.NORMALIZATION: bn.";
  return [config.problem("DATA.PATCH_SIZE", message)];
}

/** Checks the patch by BiaPy 3.7.1's rule. */
function checkLevelDivisions(config: Config): Problem[] {
  if (checkShrinking(config, architectureOf(config)).length > 0) return [];
  const patch = config.numbers("DATA.PATCH_SIZE");
  for (const [index, axis] of axesOf(config).entries()) {
    const key = axis === "z" ? "MODEL.Z_DOWN" : "MODEL.YX_DOWN";
    const factors = writtenFactors(config, key).slice(0, waysDown(config));
    const fault = undividedLevel(patch[index] ?? 0, factors);
    if (fault === undefined) continue;
    const { level, left, factor } = fault;
    const message = `${patch[index]} along ${axis} cannot be divided by ${factor} at level ${level + 1}, where ${left} is left of it. Use a larger patch, fewer levels (MODEL.FEATURE_MAPS) or 1 in ${key}.`;
    return [config.problem("DATA.PATCH_SIZE", message)];
  }
  return [];
}

/** Checks the patch of a U-NeXt, which downsamples once more: its stem cuts the image into patches before the first level. */
function checkStem(config: Config): Problem[] {
  const { zDown, yxDown } = modelLevels(config);
  const stem = stemFactors(config);
  const patch = config.numbers("DATA.PATCH_SIZE");
  for (const [index, axis] of axesOf(config).entries()) {
    const [first, down] = axis === "z" ? [stem.z, zDown] : [stem.yx, yxDown];
    const total = first * product(down);
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

function checkBiapyNormalization(config: Config, architecture: string): Problem[] {
  const kind = config.text("MODEL.NORMALIZATION");
  if (!readsSetting(architecture, "NORMALIZATION") || !(kind === "gn" || kind === "ln")) return [];
  const message =
    kind === "gn"
      ? "BiaPy 3.7.1 confuses the arguments of group normalization and builds no network with it; the embedded engine does."
      : `${architecture} has no layer normalization: one of in, bn.`;
  return [config.problem("MODEL.NORMALIZATION", message, "in")];
}

function checkContrast(config: Config): Problem[] {
  if (!config.flag("LOSS.CONTRAST.ENABLE")) return [];
  if (workflowOf(config) === "segmentation")
    return [
      config.needsBiapy("LOSS.CONTRAST.ENABLE", "the embedded engine has no contrastive loss.", "False"),
    ];
  const message = "contrast compares classes, which images without labels do not have.";
  return [config.problem("LOSS.CONTRAST.ENABLE", message, "False")];
}
