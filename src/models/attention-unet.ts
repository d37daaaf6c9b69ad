/** Attention U-Net (Oktay et al. 2018): a U-Net with attention gates in its skip connections. */
import type { Scope } from "../runtime/scope.ts";
import type { tf } from "../runtime/tensor.ts";
import type { EncoderDecoderSettings } from "./encoder-decoder.ts";
import { unet } from "./unet.ts";

/** @param images `[batch, (z,) y, x, channel]` */
export function attentionUNet(scope: Scope, images: tf.Tensor, settings: EncoderDecoderSettings): tf.Tensor {
  return unet(scope, images, settings, { squeeze: false, gates: true });
}
