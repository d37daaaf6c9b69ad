/** Keys with one value per level of an encoder-decoder; short lists are filled in as BiaPy does. */
import { ARCHITECTURES } from "../facts/architectures.ts";
import { architectureOf } from "./basics.ts";
import type { Config } from "./config.ts";

export interface ModelLevels {
  /** One for each of MODEL.FEATURE_MAPS. */
  readonly dropout: readonly number[];
  readonly isotropy: readonly boolean[];
  readonly convolutions: readonly number[];
  /** One for each downsampling, which is one fewer. */
  readonly zDown: readonly number[];
  readonly yxDown: readonly number[];
}

/** Returns how often an architecture downsamples its images, besides U-NeXt's stem ({@link stemFactors}). */
export function waysDown(config: Config): number {
  const fixed = ARCHITECTURES.get(architectureOf(config))?.levels;
  return fixed ?? config.numbers("MODEL.FEATURE_MAPS").length - 1;
}

/** Returns a factor for each downsampling as the configuration says: 2 if it does not. */
export function writtenFactors(config: Config, key: "MODEL.YX_DOWN" | "MODEL.Z_DOWN"): readonly number[] {
  const values = config.numbers(key);
  return values.every((each) => each === 0) ? Array.from({ length: waysDown(config) }, () => 2) : values;
}

/** Returns the values of all levels, as the network has them. The lists have the right lengths if `checkConfig` found no problem. */
export function modelLevels(config: Config): ModelLevels {
  const levels = config.numbers("MODEL.FEATURE_MAPS").length;
  const fill = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);
  const halvesAlways = ARCHITECTURES.get(architectureOf(config))?.patch === "fixed levels";
  const dropout = config.numbers("MODEL.DROPOUT_VALUES");
  const isotropy = [config.value("MODEL.ISOTROPY")].flat().map((each) => each === true);
  const convolutions = config.numbers("MODEL.CONV_LAYERS");
  const alike = new Set(convolutions).size <= 1;
  return {
    dropout: dropout.every((each) => each === 0) ? fill(levels, 0) : dropout,
    isotropy: isotropy.every((each) => each) ? fill(levels, true) : isotropy,
    convolutions: alike ? fill(levels, convolutions[0] ?? 2) : convolutions,
    zDown: writtenFactors(config, "MODEL.Z_DOWN"),
    // MultiResUNet halves y and x whatever MODEL.YX_DOWN says.
    yxDown: halvesAlways ? fill(waysDown(config), 2) : writtenFactors(config, "MODEL.YX_DOWN"),
  };
}

/** Largest size of an axis that cannot be downsampled any more. */
const SMALLEST = 2;

/** A level that cannot downsample an axis. */
export interface UndividedLevel {
  /** 0-based. */
  readonly level: number;
  /** What the levels before leave of the axis. */
  readonly left: number;
  readonly factor: number;
}

/** Returns the first level that cannot downsample an axis of this size by its factor, by BiaPy 3.7.1's rule; undefined if all can. */
export function undividedLevel(size: number, factors: readonly number[]): UndividedLevel | undefined {
  let left = size;
  for (const [level, factor] of factors.entries()) {
    if (left % factor !== 0 || left <= SMALLEST) return { level, left, factor };
    left /= factor;
  }
  return undefined;
}

/** Returns the factors by which U-NeXt's stem (MODEL.CONVNEXT_STEM_K_SIZE) downsamples images before their first level. */
export function stemFactors(config: Config): { readonly z: number; readonly yx: number } {
  const yx = config.number("MODEL.CONVNEXT_STEM_K_SIZE");
  const [firstZ = Number.NaN] = modelLevels(config).zDown;
  return { z: yx * Math.max(Math.trunc(firstZ / yx), 1), yx };
}
