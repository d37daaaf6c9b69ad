/** Checks keys of a configuration against each other, by the rules of BiaPy 3.7.1 and of this engine. */
import type { Problem } from "../facts/run-events.ts";
import { WORKFLOWS } from "../facts/workflows.ts";
import {
  architectureOf,
  axesOf,
  channelsOf,
  ndimOf,
  PHASES,
  pretextTask,
  usedPhases,
  workflowOf,
} from "./basics.ts";
import type { Config } from "./config.ts";
import { checkDenoising } from "./denoising-checks.ts";
import type { NumberKey, TextKey } from "./key-names.ts";
import { checkLosses, checkMetrics } from "./loss-checks.ts";
import { checkModelKeys } from "./model-checks.ts";
import { checkBetas } from "./optimizer-betas.ts";
import { checkPreparation } from "./preparation-checks.ts";
import { checkSegmentation } from "./segmentation-checks.ts";
import { checkTargetNormalization } from "./target-normalization.ts";
import { checkArchitecture, checkClassCount, checkFolder, type PathSettings } from "./task-checks.ts";
import { checkImageKeys, checkTest } from "./test-checks.ts";
import { isUnused } from "./unused-keys.ts";
import { checkZooDescription, checkZooSource } from "./zoo-settings.ts";

/**
 * Returns all contradictions between keys at once.
 *
 * @param folder the folder against which relative paths are resolved
 * @param network whether paths on other computers may be accessed: not for a file in an untrusted folder
 * @param tellsModel whether the keys of MODEL describe the network, or a checkpoint that has not been read
 */
export function checkConfig(
  config: Config,
  folder = process.cwd(),
  network = true,
  tellsModel = true,
): Problem[] {
  const ofTask = checkTask(config, [folder, network]);
  return [
    ...checkPatch(config),
    ...checkClassCount(config),
    ...(tellsModel
      ? [...ofTask, ...checkModelKeys(config)]
      : ofTask.filter(({ key }) => key !== "MODEL.ARCHITECTURE")),
    ...checkZooSource(config, folder, network),
    ...(config.flag("MODEL.BMZ.EXPORT.ENABLE") ? checkZooDescription(config, folder, network) : []),
    ...checkNormalization(config),
    ...checkTargetNormalization(config),
    ...checkPaths(config, folder, network),
    ...checkValidation(config),
    ...checkTiles(config),
    ...checkOptimizers(config),
    ...checkBetas(config),
    ...checkSchedule(config),
    ...checkAugmentation(config),
    ...checkImageKeys(config),
    ...checkPreparation(config, folder, network),
    ...checkTest(config),
  ];
}

/** Checks that DATA.PATCH_SIZE has a number for each axis and one for the channels. */
export function checkPatch(config: Config): Problem[] {
  const patch = config.numbers("DATA.PATCH_SIZE");
  const ndim = config.text("PROBLEM.NDIM");
  const axes = axesOf(config);
  if (patch.length === axes.length + 1) return [];
  const form = `(${[...axes, "channels"].join(", ")})`;
  return [
    config.problem(
      "DATA.PATCH_SIZE",
      `a ${ndim} problem has patches of ${axes.length + 1} numbers ${form}, not ${patch.length}.`,
      patchOfOtherKind(patch, ndim),
    ),
  ];
}

/** Converts a 2D patch to 3D, with half of y as z, or a 3D patch to 2D. */
function patchOfOtherKind(patch: readonly number[], ndim: string): string | undefined {
  if (patch.length === 3 && ndim === "3D") return `(${[Math.ceil((patch[0] ?? 0) / 2), ...patch].join(",")})`;
  if (patch.length === 4 && ndim === "2D") return `(${patch.slice(1).join(",")})`;
  return undefined;
}

/** Checks the keys of the configured workflow. */
export function checkTask(config: Config, paths: PathSettings): Problem[] {
  const workflow = workflowOf(config);
  if (workflow === undefined) {
    const types = [...new Set(Object.values(WORKFLOWS).map(({ problem }) => problem))].join(", ");
    const message = `the embedded engine trains ${types}; ${config.text("PROBLEM.TYPE")} needs BiaPy itself.`;
    return [config.needsBiapy("PROBLEM.TYPE", message)];
  }
  if (workflow === "denoising") return checkDenoising(config, paths);
  if (workflow === "segmentation") return checkSegmentation(config, paths);
  const problems = checkMetrics(config);
  const architecture = architectureOf(config);
  const task = pretextTask(config);
  if (task === "masking" && architecture !== "mae") {
    problems.push(
      config.problem("MODEL.ARCHITECTURE", `masking needs the architecture mae, not ${architecture}.`, "mae"),
    );
  }
  if (task === "crappify" && architecture === "mae") {
    const key = "PROBLEM.SELF_SUPERVISED.PRETEXT_TASK";
    problems.push(
      config.problem(key, "mae learns by masking only; crappify needs another architecture.", "masking"),
    );
  } else if (task === "crappify")
    problems.push(...checkArchitecture(config, "crappify", "restores images"), ...checkLosses(config));
  return problems;
}

