/** The keys that describe HRNet's stages and STU-Net's, with those of named variants filled in. */
import { type HrNetStages, hrNetVariant, type StuNetStages, stuNetVariant } from "../facts/network-sizes.ts";
import { ndimOf } from "./basics.ts";
import type { Config } from "./config.ts";
import type { ListKey } from "./key-names.ts";

/** A list of lists of numbers. */
function rows(config: Config, key: ListKey): number[][] {
  const value = config.value(key);
  return Array.isArray(value) ? value.map((row) => [row].flat().map(Number)) : [];
}

/** Whether the configuration sets the stages explicitly. */
export const isCustom = (config: Config, group: "HRNET" | "STUNET"): boolean =>
  config.text(`MODEL.${group}.VARIANT`).toLowerCase() === "custom";

export function hrNetStages(config: Config): HrNetStages {
  const key = <Name extends string>(name: Name) => `MODEL.HRNET.${name}` as const;
  return (
    hrNetVariant(config.text(key("VARIANT"))) ?? {
      modules: config.numbers(key("NUM_MODULES")),
      blocks: rows(config, key("NUM_BLOCKS")),
      channels: rows(config, key("NUM_CHANNELS")),
      yxDown: config.numbers(key("YX_DOWN")),
      zDown: config.numbers(key("Z_DOWN")),
    }
  );
}

export function stuNetStages(config: Config): StuNetStages {
  const key = <Name extends string>(name: Name) => `MODEL.STUNET.${name}` as const;
  return (
    stuNetVariant(config.text(key("VARIANT")), ndimOf(config)) ?? {
      dims: config.numbers(key("DIMS")),
      depth: config.numbers(key("DEPTH")),
      pools: rows(config, key("POOL_OP_KERNEL_SIZES")),
      kernels: rows(config, key("CONV_KERNEL_SIZES")),
    }
  );
}
