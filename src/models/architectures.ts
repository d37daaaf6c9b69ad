/** The networks that turn an image into one of the same size, by the names that MODEL.ARCHITECTURE gives them. */

import type { Scope } from "../runtime/scope.ts";
import type { tf } from "../runtime/tensor.ts";
import { attentionUNet } from "./attention-unet.ts";
import { dfcan } from "./dfcan.ts";
import { edsr } from "./edsr.ts";
import type { EncoderDecoderSettings } from "./encoder-decoder.ts";
import { multiResUNet } from "./multiresunet.ts";
import { rcan } from "./rcan.ts";
import { residualUNet } from "./resunet.ts";
import { residualUNetPlusPlus } from "./resunetpp.ts";
import { seUNet } from "./seunet.ts";
import { unet } from "./unet.ts";
import { type UnetrSettings, unetr } from "./unetr.ts";
import { wdsr } from "./wdsr.ts";

/** Maps `[batch, (z,) y, x, channel]` to the same shape, or to other channels where a workflow has its own. */
export type ImageModel = (scope: Scope, images: tf.Tensor) => tf.Tensor;

export type BuildValue = string | number | boolean | readonly (string | number | boolean)[];

/** The arguments that BiaPy builds a network by, as its checkpoints keep them. */
export type BuildArguments = Readonly<Record<string, BuildValue>>;

class Reader {
  constructor(private readonly build: BuildArguments) {}
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
}

function encoderDecoderSettings(build: Reader): EncoderDecoderSettings {
  const featureMaps = build.numbers("feature_maps");
  const isotropy = build.flags("isotropy");
  return {
    channels: build.numbers("output_channels")[0],
    featureMaps,
    dropout: build.numbers("drop_values"),
    convolutions: build.numbers("conv_layers"),
    normalisation: build.text("normalization"),
    activation: build.text<string>("activation").toLowerCase(),
    kernel: build.number("k_size"),
    upsampling: build.text("upsample_layer"),
    yxDown: build.numbers("yx_down"),
    zDown: build.numbers("z_down"),
    isotropy: isotropy.length === 1 ? featureMaps.map(() => isotropy[0]) : isotropy,
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

const MAKERS: Readonly<Record<string, Maker>> = {
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

/** A transformer's size by the names that MODEL.UNETR_VIT_MODEL gives them (Dosovitskiy et al. 2021, table 1). */
const TRANSFORMERS: Readonly<
  Record<string, readonly [token: number, features: number, layers: number, heads: number]>
> = {
  vit_base_patch16: [16, 768, 12, 12],
  vit_large_patch16: [16, 1024, 24, 16],
  vit_huge_patch14: [14, 1280, 32, 16],
};

function unetrSettings(build: Reader): UnetrSettings {
  const named = TRANSFORMERS[build.text("vit_model")];
  const [tokenSize, features, layers, heads] =
    named ?? ["patch_size", "embed_dim", "depth", "num_heads"].map((name) => build.number(name));
  const shape = build.numbers("input_shape");
  const levels = Math.log2(tokenSize);
  const spacing = build.number("ViT_hidd_mult");
  return {
    patchSize: shape.slice(0, -1),
    channels: shape[shape.length - 1],
    outputs: build.numbers("output_channels")[0],
    tokenSize,
    features,
    layers,
    heads,
    hidden: Math.trunc(build.number("mlp_ratio") * features),
    filters: build.number("num_filters"),
    layersPerLevel: spacing > 0 ? spacing : Math.max(1, Math.floor(layers / levels)),
    normalisation: build.text("normalization"),
    activation: build.text<string>("decoder_activation").toLowerCase(),
    kernel: build.number("k_size"),
    dropout: build.number("dropout"),
  };
}

/** The network that BiaPy builds by these arguments. */
export function imageModel(architecture: string, build: BuildArguments): ImageModel {
  return MAKERS[architecture](new Reader(build));
}