/** Checks that the folders of all phases in use exist. */
export function checkPaths(config: Config, folder: string, network: boolean): Problem[] {
  const needed = usedPhases(config).map((phase) => `DATA.${phase}.PATH` as const);
  return [
    ...needed.flatMap((key) => checkFolder(config, key, folder, network)),
    ...unfinishedPaths(config, needed).flatMap((key) =>
      checkFolder(config, key, folder, network).map((problem) => ({
        ...problem,
        severity: "warning" as const,
      })),
    ),
  ];
}

/** Returns further folders: those of phases that the configuration neither enables nor disables, because it is still being written. */
function unfinishedPaths(config: Config, needed: readonly TextKey[]): TextKey[] {
  return (["TRAIN", "TEST"] as const)
    .filter((phase) => !config.sets(`${phase}.ENABLE`))
    .map((phase) => `DATA.${phase}.PATH` as const)
    .filter((key) => config.sets(key) && !needed.includes(key));
}

function checkValidation(config: Config): Problem[] {
  if (!config.flag("TRAIN.ENABLE") || !config.flag("DATA.VAL.FROM_TRAIN")) return [];
  if (config.flag("DATA.VAL.CROSS_VAL")) return [];
  const share = config.number("DATA.VAL.SPLIT_TRAIN");
  if (share > 0 && share < 1) return [];
  return [
    config.problem(
      "DATA.VAL.SPLIT_TRAIN",
      `the share of patches kept for validation lies between 0 and 1, not ${share}.`,
    ),
  ];
}

/** The problem of training images that hold a single patch. */
export const singlePatch = (config: Config): Problem =>
  config.problem(
    "DATA.VAL.SPLIT_TRAIN",
    "the training images hold a single patch, which leaves none for validation. Add images or make DATA.PATCH_SIZE smaller.",
  );

/** Checks that overlap and padding of patches have one number for each axis. */
export function checkTiles(config: Config): Problem[] {
  const ndim = ndimOf(config);
  const keys = PHASES.flatMap((phase) => [`DATA.${phase}.OVERLAP`, `DATA.${phase}.PADDING`] as const);
  return keys.flatMap((key) => {
    const values = config.numbers(key);
    if (!config.sets(key) || values.length === ndim) return [];
    const message = `a ${ndim}D problem has ${ndim} numbers, one for each of ${axesOf(config).join(", ")}, not ${values.length}.`;
    const suggestion = values.length === 1 ? `(${Array(ndim).fill(values[0]).join(",")})` : undefined;
    return [config.problem(key, message, suggestion)];
  });
}

/** Checks that there is one optimizer and one learning rate: every run trains one network. */
export function checkOptimizers(config: Config): Problem[] {
  const several = (["TRAIN.OPTIMIZER", "TRAIN.LR"] as const).filter(
    (key) => [config.value(key)].flat().length !== 1,
  );
  return several.map((key) => {
    const [first] = [config.value(key)].flat();
    const suggestion = first === undefined ? undefined : `[${String(first)}]`;
    return config.problem(
      key,
      "a run trains one network, by one optimizer and one learning rate.",
      suggestion,
    );
  });
}

/** Checks that the keys of TRAIN.LR_SCHEDULER are set and fit together. */
export function checkSchedule(config: Config): Problem[] {
  const problems: Problem[] = [];
  const name = config.text("TRAIN.LR_SCHEDULER.NAME");
  const fraction = config.number(DECAY_FRACTION);
  const required: NumberKey[] = [];
  if (name === "reduceonplateau") required.push("TRAIN.LR_SCHEDULER.REDUCEONPLATEAU_PATIENCE");
  if (name === "warmupcosine" && fraction <= 0) required.push(WARMUP);
  for (const key of required) {
    if (config.number(key) < 0)
      problems.push(config.problem(key, `the schedule ${name} needs this to be set, in epochs.`));
  }
  if (
    ["reduceonplateau", "warmupcosine"].includes(name) &&
    config.numbers("TRAIN.LR_SCHEDULER.MIN_LR").some((rate) => rate < 0)
  ) {
    const message = `the schedule ${name} needs this to be set: the learning rate that it does not go below.`;
    problems.push(config.problem("TRAIN.LR_SCHEDULER.MIN_LR", message));
  }
  if (name !== "warmupcosine") return problems;
  const epochs = config.number("TRAIN.EPOCHS");
  const { warmupEpochs, decayStart } = warmupAndDecay(config);
  if (fraction > 1) {
    problems.push(config.problem(DECAY_FRACTION, `a share of all epochs is at most 1, not ${fraction}.`));
  } else if (warmupEpochs >= epochs) {
    const message = `warming up for ${warmupEpochs} epochs leaves none of TRAIN.EPOCHS (${epochs}).`;
    problems.push(config.problem(WARMUP, message));
  } else if (warmupEpochs > decayStart) {
    const message = `warming up for ${warmupEpochs} epochs is not over at epoch ${decayStart}, from which on ${DECAY_FRACTION} lets the rate fall.`;
    problems.push(config.problem(WARMUP, message));
  }
  return problems;
}

