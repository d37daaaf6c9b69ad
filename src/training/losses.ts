/** Losses of restored images (LOSS.TYPE), as TensorFlow.js ops. */
import { product, zip } from "../facts/checked-lists.ts";
import type { ImageLoss } from "../facts/losses.ts";
import { firstFrequencies, fourierTransform } from "../runtime/fourier.ts";
import { spaceOf } from "../runtime/image-shape.ts";
import { alongAxis, clippedGradient, inSinglePrecision, withoutGradient } from "../runtime/operators.ts";
import { tf } from "../runtime/tensor.ts";
import { type Comparison, inner, metrics } from "./metrics.ts";

/** Weights of a second difference by distance. */
const DIFFERENCE = [-2, 1];

/** Returns the matrix of second differences along an axis, `[size, size]`, with zeros beyond the border. */
function secondDifference(size: number): tf.Tensor {
  const weight = (distance: number) => DIFFERENCE[distance] ?? 0;
  const table = Float32Array.from({ length: size * size }, (_, index) =>
    weight(Math.abs(Math.floor(index / size) - (index % size))),
  );
  return tf.tensor2d(table, [size, size]);
}

/** Mean absolute difference of the images' Laplacians: compares edges. */
const laplacian: Comparison = (prediction, target) => {
  const difference = prediction.sub(target);
  const space = spaceOf(target);
  const edges = space
    .map((size, axis) => alongAxis(difference, axis + 1, secondDifference(size)))
    .reduce((sum, each) => sum.add(each));
  return edges
    .div(4 * space.length)
    .abs()
    .mean(inner(target));
};

/** 1 - Pearson's correlation of all values of an image. */
const correlation: Comparison = (prediction, target) => {
  const centered = (x: tf.Tensor) => x.sub(x.mean(inner(x), true));
  const [p, t] = [centered(prediction), centered(target)];
  const sums = (x: tf.Tensor) => x.sum(inner(x));
  const deviations = sums(p.square()).mul(sums(t.square())).add(1e-8).sqrt();
  return tf.scalar(1).sub(sums(p.mul(t)).div(deviations));
};

/** BiaPy clips the gradient of the spectral losses to this norm, so that they do not dominate the others. */
const SPECTRAL_GRADIENT = 0.1;

/** Returns the first channel, the only one that the spectral losses compare. */
const firstChannel = (x: tf.Tensor) =>
  x.slice(
    x.shape.map(() => 0),
    [...x.shape.slice(0, -1), 1],
  );

/** Returns the mean magnitude of a difference's spectrum, with frequencies weighted by their distance from zero. */
function spectralMean(
  difference: tf.Tensor,
  distance: FrequencyDistance,
  epsilon: number,
  half: boolean,
): tf.Tensor {
  const space = spaceOf(difference);
  const axes = space.map((size, axis) => {
    const isHalf = half && axis === space.length - 1;
    return { axis: axis + 1, frequencies: firstFrequencies(isHalf ? Math.floor(size / 2) + 1 : size) };
  });
  const { real, imaginary } = fourierTransform(difference, axes.toReversed());
  const scale = half ? 1 / Math.sqrt(product(space)) : 1;
  const power = real
    .square()
    .add(imaginary.square())
    .mul(scale ** 2);
  const magnitude = power.add(epsilon ** 2).sqrt();
  return magnitude.mul(frequencyWeights(spaceOf(real), space, distance)).mean(inner(real));
}

/** Returns the distance of a frequency from zero along an axis of `size` pixels. */
type FrequencyDistance = (frequency: number, size: number) => number;

/**
 * Returns the distance of each frequency from zero, divided by the largest: `[1, …frequency, 1]`.
 *
 * @param frequencies number of frequencies along each axis of space
 * @param sizes number of pixels along each axis of space
 */
function frequencyWeights(
  frequencies: readonly number[],
  sizes: readonly number[],
  distance: FrequencyDistance,
): tf.Tensor {
  const axes = zip(frequencies, sizes).reverse();
  const distances = Float64Array.from({ length: product(frequencies) }, (_, index) => {
    let rest = index;
    let squares = 0;
    for (const [count, size] of axes) {
      squares += distance(rest % count, size) ** 2;
      rest = Math.floor(rest / count);
    }
    return Math.sqrt(squares);
  });
  const largest = distances.reduce((most, each) => Math.max(most, each), 0) + 1e-9;
  return tf.tensor(
    Float32Array.from(distances, (each) => each / largest),
    [1, ...frequencies, 1],
  );
}

/** Returns the distance from the center of a spectrum whose zero frequency is shifted there (`fftshift`). */
const fromCenter: FrequencyDistance = (frequency, size) =>
  ((frequency + Math.floor(size / 2)) % size) - size / 2;

/** Returns a frequency in cycles per pixel. */
const inCycles: FrequencyDistance = (frequency, size) =>
  (frequency < (size + 1) / 2 ? frequency : frequency - size) / size;

/** Difference of Fourier spectra, with weights that rise with the frequency. */
const spectral: Comparison = (prediction, target) => {
  const p = clippedGradient(firstChannel(prediction), SPECTRAL_GRADIENT);
  return spectralMean(p.sub(firstChannel(target)), fromCenter, 1e-6, false);
};

/** As {@link spectral}, on batches scaled to [-1, 1]. The range counts as a constant in the gradient. */
const normalizedSpectral: Comparison = (prediction, target) => {
  const scaled = (x: tf.Tensor) => {
    const [least, largest] = [withoutGradient(x.min()), withoutGradient(x.max())];
    return x.sub(least).div(largest.sub(least).add(1e-9)).mul(2).sub(1);
  };
  const p = scaled(clippedGradient(firstChannel(prediction), SPECTRAL_GRADIENT));
  return spectralMean(p.sub(scaled(firstChannel(target))), inCycles, 1e-9, true);
};

/** Losses by their names in LOSS.TYPE. */
const losses: Readonly<Record<ImageLoss, Comparison>> = {
  MAE: metrics.mae,
  MSE: metrics.mse,
  SSIM: (prediction, target) => tf.scalar(1).sub(metrics.ssim(prediction, target)),
  /** Smooth absolute error (Charbonnier, Blanc-Feraud, Aubert & Barlaud 1994). */
  CHARBONNIER: (prediction, target) =>
    prediction.squaredDifference(target).add(1e-6).sqrt().mean(inner(target)),
  PCC: correlation,
  LAPLACIAN: laplacian,
  FFT: spectral,
  RFFT: normalizedSpectral,
};

const isImageLoss = (name: string): name is ImageLoss => Object.hasOwn(losses, name);

/** A loss of LOSS.TYPE, and its weight in the sum (LOSS.WEIGHTS). */
export interface LossTerm {
  readonly name: string;
  readonly weight: number;
}

/** Returns the weighted sum of losses, `[batch]`. */
export function combinedLoss(
  terms: readonly LossTerm[],
  prediction: tf.Tensor,
  target: tf.Tensor,
): tf.Tensor {
  const values = inSinglePrecision(prediction);
  return terms
    .map(({ name, weight }) => {
      if (!isImageLoss(name)) throw new Error(`${name} is not a loss of images.`);
      return losses[name](values, target).mul(weight);
    })
    .reduce((sum, each) => sum.add(each));
}
