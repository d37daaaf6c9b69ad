/** Checks the keys of HRNet and STU-Net against each other and the patch. */

import { product } from "../facts/checked-lists.ts";
import type { Problem } from "../facts/run-events.ts";
import { architectureOf, axesOf, ndimOf } from "./basics.ts";
import type { Config } from "./config.ts";
import { undividedLevel } from "./model-levels.ts";
import { hrNetKey, hrNetStages, isCustom, stuNetKey, stuNetStages } from "./model-stages.ts";

/** Checks the stages of the configured network; none for other networks. */
export function checkStages(config: Config): Problem[] {
  const architecture = architectureOf(config);
  if (architecture === "hrnet") return checkHrNet(config);
  return architecture === "stunet" ? checkStuNet(config) : [];
}

/** Returns what keeps BiaPy 3.7.1 from building HRNet or STU-Net, apart from the patch. */
export function checkBiapyStages(config: Config): Problem[] {
  const architecture = architectureOf(config);
  if (architecture === "stunet") return isCustom(config, "STUNET") ? checkStuNetLists(config) : [];
  if (architecture !== "hrnet") return [];
  const head =
    config.text(hrNetKey("HEAD_TYPE")) === "OCR"
      ? [config.problem(hrNetKey("HEAD_TYPE"), "BiaPy 3.7.1 fails while it builds this head.", "FCN")]
      : [];
  return [...head, ...checkBlocks(config), ...checkHrNetLists(config, true)];
}

function checkHrNet(config: Config): Problem[] {
  const head = config.text(hrNetKey("HEAD_TYPE"));
  if (head !== "FCN") {
    const message = `${head} makes 256 features of an image, not an image; only FCN restores images.`;
    return [config.problem(hrNetKey("HEAD_TYPE"), message, "FCN")];
  }
  const blocks = checkBlocks(config);
  if (blocks.length > 0) return blocks;
  const lists = checkHrNetLists(config);
  return lists.length > 0 ? lists : checkBranches(config);
}

function checkBlocks(config: Config): Problem[] {
  const block = config.text(hrNetKey("BLOCK_TYPE"));
  if (!isCustom(config, "HRNET") || block === "BASIC") return [];
  const message = `a network of ${block} blocks cannot be built; BiaPy 3.7.1 fails too.`;
  return [config.problem(hrNetKey("BLOCK_TYPE"), message, "BASIC")];
}

/**
 * Checks the lists of a network whose stages are set explicitly.
 *
 * @param byBiapy whether lists may be longer than needed, as BiaPy 3.7.1 takes them
 */
function checkHrNetLists(config: Config, byBiapy = false): Problem[] {
  if (!isCustom(config, "HRNET")) return [];
  const { modules, blocks, channels, yxDown, zDown } = hrNetStages(config);
  const count = config.number(hrNetKey("NUM_STAGES"));
  const problems: Problem[] = [];
  const lists = [
    ["NUM_MODULES", modules.length],
    ["NUM_BRANCHES", config.numbers(hrNetKey("NUM_BRANCHES")).length],
    ["NUM_BLOCKS", blocks.length],
    ["NUM_CHANNELS", channels.length],
    ["YX_DOWN", yxDown.length],
    ["Z_DOWN", ndimOf(config) === 3 ? zDown.length : count],
  ] as const;
  const isWrong = (name: string, length: number) => {
    if (!byBiapy) return length !== count;
    return length < count || (name === "YX_DOWN" && length !== blocks.length);
  };
  for (const [name, length] of lists.filter(([each, size]) => isWrong(each, size))) {
    const message = `one for each of ${count} stages (MODEL.HRNET.NUM_STAGES), not ${length}.`;
    problems.push(config.problem(hrNetKey(name), message));
  }
  if (problems.length > 0) return problems;
  for (const [name, values] of [["YX_DOWN", yxDown] as const, ["Z_DOWN", zDown] as const]) {
    if (name === "Z_DOWN" && ndimOf(config) === 2) continue;
    if (values.every((value) => value === 1 || value === 2)) continue;
    const ones = values.map(() => (name === "Z_DOWN" ? 1 : 2));
    problems.push(config.problem(hrNetKey(name), "each number is 1 or 2.", `[${ones.join(", ")}]`));
  }
  let before = 1;
  for (const [stage, branches] of config.numbers(hrNetKey("NUM_BRANCHES")).slice(0, count).entries()) {
    if (channels[stage]?.length !== branches || blocks[stage]?.length !== branches) {
      const message = `stage ${stage + 1} has ${branches} branches, so as many numbers in NUM_CHANNELS and NUM_BLOCKS.`;
      problems.push(config.problem(hrNetKey("NUM_BRANCHES"), message));
    } else if (branches < before || branches > before + 1) {
      const message = `each stage has as many branches as the one before, or one more; stage ${stage + 1} cannot have ${branches} after ${before}.`;
      problems.push(config.problem(hrNetKey("NUM_BRANCHES"), message));
    }
    before = branches;
  }
  return problems;
}

/** Checks that the patch divides down to the coarsest branch, which needs more than one pixel. */
function checkBranches(config: Config): Problem[] {
  const { yxDown, zDown } = hrNetStages(config);
  const patch = config.numbers("DATA.PATCH_SIZE");
  for (const [index, axis] of axesOf(config).entries()) {
    const down = axis === "z" ? zDown : yxDown;
    const total = product(down);
    if ((patch[index] ?? 0) % total === 0) continue;
    const message = `${patch[index]} along ${axis} cannot be divided by ${total}, as hrnet's stages need. Use a multiple of it.`;
    return [config.problem("DATA.PATCH_SIZE", message)];
  }
  return checkCoarsestBranch(config);
}

