/** What keys of the network demand of each other and of the patch, by BiaPy 3.7.1's rules. */
import type { Problem } from "../facts/run-events.ts";
import { architectureOf, ndimOf } from "./basics.ts";
import type { Config } from "./config.ts";
import { modelLevels, waysDown } from "./model-levels.ts";

/** Networks whose levels the configuration describes. */
const WITH_LEVELS = ["unet", "resunet", "resunet++", "seunet", "resunet_se", "attention_unet"];
/** Networks that halve the patch at each level. */
const SHRINKING = [...WITH_LEVELS, "multiresunet"];
const TRANSFORMERS = ["mae", "unetr"];

/** At most so much is left of an axis when nothing more can be halved. */
const SMALLEST = 2;
const FEWEST_LEVELS = 3;

export function checkModelKeys(config: Config): Problem[] {
  const architecture = architectureOf(config);
  const source = config.text("MODEL.SOURCE");
  if (source !== "biapy") {
    const message = `the embedded engine builds its networks itself; ${source} needs BiaPy.`;
    return [config.problem("MODEL.SOURCE", message, "biapy")];
  }
  const lists = [...checkLevels(config, architecture), ...checkDropout(config, architecture)];
  // A patch can only be followed down lists that fit together.
  const patch = lists.length === 0 && SHRINKING.includes(architecture) ? checkShrinking(config) : [];
  const shape = architecture === "unetr" ? checkUnetr(config) : [];
  return [
    ...ofBiapyAlone(config),
    ...lists,
    ...patch,
    ...shape,
    ...checkOrder(config, architecture),
    ...checkNormalisation(config, architecture),
    ...checkContrast(config),
  ];
}

