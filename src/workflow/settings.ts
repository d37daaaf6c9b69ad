/** What a configuration asks of data, optimiser and schedule, as the parts of the engine take it. */
import { ndimOf } from "../config/checks.ts";
import type { Config } from "../config/config.ts";
import type { AugmentationStep } from "../data/augmentation.ts";
import type { NormalisationSettings } from "../data/normalisation.ts";
import type { Box, TilingSettings } from "../data/tiling.ts";
import type { OptimiserSettings } from "../training/optimiser.ts";
import type { ScheduleSettings } from "../training/schedule.ts";

/** `[z, y, x]` of a key that has two numbers in 2D and three in 3D. */
function box(values: readonly number[], ndim: 2 | 3, flat: number): Box {
  const [first = flat, second = first, third = second] = values;
  return ndim === 3 ? [first, second, third] : [flat, first, second];
}

/** The patch `[z, y, x]`, z of 1 in 2D. */
export function patchBox(config: Config): Box {
  const ndim = ndimOf(config);
  return box(config.numbers("DATA.PATCH_SIZE").slice(0, ndim), ndim, 1);
}

export function tilingSettings(config: Config, phase: "TRAIN" | "VAL" | "TEST"): TilingSettings {
  const ndim = ndimOf(config);
  return {
    patch: patchBox(config),
    overlap: box(config.numbers(`DATA.${phase}.OVERLAP`), ndim, 0),
    padding: box(config.numbers(`DATA.${phase}.PADDING`), ndim, 0),
  };
}

export function normalisationSettings(config: Config): NormalisationSettings {
  const clipping = config.flag("DATA.NORMALIZATION.PERC_CLIP.ENABLE");
  const mean = config.numbers("DATA.NORMALIZATION.ZERO_MEAN_UNIT_VAR.MEAN_VAL");
  const deviation = config.numbers("DATA.NORMALIZATION.ZERO_MEAN_UNIT_VAR.STD_VAL");
  return {
    type: config.text("DATA.NORMALIZATION.TYPE") as NormalisationSettings["type"],
    // -1 is BiaPy's sign for "measure it".
    custom: deviation.every((each) => each > 0) ? { mean, deviation } : undefined,
    percentiles: clipping
      ? [
          config.number("DATA.NORMALIZATION.PERC_CLIP.LOWER_PERC"),
          config.number("DATA.NORMALIZATION.PERC_CLIP.UPPER_PERC"),
        ]
      : undefined,
  };
}

/** The augmentations that a configuration turns on, in the order in which they are applied. */
export function augmentationSteps(config: Config): AugmentationStep[] {
  if (!config.flag("AUGMENTOR.ENABLE")) return [];
  return (["rot90", "vflip", "hflip", "zflip"] as const)
    .filter(
      (kind) => config.flag(`AUGMENTOR.${kind.toUpperCase()}`) && (kind !== "zflip" || ndimOf(config) === 3),
    )
    .map((kind) => ({ kind, probability: config.number(`AUGMENTOR.${kind.toUpperCase()}_PROB`) }));
}

/** BiaPy's momentum for SGD. */
const MOMENTUM = 0.9;
const EPSILON = 1e-8;

export function optimiserSettings(config: Config): OptimiserSettings {
  const weightDecay = config.number("TRAIN.W_DECAY");
  const name = String(config.first("TRAIN.OPTIMIZER"));
  if (name === "SGD") return { kind: "sgd", momentum: MOMENTUM, weightDecay };
  const betas = [config.first("TRAIN.OPT_BETAS")].flat().map(Number);
  return {
    kind: name === "ADAM" ? "adam" : "adamw",
    betas: [betas[0], betas[1]],
    epsilon: EPSILON,
    weightDecay,
  };
}

export function scheduleSettings(config: Config): ScheduleSettings {
  const name = config.text("TRAIN.LR_SCHEDULER.NAME");
  const minimum = Math.max(config.numbers("TRAIN.LR_SCHEDULER.MIN_LR")[0], 0);
  if (name === "reduceonplateau") {
    return {
      kind: "reduceonplateau",
      factor: config.number("TRAIN.LR_SCHEDULER.REDUCEONPLATEAU_FACTOR"),
      patience: config.number("TRAIN.LR_SCHEDULER.REDUCEONPLATEAU_PATIENCE"),
      minimum,
    };
  }
  if (name === "warmupcosine") {
    return {
      kind: "warmupcosine",
      warmupEpochs: config.number("TRAIN.LR_SCHEDULER.WARMUP_COSINE_DECAY_EPOCHS"),
      minimum,
    };
  }
  return { kind: name === "onecycle" ? "onecycle" : "constant" };
}
