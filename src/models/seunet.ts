/** SE U-Net: a U-Net whose convolutions weigh their channels by squeeze and excitation (Hu, Shen & Sun 2018). */

import type { Scope } from "../runtime/scope.ts";
import type { tf } from "../runtime/tensor.ts";
import type { EncoderDecoderSettings } from "./encoder-decoder.ts";
import { unet } from "./unet.ts";

/** @param images `[batch, (z,) y, x, channel]` */
export function seUNet(scope: Scope, images: tf.Tensor, settings: EncoderDecoderSettings): tf.Tensor {
  return unet(scope, images, settings, { squeeze: true, gates: false });
}
