/** Residual U-Net (Zhang, Liu & Wang 2018, "Road extraction by deep residual U-Net"), and with squeeze and excitation. */
import { spaceOf } from "../runtime/image-shape.ts";
import type { Scope } from "../runtime/scope.ts";
import type { tf } from "../runtime/tensor.ts";
import { type ResidualSettings, residualBlock, residualUpBlock } from "./blocks.ts";
import { blockAt, type EncoderDecoderSettings, encoderDecoder, shrinking } from "./encoder-decoder.ts";

/**
 * @param images `[batch, (z,) y, x, channel]`
 * @param squeeze weigh the channels of every block, which then starts with a convolution outside its shortcut
 */
export function residualUNet(
  scope: Scope,
  images: tf.Tensor,
  settings: EncoderDecoderSettings,
  squeeze = false,
): tf.Tensor {
  const ndim = spaceOf(images).length;
  const { convolutions, upsampling: kind } = settings;
  const block = (level: number, first: boolean): ResidualSettings => ({
    ...blockAt(settings, level, ndim),
    shortcutKernel: Array.from({ length: ndim }, () => 1),
    shortcutNormalization: "none",
    first,
    squeeze,
    before: squeeze,
  });
  return encoderDecoder(scope, images, settings, {
    down: (at, x, level) => residualBlock(at, x, block(level, level === 0), convolutions[level]),
    up: (at, x, bridge, level) => {
      const factors = shrinking(settings, level, ndim);
      return residualUpBlock(at, x, bridge, block(level, false), { kind, factors }, convolutions[level]);
    },
  });
}
