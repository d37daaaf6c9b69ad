/** The keys that describe HRNet's stages and STU-Net's, with those of named variants filled in. */
import { type HrNetStages, hrNetVariant, type StuNetStages, stuNetVariant } from "../facts/network-sizes.ts";
import { ndimOf } from "./basics.ts";
import type { Config } from "./config.ts";
import type { ListKey } from "./key-names.ts";

/** Returns the name of a key of MODEL.HRNET. */
export const hrNetKey = <Name extends string>(name: Name) => `MODEL.HRNET.${name}` as const;
/** Returns the name of a key of MODEL.STUNET. */
export const stuNetKey = <Name extends string>(name: Name) => `MODEL.STUNET.${name}` as const;

/** Returns a list of lists of numbers. */
function rows(config: Config, key: ListKey): number[][] {
  const value = config.value(key);
  return Array.isArray(value) ? value.map((row) => [row].flat().map(Number)) : [];
}

/** Whether the configuration sets the stages explicitly. */
export const isCustom = (config: Config, group: "HRNET" | "STUNET"): boolean =>
  config.text(`MODEL.${group}.VARIANT`).toLowerCase() === "custom";

/** Returns HRNet's stages: those of the named variant, or of the configuration. */
export function hrNetStages(config: Config): HrNetStages {
  return (
    hrNetVariant(config.text(hrNetKey("VARIANT"))) ?? {
      modules: config.numbers(hrNetKey("NUM_MODULES")),
      blocks: rows(config, hrNetKey("NUM_BLOCKS")),
      channels: rows(config, hrNetKey("NUM_CHANNELS")),
      yxDown: config.numbers(hrNetKey("YX_DOWN")),
      zDown: config.numbers(hrNetKey("Z_DOWN")),
    }
  );
}

/** Returns STU-Net's stages: those of the named variant, or of the configuration. */
export function stuNetStages(config: Config): StuNetStages {
  return (
    stuNetVariant(config.text(stuNetKey("VARIANT")), ndimOf(config)) ?? {
      dims: config.numbers(stuNetKey("DIMS")),
      depth: config.numbers(stuNetKey("DEPTH")),
      pools: rows(config, stuNetKey("POOL_OP_KERNEL_SIZES")),
      kernels: rows(config, stuNetKey("CONV_KERNEL_SIZES")),
    }
  );
}
