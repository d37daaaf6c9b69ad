/** The arguments with which BiaPy 3.7.1 builds a configuration's network, and which its checkpoints store. */

import { architectureOf, axesOf, channelsOf, ndimOf, workflowOf } from "../config/basics.ts";
import type { Config } from "../config/config.ts";
import type { TextKey } from "../config/key-names.ts";
import { modelLevels } from "../config/model-levels.ts";
import { hrNetKey, hrNetStages, isCustom, stuNetKey, stuNetStages } from "../config/model-stages.ts";
import { type ImageArchitecture, isImageArchitecture } from "../facts/architectures.ts";
import { at } from "../facts/checked-lists.ts";
import { NAMED_TRANSFORMERS } from "../facts/network-sizes.ts";
import { logitsOf } from "../facts/workflows.ts";
import type { BuildArguments } from "../models/build-arguments.ts";

type Builder = (config: Config) => BuildArguments;

const lower = (config: Config, key: TextKey) => config.text(key).toLowerCase();
const normalization = (config: Config) => lower(config, "MODEL.NORMALIZATION") || "in";

/** Returns the number of channels that a network returns: those of the image, or one for each class (one for two classes). */
export function outputChannels(config: Config): number {
  return workflowOf(config) === "segmentation"
    ? logitsOf(config.number("DATA.N_CLASSES"))
    : channelsOf(config);
}

/** Returns the activations that BiaPy applies to a network's channels; those that begin with `ce_` are part of the loss. */
function activations(config: Config): string[] {
  const all = (name: string) => Array.from({ length: outputChannels(config) }, () => name);
  if (workflowOf(config) !== "segmentation") return all("linear");
  return all(config.number("DATA.N_CLASSES") > 2 ? "ce_softmax" : "ce_sigmoid");
}

/** Returns the arguments of one head for all channels. */
function heads(config: Config): BuildArguments {
  return {
    output_channels: [outputChannels(config)],
    output_channel_info: ["pred0"],
    head_activations: activations(config),
  };
}

/** Returns the patch size without channels: `[z, y, x]` or `[y, x]`. */
const spaceOf = (config: Config) => config.numbers("DATA.PATCH_SIZE").slice(0, -1);

const contrast: BuildArguments = { contrast: false, contrast_proj_dim: 256 };

/** Returns the arguments of the U-Nets. */
function encoderDecoder(config: Config): BuildArguments {
  const { dropout, zDown, yxDown, isotropy, convolutions } = modelLevels(config);
  return {
    image_shape: config.numbers("DATA.PATCH_SIZE"),
    activation: lower(config, "MODEL.ACTIVATION"),
    feature_maps: config.numbers("MODEL.FEATURE_MAPS"),
    drop_values: dropout,
    normalization: normalization(config),
    k_size: config.number("MODEL.KERNEL_SIZE"),
    upsample_layer: lower(config, "MODEL.UPSAMPLE_LAYER"),
    yx_down: yxDown,
    z_down: zDown,
    ...heads(config),
    explicit_activations: false,
    ...contrast,
    separated_decoders: false,
    divide_decoder_feature_maps: false,
    isotropy,
    larger_io: config.flag("MODEL.LARGER_IO"),
    conv_layers: convolutions,
    conv_block_order: config.text("MODEL.CONV_BLOCK_ORDER"),
    return_one_tensor: false,
  };
}

/** Returns the arguments of a U-NeXt: some of U-Net's, and further ones. */
function uNext(config: Config): BuildArguments {
  const {
    activation: _activation,
    drop_values: _dropout,
    normalization: _normalization,
    k_size: _kernel,
    larger_io: _ends,
    conv_block_order: _order,
    conv_layers: _convolutions,
    ...shared
  } = encoderDecoder(config);
  return {
    ...shared,
    cn_layers: modelLevels(config).convolutions,
    stochastic_depth_prob: config.number("MODEL.CONVNEXT_SD_PROB"),
    stem_k_size: config.number("MODEL.CONVNEXT_STEM_K_SIZE"),
  };
}

const uNextV1: Builder = (config) => ({
  ...uNext(config),
  layer_scale: config.number("MODEL.CONVNEXT_LAYER_SCALE"),
});

function hrNet(config: Config): BuildArguments {
  const { yxDown, zDown, modules, blocks, channels } = hrNetStages(config);
  const shape = {
    Z_DOWN: zDown,
    YX_DOWN: yxDown,
    BLOCK_TYPE: config.text(hrNetKey("BLOCK_TYPE")),
    NUM_STAGES: modules.length,
    NUM_MODULES: modules,
    NUM_BRANCHES: channels.map((each) => each.length),
    NUM_BLOCKS: blocks,
    NUM_CHANNELS: channels,
  };
  const names = { VARIANT: config.text(hrNetKey("VARIANT")), HEAD_TYPE: config.text(hrNetKey("HEAD_TYPE")) };
  return {
    image_shape: config.numbers("DATA.PATCH_SIZE"),
    normalization: normalization(config),
    ...heads(config),
    ...contrast,
    head_type: config.text(hrNetKey("HEAD_TYPE")),
    explicit_activations: false,
    activation: lower(config, "MODEL.ACTIVATION"),
    return_one_tensor: false,
    // BiaPy passes the whole group if it describes the stages.
    cfg: isCustom(config, "HRNET") ? { ...names, ...shape } : shape,
  };
}

