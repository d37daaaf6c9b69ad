/** SE U-Net: a U-Net with squeeze and excitation (Hu, Shen & Sun 2018) after each convolution. */
import type { Scope } from "../runtime/scope.ts";
import type { tf } from "../runtime/tensor.ts";
import type { EncoderDecoderSettings } from "./encoder-decoder.ts";
import { unet } from "./unet.ts";

/** @param images `[batch, (z,) y, x, channel]` */
export function seUNet(scope: Scope, images: tf.Tensor, settings: EncoderDecoderSettings): tf.Tensor {
  return unet(scope, images, settings, { squeeze: true, gates: false });
}
