/** Metrics of batches of predicted patches, as TensorFlow.js ops. */
import { SSIM, ssimWindow } from "../data/similarity.ts";
import type { ImageMetric } from "../facts/losses.ts";
import { alongAxis, inSinglePrecision } from "../runtime/operators.ts";
import { tf } from "../runtime/tensor.ts";

/** Compares patches `[batch, (z,) y, x, channel]`: a number for each, `[batch]`. */
export type Comparison = (prediction: tf.Tensor, target: tf.Tensor) => tf.Tensor;

/** All axes but the batch. */
export const inner = (x: tf.Tensor) => Array.from({ length: x.rank - 1 }, (_, axis) => axis + 1);
const rangeOf = (x: tf.Tensor) => x.max(inner(x)).sub(x.min(inner(x)));

const meanSquared: Comparison = (prediction, target) =>
  prediction.squaredDifference(target).mean(inner(target));
const meanAbsolute: Comparison = (prediction, target) => prediction.sub(target).abs().mean(inner(target));

/** Peak signal to noise ratio in dB, against the target's own range. */
const peakSignalToNoise: Comparison = (prediction, target) =>
  rangeOf(target)
    .square()
    .div(meanSquared(prediction, target))
    .log()
    .mul(10 / Math.LN10);

/** Sums under the window wherever it fits, along one axis: a product with a band matrix. */
function windowed(x: tf.Tensor, axis: number): tf.Tensor {
  const size = x.shape[axis];
  const window = ssimWindow(size);
  const places = size - window.length + 1;
  const band = tf.tensor2d(
    Float32Array.from(
      { length: size * places },
      (_, at) => window[Math.floor(at / places) - (at % places)] ?? 0,
    ),
    [size, places],
  );
  return alongAxis(x, axis, band);
}

/** Structural similarity of each slice and channel, averaged (see `similarity.ts`). */
const structuralSimilarity: Comparison = (prediction, target) => {
  const [y, x] = [target.rank - 3, target.rank - 2];
  const products = [prediction, target, prediction.square(), target.square(), prediction.mul(target)];
  const blurred = windowed(windowed(tf.concat(products, 0), y), x);
  const [meanP, meanT, squareP, squareT, product] = tf.split(blurred, products.length, 0);
  const range = rangeOf(target).maximum(rangeOf(prediction)).square();
  const constant = (k: number) => range.mul(k ** 2).reshape([-1, ...inner(target).map(() => 1)]);
  const [c1, c2] = [constant(SSIM.k1), constant(SSIM.k2)];
  const both = meanP.mul(meanT);
  const means = meanP.square().add(meanT.square());
  const structure = product.sub(both).mul(2).add(c2).div(squareP.add(squareT).sub(means).add(c2));
  const luminance = both.mul(2).add(c1).div(means.add(c1));
  return luminance.mul(structure).mean(inner(target));
};

/** Metrics by the names that TRAIN.METRICS and TEST.METRICS give them. */
export const metrics: Readonly<Record<ImageMetric, Comparison>> = {
  mae: meanAbsolute,
  mse: meanSquared,
  psnr: peakSignalToNoise,
  ssim: structuralSimilarity,
};

/** The metrics of these names, `[batch]` each. */
export function measured(
  names: readonly ImageMetric[],
  prediction: tf.Tensor,
  target: tf.Tensor,
): Record<string, tf.Tensor> {
  const values = inSinglePrecision(prediction);
  return Object.fromEntries(names.map((name) => [name, metrics[name](values, target)]));
}