function stuNet(config: Config): BuildArguments {
  const { depth, dims, pools, kernels } = stuNetStages(config);
  const stages = { depth, dims, pool_op_kernel_sizes: pools, conv_kernel_sizes: kernels };
  return {
    image_shape: config.numbers("DATA.PATCH_SIZE"),
    ...heads(config),
    variant: config.text(stuNetKey("VARIANT")),
    deep_supervision: false,
    explicit_activations: false,
    return_one_tensor: false,
    pretrained: false,
    ...(isCustom(config, "STUNET") ? stages : {}),
  };
}

/**
 * Returns the arguments of a vision transformer. Its head has an output for each pixel of a token; BiaPy's has one for each class
 * (DATA.N_CLASSES).
 */
function vit(config: Config): BuildArguments {
  const space = spaceOf(config);
  const cube = space.every((size) => size === space[0]);
  const named = NAMED_TRANSFORMERS[config.text("MODEL.VIT_MODEL")];
  const token = named?.tokenSize ?? config.number("MODEL.VIT_TOKEN_SIZE");
  return {
    img_size: cube ? at(space, 0) : space,
    patch_size: token,
    in_chans: channelsOf(config),
    ndim: ndimOf(config),
    num_classes: token ** ndimOf(config) * channelsOf(config),
    explicit_activations: false,
    head_activations: activations(config),
    output_channel_info: ["pred0"],
    embed_dim: named?.features ?? config.number("MODEL.VIT_EMBED_DIM"),
    depth: named?.layers ?? config.number("MODEL.VIT_NUM_LAYERS"),
    num_heads: named?.heads ?? config.number("MODEL.VIT_NUM_HEADS"),
    mlp_ratio: named === undefined ? config.number("MODEL.VIT_MLP_RATIO") : 4,
    drop_rate: named === undefined ? (config.numbers("MODEL.DROPOUT_VALUES")[0] ?? 0) : 0,
  };
}

function multiResUNet(config: Config): BuildArguments {
  return {
    input_channels: channelsOf(config),
    ndim: ndimOf(config),
    alpha: 1.67,
    z_down: modelLevels(config).zDown,
    output_channels: [outputChannels(config)],
    explicit_activations: false,
  };
}

function unetr(config: Config): BuildArguments {
  return {
    input_shape: config.numbers("DATA.PATCH_SIZE"),
    patch_size: config.number("MODEL.VIT_TOKEN_SIZE"),
    embed_dim: config.number("MODEL.VIT_EMBED_DIM"),
    depth: config.number("MODEL.VIT_NUM_LAYERS"),
    num_heads: config.number("MODEL.VIT_NUM_HEADS"),
    mlp_ratio: config.number("MODEL.VIT_MLP_RATIO"),
    vit_model: config.text("MODEL.UNETR_VIT_MODEL"),
    num_filters: config.number("MODEL.UNETR_VIT_NUM_FILTERS"),
    ...heads(config),
    explicit_activations: false,
    decoder_activation: lower(config, "MODEL.ACTIVATION"),
    ViT_hidd_mult: config.number("MODEL.UNETR_VIT_HIDD_MULT"),
    normalization: normalization(config),
    dropout: config.numbers("MODEL.DROPOUT_VALUES")[0] ?? 0,
    k_size: config.number("MODEL.KERNEL_SIZE"),
    ...contrast,
    return_one_tensor: false,
  };
}

function edsr(config: Config): BuildArguments {
  return {
    ndim: ndimOf(config),
    num_filters: 64,
    num_of_residual_blocks: 16,
    upsampling_factor: axesOf(config).map(() => 1),
    num_channels: channelsOf(config),
  };
}

/** Returns the arguments that super-resolution networks share. Here they keep the image size. */
function sameSize(config: Config): BuildArguments {
  return { scale: 1, out_channels: outputChannels(config), head_activations: activations(config) };
}

function rcan(config: Config): BuildArguments {
  return {
    ndim: ndimOf(config),
    filters: config.number("MODEL.RCAN_CONV_FILTERS"),
    num_rg: config.number("MODEL.RCAN_RG_BLOCK_NUM"),
    num_rcab: config.number("MODEL.RCAN_RCAB_BLOCK_NUM"),
    reduction: config.number("MODEL.RCAN_REDUCTION_RATIO"),
    num_channels: channelsOf(config),
    upscaling_layer: false,
    ...sameSize(config),
  };
}

function dfcan(config: Config): BuildArguments {
  return {
    ndim: ndimOf(config),
    input_shape: config.numbers("DATA.PATCH_SIZE"),
    n_ResGroup: 4,
    n_RCAB: 4,
    ...sameSize(config),
  };
}

function wdsr(config: Config): BuildArguments {
  return {
    num_filters: 32,
    num_res_blocks: 8,
    res_block_expansion: 6,
    num_channels: channelsOf(config),
    ...sameSize(config),
  };
}

const BUILDERS: Readonly<Record<ImageArchitecture, Builder>> = {
  unet: encoderDecoder,
  attention_unet: encoderDecoder,
  seunet: encoderDecoder,
  resunet: encoderDecoder,
  resunet_se: encoderDecoder,
  "resunet++": encoderDecoder,
  multiresunet: multiResUNet,
  unetr,
  unext_v1: uNextV1,
  unext_v2: uNext,
  hrnet: hrNet,
  stunet: stuNet,
  vit,
  edsr,
  rcan,
  dfcan,
  wdsr,
};

/** Returns the arguments with which BiaPy builds a configuration's network. */
export function buildArguments(config: Config): BuildArguments {
  const architecture = architectureOf(config);
  if (!isImageArchitecture(architecture)) throw new Error(`No network of images is called ${architecture}.`);
  return BUILDERS[architecture](config);
}
