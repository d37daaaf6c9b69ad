/** Residual U-Net (Zhang, Liu & Wang 2018, "Road extraction by deep residual U-Net"), also with squeeze and excitation. */
import { at } from "../facts/checked-lists.ts";
import { spaceOf } from "../runtime/image-shape.ts";
import type { Scope } from "../runtime/scope.ts";
import type { tf } from "../runtime/tensor.ts";
import { type ResidualSettings, residualBlock, residualUpBlock } from "./blocks.ts";
import { blockAt, type EncoderDecoderSettings, encoderDecoder, shrinking } from "./encoder-decoder.ts";

/**
 * @param images `[batch, (z,) y, x, channel]`
 * @param squeeze adds squeeze and excitation to every block, which then starts with a convolution before its shortcut
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
    down: (layers, x, level) => residualBlock(layers, x, block(level, level === 0), at(convolutions, level)),
    up: (layers, x, bridge, level) => {
      const upsampling = { kind, factors: shrinking(settings, level, ndim) };
      return residualUpBlock(layers, x, bridge, block(level, false), upsampling, at(convolutions, level));
    },
  });
}