/**
 * Checks the patch by BiaPy 3.7.1's rule: it divides by stage after stage, and only instance normalization needs more than one pixel of
 * the coarsest branch. Wrong lists of stages are not reported here.
 */
export function checkBiapyBranches(config: Config): Problem[] {
  if (checkHrNetLists(config).length > 0) return [];
  const { yxDown, zDown } = hrNetStages(config);
  const patch = config.numbers("DATA.PATCH_SIZE");
  for (const [index, axis] of axesOf(config).entries()) {
    const fault = undividedLevel(patch[index] ?? 0, axis === "z" ? zDown : yxDown);
    if (fault === undefined) continue;
    const { level, left, factor } = fault;
    const message = `${patch[index]} along ${axis} cannot be divided by ${factor} at hrnet's stage ${level + 1}, where ${left} is left of it. Use a larger multiple of ${product(axis === "z" ? zDown : yxDown)}.`;
    return [config.problem("DATA.PATCH_SIZE", message)];
  }
  return ["in", ""].includes(config.text("MODEL.NORMALIZATION")) ? checkCoarsestBranch(config) : [];
}

/** Checks that the coarsest branch has more than one pixel. */
function checkCoarsestBranch(config: Config): Problem[] {
  const { channels, yxDown, zDown } = hrNetStages(config);
  const patch = config.numbers("DATA.PATCH_SIZE");
  const branches = channels.map((each) => each.length);
  const added = branches.map((count, stage) => count - (branches[stage - 1] ?? 1));
  const left = axesOf(config).map((axis, index) => {
    const down = axis === "z" ? zDown : yxDown;
    const [stem = Number.NaN] = down;
    const factors = [stem, stem, ...down.filter((_, stage) => (added[stage] ?? 0) > 0)];
    return factors.reduce((size, factor) => Math.ceil(size / factor), patch[index] ?? 0);
  });
  if (product(left) > 1) return [];
  const message =
    "a single pixel is left of it in hrnet's coarsest branch, which needs at least two. Use a larger patch.";
  return [config.problem("DATA.PATCH_SIZE", message)];
}

function checkStuNet(config: Config): Problem[] {
  const problems: Problem[] = [];
  if (config.flag(stuNetKey("PRETRAINED"))) {
    const message =
      "the embedded engine starts from new weights; BiaPy itself downloads trained ones from the internet.";
    problems.push(config.problem(stuNetKey("PRETRAINED"), message, "False"));
  }
  const lists = checkStuNetLists(config);
  return problems.length + lists.length > 0 ? [...problems, ...lists] : checkPools(config);
}

function checkStuNetLists(config: Config): Problem[] {
  const problems: Problem[] = [];
  const { dims, depth, pools, kernels } = stuNetStages(config);
  const axes = ndimOf(config);
  const lists = [
    ["DEPTH", depth.length, dims.length],
    ["POOL_OP_KERNEL_SIZES", pools.length, dims.length - 1],
    ["CONV_KERNEL_SIZES", kernels.length, dims.length],
  ] as const;
  for (const [name, length, wanted] of lists) {
    if (length === wanted) continue;
    const message = `${dims.length} stages (MODEL.STUNET.DIMS) need ${wanted} entries, not ${length}.`;
    problems.push(config.problem(stuNetKey(name), message));
  }
  for (const [name, rows] of [
    ["POOL_OP_KERNEL_SIZES", pools],
    ["CONV_KERNEL_SIZES", kernels],
  ] as const) {
    const other = rows.find((row) => row.length !== axes);
    if (other === undefined) continue;
    const message = `a ${axes}D problem has ${axes} numbers for each stage, not ${other.length}.`;
    problems.push(config.problem(stuNetKey(name), message));
  }
  const even = kernels.flat().find((size) => size % 2 === 0);
  if (even !== undefined)
    problems.push(config.problem(stuNetKey("CONV_KERNEL_SIZES"), `kernels are odd; ${even} is not.`));
  return problems;
}

/** Checks that the patch divides down to STU-Net's coarsest stage, which needs more than one pixel. Wrong lists are not reported here. */
export function checkPools(config: Config): Problem[] {
  if (checkStuNetLists(config).length > 0) return [];
  const { pools } = stuNetStages(config);
  const patch = config.numbers("DATA.PATCH_SIZE");
  const total = axesOf(config).map((_, axis) => product(pools.map((row) => row[axis] ?? Number.NaN)));
  for (const [index, axis] of axesOf(config).entries()) {
    if ((patch[index] ?? 0) % (total[index] ?? Number.NaN) === 0) continue;
    const message = `${patch[index]} along ${axis} cannot be divided by ${total[index]}, as stunet's stages need. Use a multiple of it.`;
    return [config.problem("DATA.PATCH_SIZE", message)];
  }
  if (product(total.map((factor, axis) => (patch[axis] ?? 0) / factor)) > 1) return [];
  const message =
    "a single pixel is left of it in stunet's coarsest stage, which needs at least two. Use a larger patch.";
  return [config.problem("DATA.PATCH_SIZE", message)];
}
