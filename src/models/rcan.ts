/** RCAN (Zhang et al. 2018, "Image super-resolution using very deep residual channel attention networks", figure 2). */

import { silu } from "../runtime/activations.ts";
import { channelsOf } from "../runtime/image-shape.ts";
import type { RepeatedLayer, Scope } from "../runtime/scope.ts";
import type { tf } from "../runtime/tensor.ts";
import { channelMeans, sameConv } from "./layers.ts";
import { pixelShuffle } from "./resampling.ts";

export interface RcanSettings {
  /** Channels of the result. */
  readonly channels: number;
  readonly filters: number;
  readonly groups: number;
  readonly blocksPerGroup: number;
  /** Channel reduction inside the attention. */
  readonly reduction: number;
  /** Factor of the final upsampling. Absent: no upsampling. */
  readonly scale?: number;
}

/** Channel attention: weights each channel by the means of all channels. */
function channelAttention(scope: Scope, x: tf.Tensor, reduction: number): tf.Tensor {
  const filters = channelsOf(x);
  const hidden = silu(sameConv(scope.at("1"), channelMeans(x), Math.floor(filters / reduction), 1));
  return x.mul(sameConv(scope.at("3"), hidden, filters, 1).sigmoid());
}

/** RCAB: two convolutions and channel attention, with a skip connection. */
function attentionBlock(scope: Scope, x: tf.Tensor, reduction: number): tf.Tensor {
  const filters = channelsOf(x);
  const first = silu(sameConv(scope.at("0"), x, filters));
  return x.add(channelAttention(scope.at("3.module"), sameConv(scope.at("2"), first, filters), reduction));
}

/** @param images `[batch, (z,) y, x, channel]` */
export function rcan(scope: Scope, images: tf.Tensor, settings: RcanSettings): tf.Tensor {
  const { channels, filters, groups, blocksPerGroup, reduction, scale } = settings;
  const residualGroup: RepeatedLayer = (layers, x) => {
    let y = x;
    for (let block = 0; block < blocksPerGroup; block++)
      y = attentionBlock(layers.at(`${block}.module`), y, reduction);
    return x.add(sameConv(layers.at(String(blocksPerGroup)), y, filters));
  };
  const shallow = sameConv(scope.at("sf"), images, filters);
  let x = shallow;
  for (let group = 0; group < groups; group++) x = scope.repeated(`rgs.${group}.module`, residualGroup, x);
  x = sameConv(scope.at("conv1"), x, filters).add(shallow);
  if (scale !== undefined) x = pixelShuffle(sameConv(scope.at("upscale.0"), x, filters * scale ** 2), scale);
  return sameConv(scope.at("conv2"), x, channels);
}
