/** Builds the networks that make an image of an image, by the names that MODEL.ARCHITECTURE gives them. */
import { type ImageArchitecture, isImageArchitecture } from "../facts/architectures.ts";
import { NAMED_TRANSFORMERS, stuNetVariant, type TransformerSize } from "../facts/network-sizes.ts";

import type { Scope } from "../runtime/scope.ts";
import type { tf } from "../runtime/tensor.ts";
import { attentionUNet } from "./attention-unet.ts";
import { dfcan } from "./dfcan.ts";
import { edsr } from "./edsr.ts";
import type { EncoderDecoderSettings } from "./encoder-decoder.ts";
import { type HrNetSettings, hrNet } from "./hrnet.ts";
import { multiResUNet } from "./multiresunet.ts";
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

/** Maps `[batch, (z,) y, x, channel]` to the same shape, or to other channels where a workflow has its own. */
export type ImageModel = (scope: Scope, images: tf.Tensor) => tf.Tensor;

export type BuildValue =
  | string
  | number
  | boolean
  | readonly BuildValue[]
  | { readonly [name: string]: BuildValue };

/** The arguments that BiaPy builds a network by, as its checkpoints keep them. */
export type BuildArguments = Readonly<Record<string, BuildValue>>;

class Reader {
  constructor(readonly build: BuildArguments) {}
  has(name: string): boolean {
    return this.build[name] !== undefined;
  }
  number(name: string): number {
    return Number(this.build[name]);
  }
  text<T extends string>(name: string): T {
    return String(this.build[name]) as T;
  }
  /** Of a list, or of a tuple as text: `(256, 256, 1)`. */
  numbers(name: string): number[] {
    const value = this.build[name];
    if (typeof value === "string") return (value.match(/[\d.]+/g) ?? []).map(Number);
    return [value].flat().map(Number);
  }
  flags(name: string): boolean[] {
    return [this.build[name]].flat().map((each) => each === true);
  }
  /** Of a list of lists. */
  rows(name: string): number[][] {
    const value = this.build[name];
    return Array.isArray(value) ? value.map((row) => [row].flat().map(Number)) : [];
  }
  /** Arguments that are grouped under one. */
  group(name: string): Reader {
    const value = this.build[name];
    const isGroup = typeof value === "object" && !Array.isArray(value);
    return new Reader(isGroup ? (value as BuildArguments) : {});
  }
}

/** Flags of levels: one for all, or one for each. */
function perLevel(flags: readonly boolean[], levels: number): readonly boolean[] {
  return flags.length === 1 ? Array.from({ length: levels }, () => flags[0]) : flags;
}

function encoderDecoderSettings(build: Reader): EncoderDecoderSettings {
  const featureMaps = build.numbers("feature_maps");
  return {
    channels: build.numbers("output_channels")[0],
    featureMaps,
    dropout: build.numbers("drop_values"),
    convolutions: build.numbers("conv_layers"),
    normalization: build.text("normalization"),
    activation: build.text<string>("activation").toLowerCase(),
    kernel: build.number("k_size"),
    upsampling: build.text("upsample_layer"),
    yxDown: build.numbers("yx_down"),
    zDown: build.numbers("z_down"),
    isotropy: perLevel(build.flags("isotropy"), featureMaps.length),
    order: build.text("conv_block_order"),
    largerEnds: build.flags("larger_io")[0],
  };
}

type Maker = (build: Reader) => ImageModel;

const made =
  <Settings>(
    network: (scope: Scope, images: tf.Tensor, settings: Settings) => tf.Tensor,
    settingsOf: (build: Reader) => Settings,
  ): Maker =>
  (build) => {
    const settings = settingsOf(build);
    return (scope, images) => network(scope, images, settings);
  };

const residualUNetWithSqueeze = (scope: Scope, images: tf.Tensor, settings: EncoderDecoderSettings) =>
  residualUNet(scope, images, settings, true);

const MAKERS: Readonly<Record<ImageArchitecture, Maker>> = {
  unet: made(unet, encoderDecoderSettings),
  attention_unet: made(attentionUNet, encoderDecoderSettings),
  seunet: made(seUNet, encoderDecoderSettings),
  resunet: made(residualUNet, encoderDecoderSettings),
  resunet_se: made(residualUNetWithSqueeze, encoderDecoderSettings),
  "resunet++": made(residualUNetPlusPlus, encoderDecoderSettings),
  multiresunet: made(multiResUNet, (build) => ({
    channels: build.numbers("output_channels")[0],
    zDown: build.numbers("z_down"),
  })),
  unetr: made(unetr, unetrSettings),
  unext_v1: made(uNextV1, uNextSettings),
  unext_v2: made(uNextV2, uNextSettings),
  hrnet: made(hrNet, hrNetSettings),
  stunet: made(stuNet, stuNetSettings),
  vit: made(vit, (build) => vitSettings(build.build)),
  rcan: made(rcan, (build) => ({
    channels: build.number("out_channels"),
    filters: build.number("filters"),
    groups: build.number("num_rg"),
    blocksPerGroup: build.number("num_rcab"),
    reduction: build.number("reduction"),
    scale: build.flags("upscaling_layer")[0] ? build.numbers("scale")[0] : undefined,
  })),
  edsr: made(edsr, (build) => ({
    channels: build.number("num_channels"),
    filters: build.number("num_filters"),
    blocks: build.number("num_of_residual_blocks"),
    scale: build.numbers("upsampling_factor")[0],
  })),
  wdsr: made(wdsr, (build) => ({
    channels: build.number("out_channels"),
    filters: build.number("num_filters"),
    blocks: build.number("num_res_blocks"),
    expansion: build.number("res_block_expansion"),
    scale: build.numbers("scale")[0],
  })),
  dfcan: made(dfcan, (build) => ({
    channels: build.number("out_channels"),
    groups: build.number("n_ResGroup"),
    blocksPerGroup: build.number("n_RCAB"),
    scale: build.numbers("scale")[0],
  })),
};

