/** DFCAN (Qiao et al. 2021, "Evaluation and development of deep neural networks for image super-resolution in optical microscopy"). */

import { gelu } from "../runtime/activations.ts";
import { fourierTransform } from "../runtime/fourier.ts";
import { spaceOf } from "../runtime/image-shape.ts";
import { inSinglePrecision } from "../runtime/operators.ts";
import type { Scope } from "../runtime/scope.ts";
import { tf } from "../runtime/tensor.ts";
import { channelMeans, pixelShuffle, sameConv } from "./layers.ts";

export interface DfcanSettings {
  readonly channels: number;
  readonly groups: number;
  readonly blocksPerGroup: number;
  readonly scale: number;
}

const FILTERS = 64;
const SQUEEZED = 4;
/** The exponent that brings weak high frequencies nearer to strong low ones. */
const GAMMA = 0.8;

/** The amplitude of the Fourier transform over the first two axes of space, which are all of them in 2D. */
function amplitude(x: tf.Tensor): tf.Tensor {
  const { real, imaginary } = fourierTransform(inSinglePrecision(x), [1, 2]);
  // The tiny addition keeps the root's slope finite at zero.
  return real.square().add(imaginary.square()).add(1e-20).sqrt();
}

/** Low frequencies in the middle: each axis of space turned by half its length. */
function centered(x: tf.Tensor): tf.Tensor {
  return spaceOf(x).reduce((current, size, space) => {
    const half = Math.floor(size / 2);
    const [low, high] = tf.split(current, [half, size - half], space + 1);
    return tf.concat([high, low], space + 1);
  }, x);
}

/** Fourier channel attention: channels are weighed by the power spectrum that they show. */
function attentionBlock(scope: Scope, x: tf.Tensor): tf.Tensor {
  const first = gelu(sameConv(scope.at("conv_gelu1.0"), x, FILTERS));
  const features = gelu(sameConv(scope.at("conv_gelu2.0"), first, FILTERS));
  const spectrum = centered(amplitude(features).add(1e-8).pow(GAMMA));
  const seen = sameConv(scope.at("conv_relu1.0"), spectrum, FILTERS).relu();
  const squeezed = sameConv(scope.at("conv_relu2.0"), channelMeans(seen), SQUEEZED, 1).relu();
  const weights = sameConv(scope.at("conv_sigmoid.0"), squeezed, FILTERS, 1).sigmoid();
  return x.add(features.mul(weights));
}

/** @param images `[batch, (z,) y, x, channel]` */
export function dfcan(
  scope: Scope,
  images: tf.Tensor,
  { channels, groups, blocksPerGroup, scale }: DfcanSettings,
): tf.Tensor {
  let x = gelu(sameConv(scope.at("input.0"), images, FILTERS));
  for (let group = 0; group < groups; group++) {
    let y = x;
    for (let block = 0; block < blocksPerGroup; block++)
      y = attentionBlock(scope.at(`RGs.${group}.RCABs.${block}`), y);
    x = x.add(y);
  }
  x = pixelShuffle(gelu(sameConv(scope.at("conv_gelu.0"), x, FILTERS * scale ** 2)), scale);
  return sameConv(scope.at("conv_out"), x, channels);
}