/** What only BiaPy does with a network. */
function ofBiapyAlone(config: Config): Problem[] {
  const problems: Problem[] = [];
  if ([config.value("MODEL.FREEZE_LAYERS_MATCHING")].flat().length > 0) {
    const message = "the embedded engine trains every layer; keeping some as they are needs BiaPy itself.";
    problems.push(config.problem("MODEL.FREEZE_LAYERS_MATCHING", message, "[]"));
  }
  if (config.flag("MODEL.BMZ.EXPORT.ENABLE")) {
    const message =
      "the embedded engine makes no package for the BioImage Model Zoo; BiaPy makes one of the checkpoint that this run writes.";
    problems.push(config.warning("MODEL.BMZ.EXPORT.ENABLE", message, "False"));
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
  if (!SHRINKING.includes(architecture)) return problems;
  const down = waysDown(config);
  for (const key of ["MODEL.YX_DOWN", "MODEL.Z_DOWN"] as const) {
    const values = config.numbers(key);
    if (values.every((value) => value === 0)) continue;
    if (values.length !== down) {
      const message = `there are ${down} ways down, so as many numbers, not ${values.length}.`;
      problems.push(config.problem(key, message));
    }
  }
  if (!WITH_LEVELS.includes(architecture)) return problems;
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
  const needed = TRANSFORMERS.includes(architecture) ? 1 : config.numbers("MODEL.FEATURE_MAPS").length;
  if (dropout.length === needed) return [];
  const levels =
    needed === 1 ? `${architecture} has one number` : `one number for each of MODEL.FEATURE_MAPS`;
  return [config.problem("MODEL.DROPOUT_VALUES", `${levels}: ${needed}, not ${dropout.length}.`)];
}

function checkShrinking(config: Config): Problem[] {
  const { zDown, yxDown } = modelLevels(config);
  const axes = ndimOf(config) === 3 ? ["z", "y", "x"] : ["y", "x"];
  const patch = config.numbers("DATA.PATCH_SIZE");
  const factor = (axis: string, level: number) => (axis === "z" ? zDown[level] : yxDown[level]);
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

function checkOrder(config: Config, architecture: string): Problem[] {
  if (config.text("MODEL.CONV_BLOCK_ORDER") !== "norm_act_conv" || WITH_LEVELS.includes(architecture))
    return [];
  const message = `norm_act_conv is for ${WITH_LEVELS.join(", ")}; ${architecture} has the default order only.`;
  return [config.problem("MODEL.CONV_BLOCK_ORDER", message, "conv_norm_act")];
}

/** Token sizes of the transformers that MODEL.UNETR_VIT_MODEL names. */
const NAMED_TOKENS: Readonly<Record<string, number>> = { vit_base_patch16: 16, vit_large_patch16: 16 };

function checkUnetr(config: Config): Problem[] {
  const named = config.text("MODEL.UNETR_VIT_MODEL");
  if (named !== "custom" && NAMED_TOKENS[named] === undefined) {
    const why =
      named === "vit_huge_patch14"
        ? "its tokens of 14 are no power of 2, which UNETR's decoder needs"
        : "the embedded engine has custom, vit_base_patch16 and vit_large_patch16";
    return [config.problem("MODEL.UNETR_VIT_MODEL", `${named} cannot be built: ${why}.`, "custom")];
  }
  const problems: Problem[] = [];
  const token = NAMED_TOKENS[named] ?? config.number("MODEL.VIT_TOKEN_SIZE");
  const levels = Math.log2(token);
  if (levels < 1 || !Number.isInteger(levels)) {
    const message = `UNETR doubles a token until it has its size, which must be a power of 2, not ${token}.`;
    return [config.problem("MODEL.VIT_TOKEN_SIZE", message, "16")];
  }
  const patch = config.numbers("DATA.PATCH_SIZE");
  const uneven = patch.slice(0, -1).filter((size) => size % token !== 0);
  if (uneven.length > 0) {
    const near = patch.map((size, axis) =>
      axis === patch.length - 1 ? size : Math.max(token, Math.round(size / token) * token),
    );
    const message = `${uneven.join(", ")} cannot be divided into tokens of ${token} (MODEL.VIT_TOKEN_SIZE).`;
    problems.push(config.problem("DATA.PATCH_SIZE", message, `(${near.join(",")})`));
  }
  if (named !== "custom") return problems;
  const [features, heads] = [config.number("MODEL.VIT_EMBED_DIM"), config.number("MODEL.VIT_NUM_HEADS")];
  if (features % heads !== 0) {
    const message = `${features} features cannot be shared by ${heads} heads (MODEL.VIT_NUM_HEADS).`;
    problems.push(config.problem("MODEL.VIT_EMBED_DIM", message));
  }
  const layers = config.number("MODEL.VIT_NUM_LAYERS");
  const spacing = Math.max(config.number("MODEL.UNETR_VIT_HIDD_MULT"), 1);
  if (spacing * (levels - 1) > layers) {
    const message = `tokens of ${token} take ${levels - 1} layers on the way up, ${spacing} apart: ${layers} are too few.`;
    problems.push(config.problem("MODEL.VIT_NUM_LAYERS", message, String(spacing * (levels - 1))));
  }
  return problems;
}

/** Channels that group normalisation looks at together. */
const GROUPS = { 2: 16, 3: 8 } as const;

function checkNormalisation(config: Config, architecture: string): Problem[] {
  const kind = config.text("MODEL.NORMALIZATION");
  if (!WITH_LEVELS.includes(architecture) && architecture !== "unetr") return [];
  if (kind === "ln") {
    const message = `${architecture} has no layer normalisation: one of in, bn, gn.`;
    return [config.problem("MODEL.NORMALIZATION", message, "in")];
  }
  const groups = GROUPS[ndimOf(config)];
  const uneven = config.numbers("MODEL.FEATURE_MAPS").filter((count) => count % groups !== 0);
  if (kind !== "gn" || architecture === "unetr" || uneven.length === 0) return [];
  const message = `gn normalises in ${groups} groups, into which ${uneven.join(", ")} (MODEL.FEATURE_MAPS) cannot be divided.`;
  return [config.problem("MODEL.NORMALIZATION", message, "in")];
}

function checkContrast(config: Config): Problem[] {
  if (!config.flag("LOSS.CONTRAST.ENABLE")) return [];
  const message = "contrast compares classes, which images without labels do not have.";
  return [config.problem("LOSS.CONTRAST.ENABLE", message, "False")];
}
