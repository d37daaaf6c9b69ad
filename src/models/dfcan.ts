/** DFCAN (Qiao et al. 2021, "Evaluation and development of deep neural networks for image super-resolution in optical microscopy"). */

import { exactly } from "../facts/checked-lists.ts";
import { gelu } from "../runtime/activations.ts";
import { fourierTransform } from "../runtime/fourier.ts";
import { spaceOf } from "../runtime/image-shape.ts";
import { inSinglePrecision } from "../runtime/operators.ts";
import type { Scope } from "../runtime/scope.ts";
import { tf } from "../runtime/tensor.ts";
import { channelMeans, sameConv } from "./layers.ts";
import { pixelShuffle } from "./resampling.ts";

export interface DfcanSettings {
  readonly channels: number;
  readonly groups: number;
  readonly blocksPerGroup: number;
  readonly scale: number;
}

const FILTERS = 64;
const SQUEEZED = 4;
/** Exponent of the amplitudes, which reduces the range between low and high frequencies. */
const GAMMA = 0.8;

/** Returns the amplitude of the Fourier transform over the first two axes of space: y and x in 2D, z and y in 3D as in BiaPy. */
function amplitude(x: tf.Tensor): tf.Tensor {
  const { real, imaginary } = fourierTransform(inSinglePrecision(x), [1, 2]);
  // The small constant keeps the square root's gradient finite at zero.
  return real.square().add(imaginary.square()).add(1e-20).sqrt();
}

/** Shifts low frequencies to the center (`fftshift`). */
function centered(x: tf.Tensor): tf.Tensor {
  return spaceOf(x).reduce((current, size, space) => {
    const half = Math.floor(size / 2);
    const [low, high] = exactly(tf.split(current, [half, size - half], space + 1), 2);
    return tf.concat([high, low], space + 1);
  }, x);
}

/** Fourier channel attention block: weights channels by their power spectra, with a skip connection. */
function attentionBlock(scope: Scope, x: tf.Tensor): tf.Tensor {
  const first = gelu(sameConv(scope.at("conv_gelu1.0"), x, FILTERS));
  const features = gelu(sameConv(scope.at("conv_gelu2.0"), first, FILTERS));
  const spectrum = centered(amplitude(features).add(1e-8).pow(GAMMA));
  const filtered = sameConv(scope.at("conv_relu1.0"), spectrum, FILTERS).relu();
  const squeezed = sameConv(scope.at("conv_relu2.0"), channelMeans(filtered), SQUEEZED, 1).relu();
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
