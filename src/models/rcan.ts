/** RCAN (Zhang et al. 2018, "Image super-resolution using very deep residual channel attention networks", figure 2). */
import type { tf } from "../runtime/tensor.ts";
import { activate, channelsOf, conv, pixelShuffle, spaceOf } from "./layers.ts";
import type { Scope } from "./scope.ts";

export interface RcanSettings {
  readonly channels: number;
  readonly filters: number;
  readonly groups: number;
  readonly blocksPerGroup: number;
  /** How many times fewer channels decide over the attention. */
  readonly reduction: number;
  /** The factor of a final enlargement; absent, the network has none. */
  readonly scale?: number;
}

const same = (scope: Scope, x: tf.Tensor, filters: number, size = 3) =>
  conv(scope, x, { filters, kernel: spaceOf(x).map(() => size), start: "pytorch" });

/** Weighs each channel by what all of them show as a whole. */
function channelAttention(scope: Scope, x: tf.Tensor, reduction: number): tf.Tensor {
  const filters = channelsOf(x);
  const pooled = x.mean(
    spaceOf(x).map((_, axis) => axis + 1),
    true,
  );
  const hidden = activate(same(scope.at("1"), pooled, Math.floor(filters / reduction), 1), "silu");
  return x.mul(same(scope.at("3"), hidden, filters, 1).sigmoid());
}

/** Two convolutions and channel attention, and a way around them. */
function attentionBlock(scope: Scope, x: tf.Tensor, reduction: number): tf.Tensor {
  const filters = channelsOf(x);
  const first = activate(same(scope.at("0"), x, filters), "silu");
  return x.add(channelAttention(scope.at("3.module"), same(scope.at("2"), first, filters), reduction));
}

/** @param images `[batch, (z,) y, x, channel]` */
export function rcan(scope: Scope, images: tf.Tensor, settings: RcanSettings): tf.Tensor {
  const { channels, filters, groups, blocksPerGroup, reduction, scale } = settings;
  const shallow = same(scope.at("sf"), images, filters);
  let x = shallow;
  for (let group = 0; group < groups; group++) {
    const layers = scope.at(`rgs.${group}.module`);
    let y = x;
    for (let block = 0; block < blocksPerGroup; block++)
      y = attentionBlock(layers.at(`${block}.module`), y, reduction);
    x = x.add(same(layers.at(String(blocksPerGroup)), y, filters));
  }
  x = same(scope.at("conv1"), x, filters).add(shallow);
  if (scale !== undefined) x = pixelShuffle(same(scope.at("upscale.0"), x, filters * scale ** 2), scale);
  return same(scope.at("conv2"), x, channels);
}
