/** Metrics of predicted patches, as TensorFlow.js ops. */
import { SSIM, ssimWindow } from "../data/similarity.ts";
import { at, exactly } from "../facts/checked-lists.ts";
import type { ImageMetric } from "../facts/losses.ts";
import { alongAxis, inSinglePrecision } from "../runtime/operators.ts";
import { tf } from "../runtime/tensor.ts";

/** Compares patches `[batch, (z,) y, x, channel]` and returns one number each, `[batch]`. */
export type Comparison = (prediction: tf.Tensor, target: tf.Tensor) => tf.Tensor;

/** Returns all axes except the batch. */
export const inner = (x: tf.Tensor) => Array.from({ length: x.rank - 1 }, (_, axis) => axis + 1);
const rangeOf = (x: tf.Tensor) => x.max(inner(x)).sub(x.min(inner(x)));

const meanSquared: Comparison = (prediction, target) =>
  prediction.squaredDifference(target).mean(inner(target));
const meanAbsolute: Comparison = (prediction, target) => prediction.sub(target).abs().mean(inner(target));

/** Peak signal-to-noise ratio in dB, relative to the target's range. */
const peakSignalToNoise: Comparison = (prediction, target) =>
  rangeOf(target)
    .square()
    .div(meanSquared(prediction, target))
    .log()
    .mul(10 / Math.LN10);

/** Returns weighted sums under SSIM's window at every position along an axis, as a product with a band matrix. */
function windowed(x: tf.Tensor, axis: number): tf.Tensor {
  const size = at(x.shape, axis);
  const window = ssimWindow(size);
  const positions = size - window.length + 1;
  const band = Float32Array.from(
    { length: size * positions },
    (_, index) => window[Math.floor(index / positions) - (index % positions)] ?? 0,
  );
  return alongAxis(x, axis, tf.tensor2d(band, [size, positions]));
}

/** Structural similarity, averaged over slices and channels (see `similarity.ts`). */
const structuralSimilarity: Comparison = (prediction, target) => {
  const [y, x] = [target.rank - 3, target.rank - 2];
  const products = [prediction, target, prediction.square(), target.square(), prediction.mul(target)];
  const blurred = windowed(windowed(tf.concat(products, 0), y), x);
  const [meanP, meanT, squareP, squareT, product] = exactly(tf.split(blurred, 5, 0), 5);
  const range = rangeOf(target).maximum(rangeOf(prediction)).square();
  const constant = (k: number) => range.mul(k ** 2).reshape([-1, ...inner(target).map(() => 1)]);
  const [c1, c2] = [constant(SSIM.k1), constant(SSIM.k2)];
  const both = meanP.mul(meanT);
  const means = meanP.square().add(meanT.square());
  const structure = product.sub(both).mul(2).add(c2).div(squareP.add(squareT).sub(means).add(c2));
  const luminance = both.mul(2).add(c1).div(means.add(c1));
  return luminance.mul(structure).mean(inner(target));
};

/** Metrics by their names in TRAIN.METRICS and TEST.METRICS. */
export const metrics: Readonly<Record<ImageMetric, Comparison>> = {
  mae: meanAbsolute,
  mse: meanSquared,
  psnr: peakSignalToNoise,
  ssim: structuralSimilarity,
};

/** Returns metrics by name, `[batch]` each. */
export function measured(
  names: readonly ImageMetric[],
  prediction: tf.Tensor,
  target: tf.Tensor,
): Record<string, tf.Tensor> {
  const values = inSinglePrecision(prediction);
  return Object.fromEntries(names.map((name) => [name, metrics[name](values, target)]));
}
