/** Builds image-to-image networks by their names in MODEL.ARCHITECTURE. */

import {
  ACTIVATIONS,
  type Activation,
  type ImageArchitecture,
  isImageArchitecture,
} from "../facts/architectures.ts";
import { at, lastOf, oneOf } from "../facts/checked-lists.ts";
import { NAMED_TRANSFORMERS, stuNetVariant, type TransformerSize } from "../facts/network-sizes.ts";
import type { Scope } from "../runtime/scope.ts";
import type { tf } from "../runtime/tensor.ts";
import { attentionUNet } from "./attention-unet.ts";
import { UPSAMPLINGS } from "./blocks.ts";
import { ArgumentReader, type BuildArguments } from "./build-arguments.ts";
import { dfcan } from "./dfcan.ts";
import { edsr } from "./edsr.ts";
import type { EncoderDecoderSettings } from "./encoder-decoder.ts";
import { type HrNetSettings, hrNet } from "./hrnet.ts";
import { multiResUNet } from "./multiresunet.ts";
import { NORMALIZATIONS } from "./normalization-layers.ts";
import { rcan } from "./rcan.ts";
import { residualUNet } from "./resunet.ts";
import { residualUNetPlusPlus } from "./resunetpp.ts";
import { seUNet } from "./seunet.ts";
import { type StuNetSettings, stuNet } from "./stunet.ts";
import { unet } from "./unet.ts";
import { type UnetrSettings, unetr } from "./unetr.ts";
import type { UNextSettings } from "./unext.ts";
import { uNextV1 } from "./unext-v1.ts";
import { uNextV2 } from "./unext-v2.ts";
import { type VitSettings, vit } from "./vit.ts";
import { wdsr } from "./wdsr.ts";

/** Maps images `[batch, (z,) y, x, channel]` to images, possibly with other channels or, for super-resolution, another size. */
export type ImageModel = (scope: Scope, images: tf.Tensor) => tf.Tensor;

/** Returns one flag for each level. A single flag applies to all. */
function perLevel(flags: readonly boolean[], levels: number): readonly boolean[] {
  const [first = false, ...others] = flags;
  return others.length === 0 ? new Array<boolean>(levels).fill(first) : flags;
}

const activationOf = (build: ArgumentReader, name: string): Activation =>
  oneOf(ACTIVATIONS, build.text(name).toLowerCase(), name);

function encoderDecoderSettings(build: ArgumentReader): EncoderDecoderSettings {
  const featureMaps = build.numbers("feature_maps");
  return {
    channels: build.first("output_channels"),
    featureMaps,
    dropout: build.numbers("drop_values"),
    convolutions: build.numbers("conv_layers"),
    normalization: build.choice("normalization", NORMALIZATIONS),
    activation: activationOf(build, "activation"),
    kernel: build.number("k_size"),
    upsampling: build.choice("upsample_layer", UPSAMPLINGS),
    yxDown: build.numbers("yx_down"),
    zDown: build.numbers("z_down"),
    isotropy: perLevel(build.flags("isotropy"), featureMaps.length),
    order: build.choice("conv_block_order", ["conv_norm_act", "norm_act_conv"]),
    largerEnds: build.flags("larger_io")[0] ?? false,
  };
}

/** Makes a network from its build arguments. */
type Maker = (build: ArgumentReader) => ImageModel;

const maker =
  <Settings>(
    network: (scope: Scope, images: tf.Tensor, settings: Settings) => tf.Tensor,
    settingsOf: (build: ArgumentReader) => Settings,
  ): Maker =>
  (build) => {
    const settings = settingsOf(build);
    return (scope, images) => network(scope, images, settings);
  };

const residualUNetWithSqueeze = (scope: Scope, images: tf.Tensor, settings: EncoderDecoderSettings) =>
  residualUNet(scope, images, settings, true);

const MAKERS: Readonly<Record<ImageArchitecture, Maker>> = {
  unet: maker(unet, encoderDecoderSettings),
  attention_unet: maker(attentionUNet, encoderDecoderSettings),
  seunet: maker(seUNet, encoderDecoderSettings),
  resunet: maker(residualUNet, encoderDecoderSettings),
  resunet_se: maker(residualUNetWithSqueeze, encoderDecoderSettings),
  "resunet++": maker(residualUNetPlusPlus, encoderDecoderSettings),
  multiresunet: maker(multiResUNet, (build) => ({
    channels: build.first("output_channels"),
    zDown: build.numbers("z_down"),
  })),
  unetr: maker(unetr, unetrSettings),
  unext_v1: maker(uNextV1, uNextSettings),
  unext_v2: maker(uNextV2, uNextSettings),
  hrnet: maker(hrNet, hrNetSettings),
  stunet: maker(stuNet, stuNetSettings),
  vit: maker(vit, (build) => vitSettings(build.build)),
  rcan: maker(rcan, (build) => ({
    channels: build.number("out_channels"),
    filters: build.number("filters"),
    groups: build.number("num_rg"),
    blocksPerGroup: build.number("num_rcab"),
    reduction: build.number("reduction"),
    scale: build.flags("upscaling_layer")[0] ? build.first("scale") : undefined,
  })),
  edsr: maker(edsr, (build) => ({
    channels: build.number("num_channels"),
    filters: build.number("num_filters"),
    blocks: build.number("num_of_residual_blocks"),
    scale: build.first("upsampling_factor"),
  })),
  wdsr: maker(wdsr, (build) => ({
    channels: build.number("out_channels"),
    filters: build.number("num_filters"),
    blocks: build.number("num_res_blocks"),
    expansion: build.number("res_block_expansion"),
    scale: build.first("scale"),
  })),
  dfcan: maker(dfcan, (build) => ({
    channels: build.number("out_channels"),
    groups: build.number("n_ResGroup"),
    blocksPerGroup: build.number("n_RCAB"),
    scale: build.first("scale"),
  })),
};

