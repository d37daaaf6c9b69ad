/** What keys of the network demand of each other and of the patch, by BiaPy 3.7.1's rules. */
import type { Problem } from "../protocol/run-events.ts";
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

export function checkModelKeys(config: Config, ndim: 2 | 3): Problem[] {
  const architecture = config.text("MODEL.ARCHITECTURE").toLowerCase();
  const source = config.text("MODEL.SOURCE");
  if (source !== "biapy") {
    const message = `the embedded engine builds its networks itself; ${source} needs BiaPy.`;
    return [config.problem("MODEL.SOURCE", message, "biapy")];
  }
  const lists = [...checkLevels(config, architecture), ...checkDropout(config, architecture)];
  // A patch can only be followed down lists that fit together.
  const patch = lists.length === 0 && SHRINKING.includes(architecture) ? checkShrinking(config, ndim) : [];
  return [...lists, ...patch, ...checkOrder(config, architecture)];
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
  for (const key of ["MODEL.YX_DOWN", "MODEL.Z_DOWN"]) {
    const values = config.numbers(key);
    if (values.every((value) => value === 0)) continue;
    if (values.length !== down) {
      const message = `there are ${down} ways down, so as many numbers, not ${values.length}.`;
      problems.push(config.problem(key, message));
    }
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

function checkShrinking(config: Config, ndim: 2 | 3): Problem[] {
  const { zDown, yxDown } = modelLevels(config);
  const axes = ndim === 3 ? ["z", "y", "x"] : ["y", "x"];
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