/** A transformer's size as its arguments say it one by one. */
const customSize = (build: Reader): TransformerSize => ({
  tokenSize: build.number("patch_size"),
  features: build.number("embed_dim"),
  layers: build.number("depth"),
  heads: build.number("num_heads"),
});

function unetrSettings(build: Reader): UnetrSettings {
  const size = NAMED_TRANSFORMERS[build.text("vit_model")] ?? customSize(build);
  const { tokenSize, features, layers } = size;
  const shape = build.numbers("input_shape");
  const levels = Math.log2(tokenSize);
  const spacing = build.number("ViT_hidd_mult");
  return {
    patchSize: shape.slice(0, -1),
    channels: shape[shape.length - 1],
    outputs: build.numbers("output_channels")[0],
    ...size,
    hidden: Math.trunc(build.number("mlp_ratio") * features),
    filters: build.number("num_filters"),
    layersPerLevel: spacing > 0 ? spacing : Math.max(1, Math.floor(layers / levels)),
    normalization: build.text("normalization"),
    activation: build.text<string>("decoder_activation").toLowerCase(),
    kernel: build.number("k_size"),
    dropout: build.number("dropout"),
  };
}

function uNextSettings(build: Reader): UNextSettings {
  const featureMaps = build.numbers("feature_maps");
  return {
    channels: build.numbers("output_channels")[0],
    featureMaps,
    blocks: build.numbers("cn_layers"),
    upsampling: build.text("upsample_layer"),
    yxDown: build.numbers("yx_down"),
    zDown: build.numbers("z_down"),
    isotropy: perLevel(build.flags("isotropy"), featureMaps.length),
    stem: build.number("stem_k_size"),
    stochasticDepth: build.number("stochastic_depth_prob"),
    layerScale: build.has("layer_scale") ? build.number("layer_scale") : 0,
  };
}

function hrNetSettings(build: Reader): HrNetSettings {
  const stages = build.group("cfg");
  const [yxDown, zDown] = [stages.numbers("YX_DOWN"), stages.numbers("Z_DOWN")];
  const three = build.numbers("image_shape").length === 4;
  const [channels, blocks] = [stages.rows("NUM_CHANNELS"), stages.rows("NUM_BLOCKS")];
  return {
    channels: build.numbers("output_channels")[0],
    normalization: build.text("normalization"),
    activation: build.text<string>("activation").toLowerCase(),
    stages: stages.numbers("NUM_MODULES").map((modules, stage) => ({
      down: [...(three ? [zDown[stage]] : []), yxDown[stage], yxDown[stage]],
      modules,
      channels: channels[stage],
      blocks: blocks[stage],
    })),
  };
}

function stuNetSettings(build: Reader): StuNetSettings {
  const axes = build.numbers("image_shape").length - 1;
  const stages = stuNetVariant(build.text("variant"), axes) ?? {
    dims: build.numbers("dims"),
    depth: build.numbers("depth"),
    pools: build.rows("pool_op_kernel_sizes"),
    kernels: build.rows("conv_kernel_sizes"),
  };
  return { channels: build.numbers("output_channels")[0], ...stages };
}

/** A vision transformer's settings by BiaPy's arguments. */
export function vitSettings(given: BuildArguments): VitSettings {
  const build = new Reader(given);
  const side = build.numbers("img_size");
  const size = customSize(build);
  return {
    patchSize: side.length === 1 ? Array.from({ length: build.number("ndim") }, () => side[0]) : side,
    channels: build.number("in_chans"),
    ...size,
    hidden: Math.trunc(build.number("mlp_ratio") * size.features),
    outputs: build.number("num_classes"),
    dropout: build.number("drop_rate"),
  };
}

/** The network that BiaPy builds by these arguments. */
export function imageModel(architecture: string, build: BuildArguments): ImageModel {
  if (!isImageArchitecture(architecture)) throw new Error(`No network of images is called ${architecture}.`);
  return MAKERS[architecture](new Reader(build));
}
