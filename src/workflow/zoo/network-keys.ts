/** Converts the arguments of BiaPy's classes, by which a package describes its network, to keys of a configuration. */

import type { Config } from "../../config/config.ts";
import type { Key } from "../../config/key-names.ts";
import { isPythonValue } from "../../config/python-value.ts";
import { type EmbeddedArchitecture, readsSetting } from "../../facts/architectures.ts";
import { at } from "../../facts/checked-lists.ts";
import { isObject } from "../../facts/json.ts";
import { buildArguments } from "../model-settings.ts";
import { maeBuildArguments, maeSettings } from "../tasks/mae-settings.ts";
import { PackageError } from "./read-package.ts";

/** This engine does not build the network that a package describes, or its PyTorch weights do not fit it. */
export class OtherNetworkError extends PackageError {}

/** The keys for the arguments of BiaPy's classes. */
const KEYS: Readonly<Record<string, Key>> = {
  activation: "MODEL.ACTIVATION",
  decoder_activation: "MODEL.ACTIVATION",
  feature_maps: "MODEL.FEATURE_MAPS",
  drop_values: "MODEL.DROPOUT_VALUES",
  dropout: "MODEL.DROPOUT_VALUES",
  drop_rate: "MODEL.DROPOUT_VALUES",
  normalization: "MODEL.NORMALIZATION",
  k_size: "MODEL.KERNEL_SIZE",
  upsample_layer: "MODEL.UPSAMPLE_LAYER",
  yx_down: "MODEL.YX_DOWN",
  z_down: "MODEL.Z_DOWN",
  isotropy: "MODEL.ISOTROPY",
  larger_io: "MODEL.LARGER_IO",
  conv_layers: "MODEL.CONV_LAYERS",
  cn_layers: "MODEL.CONV_LAYERS",
  conv_block_order: "MODEL.CONV_BLOCK_ORDER",
  stochastic_depth_prob: "MODEL.CONVNEXT_SD_PROB",
  stem_k_size: "MODEL.CONVNEXT_STEM_K_SIZE",
  layer_scale: "MODEL.CONVNEXT_LAYER_SCALE",
  patch_size: "MODEL.VIT_TOKEN_SIZE",
  embed_dim: "MODEL.VIT_EMBED_DIM",
  depth: "MODEL.VIT_NUM_LAYERS",
  num_heads: "MODEL.VIT_NUM_HEADS",
  mlp_ratio: "MODEL.VIT_MLP_RATIO",
  vit_model: "MODEL.UNETR_VIT_MODEL",
  num_filters: "MODEL.UNETR_VIT_NUM_FILTERS",
  ViT_hidd_mult: "MODEL.UNETR_VIT_HIDD_MULT",
  decoder_embed_dim: "MODEL.MAE_DEC_HIDDEN_SIZE",
  decoder_depth: "MODEL.MAE_DEC_NUM_LAYERS",
  decoder_num_heads: "MODEL.MAE_DEC_NUM_HEADS",
  mask_ratio: "MODEL.MAE_MASK_RATIO",
  filters: "MODEL.RCAN_CONV_FILTERS",
  num_rg: "MODEL.RCAN_RG_BLOCK_NUM",
  num_rcab: "MODEL.RCAN_RCAB_BLOCK_NUM",
  reduction: "MODEL.RCAN_REDUCTION_RATIO",
};
const LISTS = new Set(["dropout", "drop_rate"]);

const HRNET: Readonly<Record<string, Key>> = {
  NUM_STAGES: "MODEL.HRNET.NUM_STAGES",
  NUM_MODULES: "MODEL.HRNET.NUM_MODULES",
  NUM_BRANCHES: "MODEL.HRNET.NUM_BRANCHES",
  NUM_BLOCKS: "MODEL.HRNET.NUM_BLOCKS",
  NUM_CHANNELS: "MODEL.HRNET.NUM_CHANNELS",
  YX_DOWN: "MODEL.HRNET.YX_DOWN",
  Z_DOWN: "MODEL.HRNET.Z_DOWN",
  BLOCK_TYPE: "MODEL.HRNET.BLOCK_TYPE",
};
const STUNET: Readonly<Record<string, Key>> = {
  variant: "MODEL.STUNET.VARIANT",
  depth: "MODEL.STUNET.DEPTH",
  dims: "MODEL.STUNET.DIMS",
  pool_op_kernel_sizes: "MODEL.STUNET.POOL_OP_KERNEL_SIZES",
  conv_kernel_sizes: "MODEL.STUNET.CONV_KERNEL_SIZES",
};

/**
 * Returns the configuration with the keys of the package's network. Throws {@link OtherNetworkError} if they do not give the same network.
 */
export function networkKeys(
  config: Config,
  architecture: EmbeddedArchitecture,
  kwargs: Readonly<Record<string, unknown>>,
): Config {
  let result = config.with("MODEL.ARCHITECTURE", architecture);
  const set = (key: Key, value: unknown) => {
    if (!isPythonValue(value)) throw new OtherNetworkError(`its argument for ${key} is not a value`);
    result = result.with(key, value);
  };
  const keys = architecture === "stunet" ? STUNET : KEYS;
  for (const [name, value] of Object.entries(kwargs)) {
    const key = Object.hasOwn(keys, name) ? keys[name] : undefined;
    if (key === undefined || !readsSetting(architecture, at(key.split("."), 1))) continue;
    set(key, LISTS.has(name) ? [value] : value);
  }
  if (architecture === "hrnet" && isObject(kwargs.cfg)) {
    set("MODEL.HRNET.VARIANT", "custom");
    for (const [name, value] of Object.entries(kwargs.cfg)) {
      const key = Object.hasOwn(HRNET, name) ? HRNET[name] : undefined;
      if (key !== undefined) set(key, value);
    }
  }
  checkSame(
    architecture === "mae" ? maeBuildArguments(result, maeSettings(result, false)) : buildArguments(result),
    kwargs,
  );
  return result;
}

/** Arguments that do not change what the network computes, or that the run's configuration sets. */
const FREE = new Set([
  ...[
    "image_shape",
    "input_shape",
    "img_size",
    "ndim",
    "output_channels",
    "out_channels",
    "num_classes",
    "cfg",
    "head_type",
  ],
  ...["output_channel_info", "head_activations", "explicit_activations", "return_one_tensor", "pretrained"],
  ...["contrast", "contrast_proj_dim", "deep_supervision", "device", "return_just_preds", "masking_type"],
]);

/** Throws {@link OtherNetworkError} if this engine would build a network with other arguments than the package's. */
function checkSame(built: Readonly<Record<string, unknown>>, given: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(built)) {
    if (FREE.has(name) || given[name] === undefined) continue;
    if (JSON.stringify(value) === JSON.stringify(given[name])) continue;
    throw new OtherNetworkError(
      `its network has ${name} ${JSON.stringify(given[name])}, which this engine would build as ${JSON.stringify(value)}`,
    );
  }
}
