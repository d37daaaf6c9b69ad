/** Converts a configuration to settings of data, optimizer and schedule. */

import { namesOf, ndimOf, type Phase, workflowOf } from "../config/basics.ts";
import { warmupAndDecay } from "../config/checks.ts";
import type { Config } from "../config/config.ts";
import { optimizerBetas } from "../config/optimizer-betas.ts";
import { hasTargetImages, targetType } from "../config/target-normalization.ts";
import { fillsPadding } from "../config/test-checks.ts";
import { type Clipping, NORMALIZATION_TYPES, type NormalizationSettings } from "../data/normalization.ts";
import { FILTER_PROPERTIES, FILTER_SIGNS, type SampleFilter } from "../data/sample-filter.ts";
import type { Box, TilingSettings } from "../data/tiling.ts";
import { at, oneOf } from "../facts/checked-lists.ts";
import { IMAGE_METRICS, type ImageMetric, isSpectral } from "../facts/losses.ts";
import type { Metrics } from "../facts/run-events.ts";
import type { OpenOptions } from "../images/image.ts";
import type { OptimizerSettings, TrainingSettings } from "../runtime/optimizer-settings.ts";
import { physicalCores } from "../runtime/physical-cores.ts";
import type { Precision } from "../runtime/precision.ts";
import type { LossTerm } from "../training/losses.ts";
import type { ScheduleSettings } from "../training/schedule.ts";
import { PrecisionError } from "../training/training-step.ts";

/**
 * Returns `[z, y, x]` of a key that has two numbers in 2D and three in 3D.
 *
 * @param flat z in 2D, and all numbers of an empty list
 */
function box(values: readonly number[], ndim: 2 | 3, flat: number): Box {
  const [first = flat, second = first, third = second] = values;
  return ndim === 3 ? [first, second, third] : [flat, first, second];
}

/** Returns the patch `[z, y, x]`; z is 1 in 2D. */
export function patchBox(config: Config): Box {
  const ndim = ndimOf(config);
  return box(config.numbers("DATA.PATCH_SIZE").slice(0, ndim), ndim, 1);
}

/** Returns the array of Zarr and HDF5 files to read and the order of its axes, if the configuration sets them. */
export function openOptions(config: Config, phase: Phase): OpenOptions {
  const axes = `DATA.${phase}.INPUT_IMG_AXES_ORDER` as const;
  const inside = config.text(`DATA.${phase}.INPUT_ZARR_MULTIPLE_DATA_RAW_PATH`);
  return {
    axes: config.sets(axes) ? config.text(axes) : undefined,
    inside: config.flag(`DATA.${phase}.INPUT_ZARR_MULTIPLE_DATA`) ? inside : undefined,
  };
}

/** Returns how the images of a phase are cut into patches. */
export function tilingSettings(config: Config, phase: Phase): TilingSettings {
  const ndim = ndimOf(config);
  return {
    patch: patchBox(config),
    overlap: box(config.numbers(`DATA.${phase}.OVERLAP`), ndim, 0),
    padding: box(config.numbers(`DATA.${phase}.PADDING`), ndim, 0),
    medianPadding: phase === "TEST" && fillsPadding(config),
  };
}

/** Returns how images are normalized (DATA.NORMALIZATION). */
export function normalizationSettings(config: Config): NormalizationSettings {
  const mean = config.numbers("DATA.NORMALIZATION.ZERO_MEAN_UNIT_VAR.MEAN_VAL");
  const deviation = config.numbers("DATA.NORMALIZATION.ZERO_MEAN_UNIT_VAR.STD_VAL");
  return {
    type: config.choice("DATA.NORMALIZATION.TYPE", NORMALIZATION_TYPES),
    // In BiaPy, -1 means that the value is measured.
    custom: deviation.every((each) => each > 0) ? { mean, deviation } : undefined,
    clip: config.flag("DATA.NORMALIZATION.PERC_CLIP.ENABLE") ? clipping(config) : undefined,
  };
}

/** Returns the fixed numbers that normalize target images (DATA.NORMALIZATION.TARGET); undefined if they are normalized like the input. */
export function targetNormalization(config: Config): NormalizationSettings | undefined {
  if (!config.flag("DATA.NORMALIZATION.TARGET.ENABLE") || !hasTargetImages(config)) return undefined;
  const key = <Name extends string>(name: Name) => `DATA.NORMALIZATION.TARGET.${name}` as const;
  const limits = {
    lower: config.numbers(key("PERC_CLIP.LOWER_VALUE")),
    upper: config.numbers(key("PERC_CLIP.UPPER_VALUE")),
  };
  return {
    type: oneOf(NORMALIZATION_TYPES, targetType(config), "DATA.NORMALIZATION.TARGET.TYPE"),
    custom: {
      mean: config.numbers(key("ZERO_MEAN_UNIT_VAR.MEAN_VAL")),
      deviation: config.numbers(key("ZERO_MEAN_UNIT_VAR.STD_VAL")),
    },
    clip: config.flag(key("PERC_CLIP.ENABLE")) ? limits : undefined,
  };
}

