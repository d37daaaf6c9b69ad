/** Checks the keys of HRNet and STU-Net against each other and the patch. */

import { product } from "../facts/checked-lists.ts";
import type { Problem } from "../facts/run-events.ts";
import { architectureOf, ndimOf } from "./basics.ts";
import type { Config } from "./config.ts";
import { hrNetStages, isCustom, stuNetStages } from "./model-stages.ts";

export function checkStages(config: Config): Problem[] {
  const architecture = architectureOf(config);
  if (architecture === "hrnet") return checkHrNet(config);
  return architecture === "stunet" ? checkStuNet(config) : [];
}

const AXES = { 2: ["y", "x"], 3: ["z", "y", "x"] } as const;

function checkHrNet(config: Config): Problem[] {
  const key = <Name extends string>(name: Name) => `MODEL.HRNET.${name}` as const;
  const head = config.text(key("HEAD_TYPE"));
  if (head !== "FCN") {
    const message = `${head} makes 256 features of an image, not an image; only FCN restores images.`;
    return [config.problem(key("HEAD_TYPE"), message, "FCN")];
  }
  const block = config.text(key("BLOCK_TYPE"));
  if (isCustom(config, "HRNET") && block !== "BASIC") {
    const message = `a network of ${block} blocks cannot be built, by BiaPy 3.7.1 neither.`;
    return [config.problem(key("BLOCK_TYPE"), message, "BASIC")];
  }
  const lists = isCustom(config, "HRNET") ? checkCustomHrNet(config) : [];
  return lists.length > 0 ? lists : checkBranches(config);
}

/** The lists of a network whose stages are set explicitly. */
function checkCustomHrNet(config: Config): Problem[] {
  const key = <Name extends string>(name: Name) => `MODEL.HRNET.${name}` as const;
  const { modules, blocks, channels, yxDown, zDown } = hrNetStages(config);
  const count = config.number(key("NUM_STAGES"));
  const problems: Problem[] = [];
  const lists = [
    ["NUM_MODULES", modules.length],
    ["NUM_BRANCHES", config.numbers(key("NUM_BRANCHES")).length],
    ["NUM_BLOCKS", blocks.length],
    ["NUM_CHANNELS", channels.length],
    ["YX_DOWN", yxDown.length],
    ["Z_DOWN", ndimOf(config) === 3 ? zDown.length : count],
  ] as const;
  for (const [name, length] of lists.filter(([, each]) => each !== count)) {
    const message = `one for each of ${count} stages (MODEL.HRNET.NUM_STAGES), not ${length}.`;
    problems.push(config.problem(key(name), message));
  }
  if (problems.length > 0) return problems;
  for (const [name, values] of [["YX_DOWN", yxDown] as const, ["Z_DOWN", zDown] as const]) {
    if (name === "Z_DOWN" && ndimOf(config) === 2) continue;
    if (values.every((value) => value === 1 || value === 2)) continue;
    const ones = values.map(() => (name === "Z_DOWN" ? 1 : 2));
    problems.push(config.problem(key(name), "each number is 1 or 2.", `[${ones.join(", ")}]`));
  }
  let before = 1;
  for (const [stage, branches] of config.numbers(key("NUM_BRANCHES")).entries()) {
    if (channels[stage]?.length !== branches || blocks[stage]?.length !== branches) {
      const message = `stage ${stage + 1} has ${branches} branches, so as many numbers in NUM_CHANNELS and NUM_BLOCKS.`;
      problems.push(config.problem(key("NUM_BRANCHES"), message));
    } else if (branches < before || branches > before + 1) {
      const message = `each stage has as many branches as the one before, or one more; stage ${stage + 1} cannot have ${branches} after ${before}.`;
      problems.push(config.problem(key("NUM_BRANCHES"), message));
    }
    before = branches;
  }
  return problems;
}

/** Checks that the patch divides down to the coarsest branch, which needs more than one pixel. */
function checkBranches(config: Config): Problem[] {
  const { channels, yxDown, zDown } = hrNetStages(config);
  const patch = config.numbers("DATA.PATCH_SIZE");
  const branches = channels.map((each) => each.length);
  const added = branches.map((count, stage) => count - (branches[stage - 1] ?? 1));
  const axes = AXES[ndimOf(config)];
  const left = axes.map((axis, index) => {
    const down = axis === "z" ? zDown : yxDown;
    const [stem = Number.NaN] = down;
    const factors = [stem, stem, ...down.filter((_, stage) => (added[stage] ?? 0) > 0)];
    return factors.reduce((size, factor) => Math.ceil(size / factor), patch[index] ?? 0);
  });
  for (const [index, axis] of axes.entries()) {
    const down = axis === "z" ? zDown : yxDown;
    const total = product(down);
    if ((patch[index] ?? 0) % total === 0) continue;
    const message = `${patch[index]} along ${axis} cannot be divided by ${total}, as hrnet's stages need. Use a multiple of it.`;
    return [config.problem("DATA.PATCH_SIZE", message)];
  }
  if (product(left) > 1) return [];
  const message =
    "a single pixel is left of it in hrnet's coarsest branch, which needs at least two. Use a larger patch.";
  return [config.problem("DATA.PATCH_SIZE", message)];
}

function checkStuNet(config: Config): Problem[] {
  const key = <Name extends string>(name: Name) => `MODEL.STUNET.${name}` as const;
  const problems: Problem[] = [];
  if (config.flag(key("PRETRAINED"))) {
    const message =
      "the embedded engine starts from new weights; BiaPy itself downloads trained ones from the internet.";
    problems.push(config.problem(key("PRETRAINED"), message, "False"));
  }
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
    problems.push(config.problem(key(name), message));
  }
  for (const [name, rows] of [
    ["POOL_OP_KERNEL_SIZES", pools],
    ["CONV_KERNEL_SIZES", kernels],
  ] as const) {
    const other = rows.find((row) => row.length !== axes);
    if (other === undefined) continue;
    const message = `a ${axes}D problem has ${axes} numbers for each stage, not ${other.length}.`;
    problems.push(config.problem(key(name), message));
  }
  const even = kernels.flat().find((size) => size % 2 === 0);
  if (even !== undefined)
    problems.push(config.problem(key("CONV_KERNEL_SIZES"), `kernels are odd; ${even} is not.`));
  return problems.length > 0 ? problems : checkPools(config, pools);
}

function checkPools(config: Config, pools: readonly (readonly number[])[]): Problem[] {
  const patch = config.numbers("DATA.PATCH_SIZE");
  const total = AXES[ndimOf(config)].map((_, axis) =>
    pools.reduce((product, row) => product * (row[axis] ?? Number.NaN), 1),
  );
  for (const [index, axis] of AXES[ndimOf(config)].entries()) {
    if ((patch[index] ?? 0) % (total[index] ?? Number.NaN) === 0) continue;
    const message = `${patch[index]} along ${axis} cannot be divided by ${total[index]}, as stunet's stages need. Use a multiple of it.`;
    return [config.problem("DATA.PATCH_SIZE", message)];
  }
  if (total.reduce((product, factor, axis) => product * ((patch[axis] ?? 0) / factor), 1) > 1) return [];
  const message =
    "a single pixel is left of it in stunet's lowest stage, which needs at least two. Use a larger patch.";
  return [config.problem("DATA.PATCH_SIZE", message)];
}
