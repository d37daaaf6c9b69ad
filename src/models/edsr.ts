/** EDSR (Lim et al. 2017, "Enhanced deep residual networks for single image super-resolution", figure 3), with BiaPy's order of layers. */
import type { Scope } from "../runtime/scope.ts";
import type { tf } from "../runtime/tensor.ts";
import { sameConv } from "./layers.ts";
import { pixelShuffle } from "./resampling.ts";

export interface EdsrSettings {
  /** Channels of the result. */
  readonly channels: number;
  readonly filters: number;
  readonly blocks: number;
  /** Upsampling factor. */
  readonly scale: number;
}

/** @param images `[batch, y, x, channel]` */
export function edsr(
  scope: Scope,
  images: tf.Tensor,
  { channels, filters, blocks, scale }: EdsrSettings,
): tf.Tensor {
  const shallow = sameConv(scope.at("first_conv_of_block"), images, filters);
  let x = shallow;
  for (let block = 0; block < blocks; block++) {
    const layers = scope.at(`resblock.${block}`);
    x = sameConv(layers.at("conv2"), sameConv(layers.at("conv1"), x, filters), filters).add(x);
  }
  // In the paper the last convolution follows the blocks. In BiaPy, and so in its checkpoints, it is parallel to them.
  x = x.add(sameConv(scope.at("last_conv_of_block"), shallow, filters));
  // A factor of 4 is two steps of 2.
  const step = scale === 4 ? 2 : scale;
  x = pixelShuffle(sameConv(scope.at("heads.0.conv1"), x, filters * step ** 2), step);
  if (scale === 4) x = pixelShuffle(sameConv(scope.at("heads.0.conv2"), x, filters * step ** 2), step);
  return sameConv(scope.at("heads.1"), x, channels);
}