function clipping(config: Config): Clipping {
  const key = <Name extends string>(name: Name) => `DATA.NORMALIZATION.PERC_CLIP.${name}` as const;
  const [lower, upper] = [config.numbers(key("LOWER_VALUE")), config.numbers(key("UPPER_VALUE"))];
  if ([...lower, ...upper].every((value) => value !== -1)) return { lower, upper };
  return { percentiles: [config.number(key("LOWER_PERC")), config.number(key("UPPER_PERC"))] };
}

/** BiaPy's momentum for SGD. */
const MOMENTUM = 0.9;
const EPSILON = 1e-8;

/** Returns the optimizer, gradient clipping, and precision. */
export function trainingSettings(config: Config, precision: Precision): TrainingSettings {
  const clipNorm = config.number("TRAIN.GRADIENT_CLIP_NORM");
  return { optimizer: optimizerSettings(config), clipNorm, precision };
}

function optimizerSettings(config: Config): OptimizerSettings {
  const weightDecay = config.number("TRAIN.W_DECAY");
  const name = String(config.first("TRAIN.OPTIMIZER"));
  if (name === "SGD") return { kind: "sgd", momentum: MOMENTUM, weightDecay };
  return {
    kind: name === "ADAM" ? "adam" : "adamw",
    betas: optimizerBetas(config),
    epsilon: EPSILON,
    weightDecay,
  };
}

/** Returns how the learning rate changes (TRAIN.LR_SCHEDULER). */
export function scheduleSettings(config: Config): ScheduleSettings {
  const name = config.text("TRAIN.LR_SCHEDULER.NAME");
  const minimum = Math.max(at(config.numbers("TRAIN.LR_SCHEDULER.MIN_LR"), 0), 0);
  if (name === "reduceonplateau") {
    return {
      kind: "reduceonplateau",
      factor: config.number("TRAIN.LR_SCHEDULER.REDUCEONPLATEAU_FACTOR"),
      patience: config.number("TRAIN.LR_SCHEDULER.REDUCEONPLATEAU_PATIENCE"),
      minimum,
    };
  }
  if (name === "warmupcosine") {
    return { kind: "warmupcosine", ...warmupAndDecay(config), minimum };
  }
  if (name === "onecycle" || name === "warmupreduceonplateau") return { kind: name };
  return { kind: "constant" };
}

/** Returns the metrics of a phase: all image metrics, unless TRAIN.METRICS or TEST.METRICS selects some. */
export function metricNames(config: Config, phase: "TRAIN" | "TEST"): ImageMetric[] {
  const chosen = namesOf(config, `${phase}.METRICS`);
  return IMAGE_METRICS.filter((name) => chosen.length === 0 || chosen.includes(name));
}

/** Returns those of the metrics that {@link metricNames} names. */
export function chosenMetrics(config: Config, phase: "TRAIN" | "TEST", values: Metrics): Metrics {
  const names = metricNames(config, phase);
  return Object.fromEntries(Object.entries(values).filter(([name]) => names.some((each) => each === name)));
}

/** Returns the losses of LOSS.TYPE and LOSS.WEIGHTS. Defaults to the mean absolute error, as in BiaPy. */
export function lossTerms(config: Config): LossTerm[] {
  const names = namesOf(config, "LOSS.TYPE");
  const weights = config.numbers("LOSS.WEIGHTS");
  if (names.length === 0) return [{ name: "MAE", weight: 1 }];
  return names.map((name, index) => ({ name, weight: weights[index] ?? 1 }));
}

/** Throws {@link PrecisionError} for losses that train in single precision only. */
export function checkLossPrecision(config: Config, precision: Precision): void {
  if (precision !== "mixed" || workflowOf(config) !== "crappify") return;
  const spectral = lossTerms(config).filter(({ name }) => isSpectral(name));
  if (spectral.length === 0) return;
  const names = spectral.map(({ name }) => name).join(" and ");
  const message = `--precision mixed: the gradient of ${names} (LOSS.TYPE) is clipped to a fixed norm, which the scaled losses of mixed precision would circumvent. Omit it, or choose other losses.`;
  throw new PrecisionError(message);
}

/** Returns the number of threads: SYSTEM.NUM_CPUS, but at most one per core. */
export function threadCount(config: Config): number {
  const [asked, cores] = [config.number("SYSTEM.NUM_CPUS"), physicalCores()];
  return asked > 0 ? Math.min(asked, cores) : cores;
}

/** Returns the conditions of DATA.*.FILTER_SAMPLES; undefined if it is off. `checkConfig` ensures that its lists fit together. */
export function sampleFilter(config: Config, phase: Phase): SampleFilter | undefined {
  const key = `DATA.${phase}.FILTER_SAMPLES` as const;
  if (!config.flag(`${key}.ENABLE`)) return undefined;
  const lists = (name: "PROPS" | "VALUES" | "SIGNS") =>
    [config.value(`${key}.${name}`)].flat().map((each) => [each].flat());
  const [values, signs] = [lists("VALUES"), lists("SIGNS")];
  return lists("PROPS").map((properties, group) =>
    properties.map((property, place) => ({
      property: oneOf(FILTER_PROPERTIES, String(property), `${key}.PROPS`),
      sign: oneOf(FILTER_SIGNS, String(at(signs, group)[place]), `${key}.SIGNS`),
      value: Number(at(values, group)[place]),
    })),
  );
}
