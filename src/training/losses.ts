/** The losses of restored images (LOSS.TYPE), as TensorFlow.js ops. */
import type { ImageLoss } from "../facts/losses.ts";
import { fourierTransform } from "../runtime/fourier.ts";
import { spaceOf } from "../runtime/image-shape.ts";
import { alongAxis, clippedGradient, inSinglePrecision, withoutGradient } from "../runtime/operators.ts";
import { tf } from "../runtime/tensor.ts";
import { type Comparison, inner, metrics } from "./metrics.ts";

/** The second difference along an axis, with zeros beyond the border: `[size, size]`. */
function secondDifference(size: number): tf.Tensor {
  const weight = (distance: number) => (distance === 0 ? -2 : distance === 1 ? 1 : 0);
  const table = Float32Array.from({ length: size * size }, (_, at) =>
    weight(Math.abs(Math.floor(at / size) - (at % size))),
  );
  return tf.tensor2d(table, [size, size]);
}

/** The mean absolute difference of the images' Laplacians, which show their edges. */
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

/** One minus Pearson's correlation of all values of an image. */
const correlation: Comparison = (prediction, target) => {
  const centered = (x: tf.Tensor) => x.sub(x.mean(inner(x), true));
  const [p, t] = [centered(prediction), centered(target)];
  const sums = (x: tf.Tensor) => x.sum(inner(x));
  const deviations = sums(p.square()).mul(sums(t.square())).add(1e-8).sqrt();
  return tf.scalar(1).sub(sums(p.mul(t)).div(deviations));
};

/** BiaPy lets no more than this much of the spectral losses' gradient through, so that they do not drown the others. */
const SPECTRAL_GRADIENT = 0.1;

/** The first channel: the spectral losses look at no other. */
const firstChannel = (x: tf.Tensor) =>
  x.slice(
    x.shape.map(() => 0),
    [...x.shape.slice(0, -1), 1],
  );

/** The mean magnitude of a difference's spectrum, each frequency weighed by `mask` over space. */
function spectralMean(difference: tf.Tensor, mask: SpectralMask, epsilon: number, half: boolean): tf.Tensor {
  const space = spaceOf(difference);
  const axes = space.map((_, axis) => axis + 1);
  const { real, imaginary } = fourierTransform(difference, axes, half);
  const scale = half ? 1 / Math.sqrt(space.reduce((product, size) => product * size, 1)) : 1;
  const power = real
    .square()
    .add(imaginary.square())
    .mul(scale ** 2);
  const magnitude = power.add(epsilon ** 2).sqrt();
  return magnitude.mul(weights(spaceOf(real), space, mask)).mean(inner(real));
}

/** How far a frequency counts as from zero along an axis of `size` pixels. */
type SpectralMask = (frequency: number, size: number) => number;

/** Each frequency's distance from zero as a share of the largest, `[1, …frequency, 1]`. */
function weights(frequencies: readonly number[], sizes: readonly number[], mask: SpectralMask): tf.Tensor {
  const count = frequencies.reduce((product, size) => product * size, 1);
  const distances = Float64Array.from({ length: count }, (_, at) => {
    let rest = at;
    let squares = 0;
    for (let axis = sizes.length - 1; axis >= 0; axis--) {
      squares += mask(rest % frequencies[axis], sizes[axis]) ** 2;
      rest = Math.floor(rest / frequencies[axis]);
    }
    return Math.sqrt(squares);
  });
  const largest = distances.reduce((most, each) => Math.max(most, each), 0) + 1e-9;
  return tf.tensor(
    Float32Array.from(distances, (each) => each / largest),
    [1, ...frequencies, 1],
  );
}

/** The place of a frequency in a spectrum whose zero is moved to the middle, counted from half the size. */
const fromMiddle: SpectralMask = (frequency, size) => ((frequency + Math.floor(size / 2)) % size) - size / 2;

/** In cycles per pixel. */
const inCycles: SpectralMask = (frequency, size) =>
  (frequency < (size + 1) / 2 ? frequency : frequency - size) / size;

/** Differences of the Fourier spectra, high frequencies counting most. */
const spectral: Comparison = (prediction, target) => {
  const p = clippedGradient(firstChannel(prediction), SPECTRAL_GRADIENT);
  return spectralMean(p.sub(firstChannel(target)), fromMiddle, 1e-6, false);
};

/** As {@link spectral}, of batches that are stretched to -1 to 1 first, by their range and not by its gradient. */
const normalizedSpectral: Comparison = (prediction, target) => {
  const stretched = (x: tf.Tensor) => {
    const [least, largest] = [withoutGradient(x.min()), withoutGradient(x.max())];
    return x.sub(least).div(largest.sub(least).add(1e-9)).mul(2).sub(1);
  };
  const p = stretched(clippedGradient(firstChannel(prediction), SPECTRAL_GRADIENT));
  return spectralMean(p.sub(stretched(firstChannel(target))), inCycles, 1e-9, true);
};

/** By the names that LOSS.TYPE gives them. */
const losses: Readonly<Record<ImageLoss, Comparison>> = {
  MAE: metrics.mae,
  MSE: metrics.mse,
  SSIM: (prediction, target) => tf.scalar(1).sub(metrics.ssim(prediction, target)),
  /** A smooth absolute error (Charbonnier, Blanc-Feraud, Aubert & Barlaud 1994). */
  CHARBONNIER: (prediction, target) =>
    prediction.squaredDifference(target).add(1e-6).sqrt().mean(inner(target)),
  PCC: correlation,
  LAPLACIAN: laplacian,
  FFT: spectral,
  RFFT: normalizedSpectral,
};

const isImageLoss = (name: string): name is ImageLoss => Object.hasOwn(losses, name);

export interface LossTerm {
  readonly name: string;
  readonly weight: number;
}

/** The weighted sum of losses, `[batch]`. */
export function combinedLoss(
  terms: readonly LossTerm[],
  prediction: tf.Tensor,
  target: tf.Tensor,
): tf.Tensor {
  const values = inSinglePrecision(prediction);
  return terms
    .map(({ name, weight }) => {
      if (!isImageLoss(name)) throw new Error(`No loss of images is called ${name}.`);
      return losses[name](values, target).mul(weight);
    })
    .reduce((sum, each) => sum.add(each));
}