const WARMUP = "TRAIN.LR_SCHEDULER.WARMUP_COSINE_DECAY_EPOCHS";
const DECAY_FRACTION = "TRAIN.LR_SCHEDULER.COSINE_DECAY_FRACTION";

/** Returns the number of warm-up epochs of the schedule warmupcosine, and the epoch at which its decay starts. */
export function warmupAndDecay(config: Config): {
  readonly warmupEpochs: number;
  readonly decayStart: number;
} {
  const warmupEpochs = Math.max(config.number(WARMUP), 0);
  const fraction = config.number(DECAY_FRACTION);
  const epochs = config.number("TRAIN.EPOCHS");
  return { warmupEpochs, decayStart: fraction > 0 ? Math.round(epochs * (1 - fraction)) : warmupEpochs };
}

/** Checks at which values images are clipped. */
export function checkNormalization(config: Config): Problem[] {
  const clip = <Name extends string>(name: Name) => `DATA.NORMALIZATION.PERC_CLIP.${name}` as const;
  if (!config.flag(clip("ENABLE"))) return [];
  return (["LOWER", "UPPER"] as const).flatMap((name) => {
    const key = clip(`${name}_PERC` as const);
    const percent = config.number(key);
    const isFixed = config.numbers(clip(`${name}_VALUE` as const)).every((value) => value !== -1);
    if (isFixed || (percent >= 0 && percent <= 100)) return [];
    const message = `values are clipped at a percentile from 0 to 100, or at a fixed value (${clip(`${name}_VALUE`)}); one of them is to be set.`;
    return [config.problem(key, message)];
  });
}

/** BiaPy's augmentations that need values from 0 to 1. */
const OF_POSITIVE_VALUES = ["GAMMA_CONTRAST", "POISSON_NOISE"] as const;

function checkAugmentation(config: Config): Problem[] {
  if (!config.flag("AUGMENTOR.ENABLE")) return [];
  const problems: Problem[] = [];
  const channels = channelsOf(config);
  const centered = config.text("DATA.NORMALIZATION.TYPE") === "zero_mean_unit_variance";
  for (const name of OF_POSITIVE_VALUES.filter((each) => centered && config.flag(`AUGMENTOR.${each}`))) {
    const message =
      "it needs values from 0 to 1, and zero_mean_unit_variance makes negative ones. Set DATA.NORMALIZATION.TYPE to scale_range or turn it off.";
    problems.push(config.problem(`AUGMENTOR.${name}`, message, "False"));
  }
  if (config.flag("AUGMENTOR.GRAYSCALE") && channels !== 3) {
    const message = `only images of 3 channels can be turned gray; DATA.PATCH_SIZE says ${channels}.`;
    problems.push(config.problem("AUGMENTOR.GRAYSCALE", message, "False"));
  }
  for (const key of RANGES.map((each) => `AUGMENTOR.${each}` as const).filter((each) => config.sets(each))) {
    const [low = Number.NaN, high = Number.NaN, ...more] = config.numbers(key);
    if (more.length === 0 && low <= high) continue;
    const problem = config.problem(key, "a range has two numbers, the smaller one first.");
    problems.push(isUnused(config, key) ? { ...problem, severity: "warning" } : problem);
  }
  return problems;
}

const RANGES = [
  ...["RANDOM_ROT_RANGE", "SHEAR_RANGE", "ZOOM_RANGE", "SHIFT_RANGE", "E_ALPHA", "G_SIGMA", "MB_KERNEL"],
  ...["MOTB_K_RANGE", "GC_GAMMA", "BRIGHTNESS_FACTOR", "CONTRAST_FACTOR", "DROP_RANGE", "COUT_SIZE"],
  ...["COUT_NB_ITERATIONS", "CBLUR_SIZE", "CBLUR_DOWN_RANGE", "CMIX_SIZE", "CNOISE_SCALE", "CNOISE_SIZE"],
  ...["CNOISE_NB_ITERATIONS", "MISSP_ITERATIONS", "GRID_D_RANGE"],
] as const;

/** Checks a job name by the rule of BiaPy's documentation. */
export function checkName(name: string): Problem | undefined {
  if (/^\w+$/.test(name)) return undefined;
  const suggestion = name.replaceAll(/\W+/g, "_") || "my_model";
  const message = `A name has letters, digits and "_" only: ${suggestion}, not ${JSON.stringify(name)}.`;
  return { severity: "error", message, suggestion };
}
