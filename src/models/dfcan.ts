/** DFCAN (Qiao et al. 2021, "Evaluation and development of deep neural networks for image super-resolution in optical microscopy"). */

import { at, atLeast, exactly } from "../facts/checked-lists.ts";
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

/**
 * Returns the amplitudes of the Fourier transform over the first two axes of space (y and x in 2D, z and y in 3D as in BiaPy), to the power
 * of {@link GAMMA}, with low frequencies in the center (`fftshift`). In 3D, BiaPy moves the halves of the third axis in the same way.
 */
function powerSpectrum(x: tf.Tensor): tf.Tensor {
  const [rows, columns, third] = atLeast(spaceOf(x), 2);
  // The amplitudes of opposite frequencies are equal: those of the columns behind the lowest one mirror the others.
  const computed = centered(columns).slice(0, columns - Math.floor(columns / 2) + 1);
  const { real, imaginary } = fourierTransform(inSinglePrecision(x), [
    { axis: 2, frequencies: computed },
    { axis: 1, frequencies: centered(rows) },
  ]);
  // The small constant keeps the square root's gradient finite at zero.
  const amplitude = real.square().add(imaginary.square()).add(1e-20).sqrt();
  // The amplitude is positive, and `pow` takes several times as long.
  const half = amplitude.add(1e-8).log().mul(GAMMA).exp();
  const whole = withOpposites(half, rows, columns - computed.length);
  return third === undefined ? whole : movedToEnd(whole, 3, Math.floor(third / 2));
}

/**
 * Joins amplitudes with those of opposite frequencies.
 *
 * @param half `[batch, row, column, …]`, the lowest frequency in the center of the rows and in the last column
 * @param missing number of columns to add
 */
function withOpposites(half: tf.Tensor, rows: number, missing: number): tf.Tensor {
  if (missing === 0) return half;
  const first = at(half.shape, 2) - 1 - missing;
  const mirrored = half.slice([0, 0, first], [-1, -1, missing]).reverse([1, 2]);
  // An even number of rows begins with a frequency that is its own opposite, an odd one with the opposite of its second.
  const inOrder = movedToEnd(mirrored, 1, (2 * rows - 1 - (rows % 2)) % rows);
  return tf.concat([half, inOrder], 2);
}

/** Returns the frequencies `0 … size - 1` of an axis with the lowest in the center, as `fftshift` orders them. */
function centered(size: number): number[] {
  const half = Math.floor(size / 2);
  return Array.from({ length: size }, (_, index) => (half + index) % size);
}

/** Moves the first `count` elements along an axis behind the others. */
function movedToEnd(x: tf.Tensor, axis: number, count: number): tf.Tensor {
  if (count === 0) return x;
  const [first, others] = exactly(tf.split(x, [count, at(x.shape, axis) - count], axis), 2);
  return tf.concat([others, first], axis);
}

/** Fourier channel attention block: weights channels by their power spectra, with a skip connection. */
function attentionBlock(scope: Scope, x: tf.Tensor): tf.Tensor {
  const first = gelu(sameConv(scope.at("conv_gelu1.0"), x, FILTERS));
  const features = gelu(sameConv(scope.at("conv_gelu2.0"), first, FILTERS));
  const spectrum = powerSpectrum(features);
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
