/** AUGMENTOR.*: the transforms that a configuration enables. */

import { ndimOf } from "../config/basics.ts";
import type { Config } from "../config/config.ts";
import type { FlagKey, ListKey, NumberKey } from "../config/key-names.ts";
import { gaussianBlur, medianBlur, motionBlur } from "../data/augmentation/filters.ts";
import {
  BORDERS,
  type Border,
  elastic,
  flipX,
  flipY,
  flipZ,
  misalignment,
  quarterTurns,
  rotation,
  shear,
  shift,
  zoom,
} from "../data/augmentation/geometry.ts";
import {
  brightness,
  channelShuffle,
  contrast,
  dropout,
  gammaContrast,
  gaussianNoise,
  grayscale,
  poissonNoise,
  saltAndPepper,
} from "../data/augmentation/intensity.ts";
import {
  cutblur,
  cutmix,
  cutnoise,
  cutout,
  gridMask,
  missingSections,
} from "../data/augmentation/regions.ts";
import type { AugmentationStep, Range, Transform } from "../data/augmentation/sample.ts";
import { atLeast, keysOf } from "../facts/checked-lists.ts";

type Maker = (config: Config, border: Border) => Transform;

/** The names after `AUGMENTOR.` of keys of one kind. */
type Of<K> = K extends `AUGMENTOR.${infer Name}` ? Name : never;

const range = (config: Config, key: Of<ListKey>): Range => {
  const [low, high = low] = atLeast(config.numbers(`AUGMENTOR.${key}`), 1, `AUGMENTOR.${key}`);
  return [low, high];
};
const number = (config: Config, key: Of<NumberKey>) => config.number(`AUGMENTOR.${key}`);
const flag = (config: Config, key: Of<FlagKey>) => config.flag(`AUGMENTOR.${key}`);

/** Augmentations by key, in the order in which they are applied: geometry first, then intensity. */
const MAKERS = {
  ZOOM: (config, border) =>
    zoom(range(config, "ZOOM_RANGE"), flag(config, "ZOOM_IN_Z") && ndimOf(config) === 3, border),
  RANDOM_ROT: (config, border) => rotation(range(config, "RANDOM_ROT_RANGE"), border),
  ROT90: () => quarterTurns,
  SHEAR: (config, border) => shear(range(config, "SHEAR_RANGE"), border),
  SHIFT: (config, border) => shift(range(config, "SHIFT_RANGE"), border),
  ELASTIC: (config) =>
    elastic(range(config, "E_ALPHA"), number(config, "E_SIGMA"), config.choice("AUGMENTOR.E_MODE", BORDERS)),
  VFLIP: () => flipY,
  HFLIP: () => flipX,
  ZFLIP: () => flipZ,
  GRAYSCALE: () => grayscale,
  CHANNEL_SHUFFLE: () => channelShuffle,
  CUTBLUR: (config) =>
    cutblur(range(config, "CBLUR_SIZE"), range(config, "CBLUR_DOWN_RANGE"), flag(config, "CBLUR_INSIDE")),
  CUTMIX: (config) => cutmix(range(config, "CMIX_SIZE")),
  CUTNOISE: (config) =>
    cutnoise(
      range(config, "CNOISE_SCALE"),
      range(config, "CNOISE_NB_ITERATIONS"),
      range(config, "CNOISE_SIZE"),
    ),
  MISALIGNMENT: (config) =>
    misalignment(number(config, "MS_DISPLACEMENT"), number(config, "MS_ROTATE_RATIO")),
  BRIGHTNESS: (config) => brightness(range(config, "BRIGHTNESS_FACTOR")),
  CONTRAST: (config) => contrast(range(config, "CONTRAST_FACTOR")),
  GAMMA_CONTRAST: (config) => gammaContrast(range(config, "GC_GAMMA")),
  G_BLUR: (config) => gaussianBlur(range(config, "G_SIGMA")),
  MEDIAN_BLUR: (config) => medianBlur(range(config, "MB_KERNEL")),
  MOTION_BLUR: (config) => motionBlur(range(config, "MOTB_K_RANGE")),
  GAUSSIAN_NOISE: (config) =>
    gaussianNoise({
      mean: number(config, "GAUSSIAN_NOISE_MEAN"),
      variance: number(config, "GAUSSIAN_NOISE_VAR"),
      likeImage: flag(config, "GAUSSIAN_NOISE_USE_INPUT_IMG_MEAN_AND_VAR"),
    }),
  POISSON_NOISE: () => poissonNoise,
  SALT: (config) => saltAndPepper(number(config, "SALT_AMOUNT"), 1),
  PEPPER: (config) => saltAndPepper(number(config, "PEPPER_AMOUNT"), 0),
  SALT_AND_PEPPER: (config) =>
    saltAndPepper(number(config, "SALT_AND_PEPPER_AMOUNT"), number(config, "SALT_AND_PEPPER_PROP")),
  MISSING_SECTIONS: (config) =>
    missingSections(range(config, "MISSP_ITERATIONS"), number(config, "MISSP_CHANNEL_PB")),
  GRIDMASK: (config) =>
    gridMask({
      ratio: number(config, "GRID_RATIO"),
      period: range(config, "GRID_D_RANGE"),
      rotate: number(config, "GRID_ROTATE"),
      invert: flag(config, "GRID_INVERT"),
    }),
  CUTOUT: (config) =>
    cutout({
      count: range(config, "COUT_NB_ITERATIONS"),
      size: range(config, "COUT_SIZE"),
      fill: number(config, "COUT_CVAL"),
      alsoTarget: flag(config, "COUT_APPLY_TO_MASK"),
    }),
  DROPOUT: (config) => dropout(range(config, "DROP_RANGE")),
} satisfies Partial<Record<Of<FlagKey>, Maker>>;

/** Returns the enabled augmentations in the order in which they are applied. */
export function augmentationSteps(config: Config): AugmentationStep[] {
  if (!config.flag("AUGMENTOR.ENABLE")) return [];
  const border = config.choice("AUGMENTOR.AFFINE_MODE", BORDERS);
  return keysOf(MAKERS)
    .filter((key) => flag(config, key) && (key !== "ZFLIP" || ndimOf(config) === 3))
    .map((key) => ({
      name: key,
      probability: number(config, `${key}_PROB`),
      mixes: key === "CUTMIX",
      transform: MAKERS[key](config, border),
    }));
}
