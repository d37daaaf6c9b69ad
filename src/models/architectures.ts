/** The networks that turn an image into one of the same size, by the names that MODEL.ARCHITECTURE gives them. */
import type { tf } from "../runtime/tensor.ts";
import { attentionUNet } from "./attention-unet.ts";
import type { EncoderDecoderSettings } from "./encoder-decoder.ts";
import { multiResUNet } from "./multiresunet.ts";
import { residualUNet } from "./resunet.ts";
import { residualUNetPlusPlus } from "./resunetpp.ts";
import type { Scope } from "./scope.ts";
import { seUNet } from "./seunet.ts";
import { unet } from "./unet.ts";

/** Maps `[batch, (z,) y, x, channel]` to the same shape. */
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
  numbers(name: string): number[] {
    return [this.build[name]].flat().map(Number);
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

const shapedAsU =
  (network: (scope: Scope, images: tf.Tensor, settings: EncoderDecoderSettings) => tf.Tensor): Maker =>
  (build) => {
    const settings = encoderDecoderSettings(build);
    return (scope, images) => network(scope, images, settings);
  };

const MAKERS: Readonly<Record<string, Maker>> = {
  unet: shapedAsU(unet),
  attention_unet: shapedAsU(attentionUNet),
  seunet: shapedAsU(seUNet),
  resunet: shapedAsU(residualUNet),
  resunet_se: shapedAsU((scope, images, settings) => residualUNet(scope, images, settings, true)),
  "resunet++": shapedAsU(residualUNetPlusPlus),
  multiresunet: (build) => {
    const settings = { channels: build.numbers("output_channels")[0], zDown: build.numbers("z_down") };
    return (scope, images) => multiResUNet(scope, images, settings);
  },
};

/** The names of all networks. */
export const architectures = Object.keys(MAKERS);

/** The network that BiaPy builds by these arguments. */
export function imageModel(architecture: string, build: BuildArguments): ImageModel {
  return MAKERS[architecture](new Reader(build));
}
