/** U-Net (Ronneberger, Fischer & Brox 2015; in 3D Çiçek et al. 2016). */
import { spaceOf } from "../runtime/image-shape.ts";
import type { Scope } from "../runtime/scope.ts";
import type { tf } from "../runtime/tensor.ts";
import { convBlock, upBlock } from "./blocks.ts";
import { blockAt, type EncoderDecoderSettings, encoderDecoder, shrinking } from "./encoder-decoder.ts";

/** What the variants of U-Net add to it. */
export interface UNetAdditions {
  /** Channels are weighed after every convolution. */
  readonly squeeze: boolean;
  /** The decoder picks what it takes from the encoder. */
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
    down: (at, x, level) => convBlock(at, x, block(level), convolutions[level]),
    up: (at, x, bridge, level) => {
      const factors = shrinking(settings, level, ndim);
      return upBlock(at, x, bridge, block(level), { kind, factors }, convolutions[level], gates);
    },
  });
}
