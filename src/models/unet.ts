/** U-Net (Ronneberger, Fischer & Brox 2015; in 3D Çiçek et al. 2016). */
import { at } from "../facts/checked-lists.ts";
import { spaceOf } from "../runtime/image-shape.ts";
import type { Scope } from "../runtime/scope.ts";
import type { tf } from "../runtime/tensor.ts";
import { convBlock, upBlock } from "./blocks.ts";
import { blockAt, type EncoderDecoderSettings, encoderDecoder, shrinking } from "./encoder-decoder.ts";

/** What variants of U-Net add. */
export interface UNetAdditions {
  /** Whether squeeze and excitation follows every convolution. */
  readonly squeeze: boolean;
  /** Whether attention gates filter the skip connections. */
  readonly gates: boolean;
}

/** @param images `[batch, (z,) y, x, channel]` */
export function unet(
  scope: Scope,
  images: tf.Tensor,
  settings: EncoderDecoderSettings,
  { squeeze, gates }: UNetAdditions = { squeeze: false, gates: false },
): tf.Tensor {
  const ndim = spaceOf(images).length;
  const block = (level: number) => ({ ...blockAt(settings, level, ndim), squeeze });
  const { convolutions, upsampling: kind } = settings;
  return encoderDecoder(scope, images, settings, {
    down: (layers, x, level) => convBlock(layers, x, block(level), at(convolutions, level)),
    up: (layers, x, bridge, level) => {
      const upsampling = { kind, factors: shrinking(settings, level, ndim) };
      return upBlock(layers, x, bridge, block(level), upsampling, at(convolutions, level), gates);
    },
  });
}