/** Reads a transformer's size from separate arguments. */
const customSize = (build: ArgumentReader): TransformerSize => ({
  tokenSize: build.number("patch_size"),
  features: build.number("embed_dim"),
  layers: build.number("depth"),
  heads: build.number("num_heads"),
});

function unetrSettings(build: ArgumentReader): UnetrSettings {
  const size = NAMED_TRANSFORMERS[build.text("vit_model")] ?? customSize(build);
  const { tokenSize, features, layers } = size;
  const shape = build.numbers("input_shape");
  const levels = Math.log2(tokenSize);
  const spacing = build.number("ViT_hidd_mult");
  return {
    patchSize: shape.slice(0, -1),
    channels: lastOf(shape),
    outputs: build.first("output_channels"),
    ...size,
    hidden: Math.trunc(build.number("mlp_ratio") * features),
    filters: build.number("num_filters"),
    layersPerLevel: spacing > 0 ? spacing : Math.max(1, Math.floor(layers / levels)),
    normalization: build.choice("normalization", NORMALIZATIONS),
    activation: activationOf(build, "decoder_activation"),
    kernel: build.number("k_size"),
    dropout: build.number("dropout"),
  };
}

function uNextSettings(build: ArgumentReader): UNextSettings {
  const featureMaps = build.numbers("feature_maps");
  return {
    channels: build.first("output_channels"),
    featureMaps,
    blocks: build.numbers("cn_layers"),
    upsampling: build.choice("upsample_layer", UPSAMPLINGS),
    yxDown: build.numbers("yx_down"),
    zDown: build.numbers("z_down"),
    isotropy: perLevel(build.flags("isotropy"), featureMaps.length),
    stem: build.number("stem_k_size"),
    stochasticDepth: build.number("stochastic_depth_prob"),
    layerScale: build.has("layer_scale") ? build.number("layer_scale") : 0,
  };
}

function hrNetSettings(build: ArgumentReader): HrNetSettings {
  const stages = build.group("cfg");
  const [yxDown, zDown] = [stages.numbers("YX_DOWN"), stages.numbers("Z_DOWN")];
  const is3D = build.numbers("image_shape").length === 4;
  const [channels, blocks] = [stages.rows("NUM_CHANNELS"), stages.rows("NUM_BLOCKS")];
  return {
    channels: build.first("output_channels"),
    normalization: build.choice("normalization", NORMALIZATIONS),
    activation: activationOf(build, "activation"),
    stages: stages.numbers("NUM_MODULES").map((modules, stage) => ({
      down: [...(is3D ? [at(zDown, stage)] : []), at(yxDown, stage), at(yxDown, stage)],
      modules,
      channels: at(channels, stage),
      blocks: at(blocks, stage),
    })),
  };
}

function stuNetSettings(build: ArgumentReader): StuNetSettings {
  const axes = build.numbers("image_shape").length - 1;
  const stages = stuNetVariant(build.text("variant"), axes) ?? {
    dims: build.numbers("dims"),
    depth: build.numbers("depth"),
    pools: build.rows("pool_op_kernel_sizes"),
    kernels: build.rows("conv_kernel_sizes"),
  };
  return { channels: build.first("output_channels"), ...stages };
}

/** Returns a vision transformer's settings from BiaPy's arguments. */
export function vitSettings(given: BuildArguments): VitSettings {
  const build = new ArgumentReader(given);
  const sides = build.numbers("img_size");
  const size = customSize(build);
  return {
    patchSize: sides.length === 1 ? new Array<number>(build.number("ndim")).fill(at(sides, 0)) : sides,
    channels: build.number("in_chans"),
    ...size,
    hidden: Math.trunc(build.number("mlp_ratio") * size.features),
    outputs: build.number("num_classes"),
    dropout: build.number("drop_rate"),
  };
}

/** Returns the network that BiaPy builds from these arguments. */
export function imageModel(architecture: string, build: BuildArguments): ImageModel {
  if (!isImageArchitecture(architecture))
    throw new Error(`${architecture} is not an image-to-image network.`);
  return MAKERS[architecture](new ArgumentReader(build));
}
