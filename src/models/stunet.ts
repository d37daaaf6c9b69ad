/** STU-Net (Huang et al. 2023, "STU-Net: Scalable and transferable medical image segmentation models", figure 2). */
import { at } from "../facts/checked-lists.ts";
import type { StuNetStages } from "../facts/network-sizes.ts";
import { channelsOf, spaceOf } from "../runtime/image-shape.ts";
import { FEATURES, type Scope } from "../runtime/scope.ts";
import { tf } from "../runtime/tensor.ts";
import { head } from "./encoder-decoder.ts";
import { conv } from "./layers.ts";
import { instanceNorm } from "./normalization-layers.ts";
import { upsampleNearest } from "./resampling.ts";

export interface StuNetSettings extends StuNetStages {
  /** Channels of the result. */
  readonly channels: number;
}

/**
 * Two convolutions with a skip connection.
 *
 * @param project whether the skip connection is a 1 x 1 convolution, for a change of size or channels
 */
function residualBlock(
  scope: Scope,
  x: tf.Tensor,
  filters: number,
  kernel: readonly number[],
  project = false,
  stride: readonly number[] = kernel.map(() => 1),
): tf.Tensor {
  const padding = kernel.map((size) => Math.floor(size / 2));
  const first = conv(scope.at("conv1"), x, { filters, kernel, stride, padding });
  const activated = instanceNorm(scope.at("norm1"), first).leakyRelu(0.01);
  const second = conv(scope.at("conv2"), activated, { filters, kernel, padding });
  const pixel = kernel.map(() => 1);
  const around = project
    ? conv(scope.at("conv3"), x, { filters, kernel: pixel, stride, padding: kernel.map(() => 0) })
    : x;
  return instanceNorm(scope.at("norm2"), second).add(around).leakyRelu(0.01);
}

/** The blocks of a stage. The first changes size and channels. */
function stage(
  scope: Scope,
  x: tf.Tensor,
  { dims, depth, kernels }: StuNetSettings,
  index: number,
  stride?: readonly number[],
): tf.Tensor {
  const [filters, kernel] = [at(dims, index), at(kernels, index)];
  let y = residualBlock(scope.at("0"), x, filters, kernel, true, stride);
  for (let block = 1; block < at(depth, index); block++)
    y = residualBlock(scope.at(String(block)), y, filters, kernel);
  return y;
}

/** @param images `[batch, (z,) y, x, channel]` */
export function stuNet(scope: Scope, images: tf.Tensor, settings: StuNetSettings): tf.Tensor {
  const { channels, dims, pools } = settings;
  const pixel = spaceOf(images).map(() => 1);
  let x = stage(scope.at("conv_blocks_context.0"), images, settings, 0);
  const bridges = [x];
  for (const [above, factors] of pools.entries()) {
    x = stage(scope.at(`conv_blocks_context.${above + 1}`), x, settings, above + 1, factors);
    bridges.push(x);
  }
  scope.mark(FEATURES, x);
  for (let level = pools.length - 1; level >= 0; level--) {
    const place = pools.length - 1 - level;
    // Before the upsampling, which repeats pixels: the result is the same with fewer products.
    const narrow = conv(scope.at(`upsample_layers.${place}.conv`), x, {
      filters: at(dims, level),
      kernel: pixel,
    });
    const up = upsampleNearest(narrow, at(pools, level));
    const joined = tf.concat([up, at(bridges, level)], -1);
    x = stage(scope.at(`conv_blocks_localization.${place}`), joined, settings, level);
  }
  x = conv(scope.at("seg_outputs.0"), x, { filters: channels, kernel: pixel });
  return head(scope, x, channelsOf(x));
}
