/** Keys with one value per level of an encoder-decoder; short lists are filled in as BiaPy does. */
import { ARCHITECTURES } from "../facts/architectures.ts";
import { architectureOf } from "./basics.ts";
import type { Config } from "./config.ts";
import type { ListKey } from "./key-names.ts";

export interface ModelLevels {
  /** One for each of MODEL.FEATURE_MAPS. */
  readonly dropout: readonly number[];
  readonly isotropy: readonly boolean[];
  readonly convolutions: readonly number[];
  /** One for each downsampling, which is one fewer. */
  readonly zDown: readonly number[];
  readonly yxDown: readonly number[];
}

/** Number of times that an architecture downsamples its images. */
export function waysDown(config: Config): number {
  const fixed = ARCHITECTURES.get(architectureOf(config))?.levels;
  return fixed ?? config.numbers("MODEL.FEATURE_MAPS").length - 1;
}

/** Lists of the right lengths, if `checkConfig` found no problem. */
export function modelLevels(config: Config): ModelLevels {
  const levels = config.numbers("MODEL.FEATURE_MAPS").length;
  const fill = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);
  const down = (key: ListKey) => {
    const values = config.numbers(key);
    return values.every((each) => each === 0) ? fill(waysDown(config), 2) : values;
  };
  const dropout = config.numbers("MODEL.DROPOUT_VALUES");
  const isotropy = [config.value("MODEL.ISOTROPY")].flat().map((each) => each === true);
  const convolutions = config.numbers("MODEL.CONV_LAYERS");
  const alike = new Set(convolutions).size <= 1;
  return {
    dropout: dropout.every((each) => each === 0) ? fill(levels, 0) : dropout,
    isotropy: isotropy.every((each) => each) ? fill(levels, true) : isotropy,
    convolutions: alike ? fill(levels, convolutions[0] ?? 2) : convolutions,
    zDown: down("MODEL.Z_DOWN"),
    yxDown: down("MODEL.YX_DOWN"),
  };
}
