/** Similarity of two images: the metrics that BiaPy reports for restored images. */

import type { Metrics } from "../facts/run-events.ts";
import type { ImageShape } from "../images/image.ts";
import { gaussian } from "./gaussian.ts";

/** The window of structural similarity (Wang, Bovik, Sheikh & Simoncelli 2004): a Gaussian of 11 pixels, sigma 1.5. */
export const SSIM = { taps: 11, sigma: 1.5, k1: 0.01, k2: 0.03 } as const;

/** Returns the normalized window, shortened to an odd number of taps for smaller images. */
export function ssimWindow(size: number): number[] {
  const taps = Math.max(1, Math.min(SSIM.taps, size % 2 === 1 ? size : size - 1));
  return gaussian(SSIM.sigma, (taps - 1) / 2);
}

/**
 * Returns `mse`, `mae`, `psnr` (dB, against the target's range) and `ssim` (mean over slices and channels, against the larger of both
 * ranges) of whole images `[z, y, x, channel]`.
 */
export function similarity(prediction: Float32Array, target: Float32Array, shape: ImageShape): Metrics {
  const errors = new ErrorSums();
  errors.add(prediction, target);
  const range = Math.max(rangeOf(target), rangeOf(prediction));
  return { ...errors.metrics, ssim: structuralSimilarity(prediction, target, shape, range) };
}

/** Accumulates `mse`, `mae` and `psnr` (dB, against the target's range) of an image part by part. */
export class ErrorSums {
  private squares = 0;
  private absolute = 0;
  private count = 0;
  private least = Infinity;
  private largest = -Infinity;

  /** @param weights weight of each value, from 0 to 1 (default: 1) */
  add(prediction: Float32Array, target: Float32Array, weights?: Float32Array): void {
    let [squares, absolute, count, least, largest] = [0, 0, 0, this.least, this.largest];
    for (let at = 0; at < target.length; at++) {
      const value = target[at] ?? 0;
      if (value < least) least = value;
      if (value > largest) largest = value;
      const weight = weights === undefined ? 1 : (weights[at] ?? 0);
      const difference = value - (prediction[at] ?? 0);
      squares += weight * difference * difference;
      absolute += weight * Math.abs(difference);
      count += weight;
    }
    this.squares += squares;
    this.absolute += absolute;
    this.count += count;
    [this.least, this.largest] = [least, largest];
  }

  get metrics(): Metrics {
    const mse = this.squares / this.count;
    const psnr = 10 * Math.log10((this.largest - this.least) ** 2 / mse);
    return { mse, mae: this.absolute / this.count, psnr };
  }
}

function rangeOf(values: Float32Array): number {
  let [least, largest] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < least) least = value;
    if (value > largest) largest = value;
  }
  return largest - least;
}

/** Returns weighted sums of a plane under the window wherever it fits, first along x, then along y. */
function windowed(plane: Float64Array, height: number, width: number): Float64Array {
  const along = ssimWindow(width);
  const down = ssimWindow(height);
  const columns = width - along.length + 1;
  const rows = height - down.length + 1;
  const blurred = new Float64Array(height * columns);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < columns; x++) {
      let sum = 0;
      for (let tap = 0; tap < along.length; tap++)
        sum += (along[tap] ?? 0) * (plane[y * width + x + tap] ?? 0);
      blurred[y * columns + x] = sum;
    }
  const result = new Float64Array(rows * columns);
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++) {
      let sum = 0;
      for (let tap = 0; tap < down.length; tap++)
        sum += (down[tap] ?? 0) * (blurred[(y + tap) * columns + x] ?? 0);
      result[y * columns + x] = sum;
    }
  return result;
}

function structuralSimilarity(
  prediction: Float32Array,
  target: Float32Array,
  [depth, height, width, channels]: ImageShape,
  range: number,
): number {
  const [c1, c2] = [(SSIM.k1 * range) ** 2, (SSIM.k2 * range) ** 2];
  const pixels = height * width;
  let total = 0;
  for (let z = 0; z < depth; z++)
    for (let channel = 0; channel < channels; channel++) {
      const value = (values: Float32Array, pixel: number) =>
        values[(z * pixels + pixel) * channels + channel] ?? 0;
      const blurred = (of: (pixel: number) => number) =>
        windowed(
          Float64Array.from({ length: pixels }, (_, pixel) => of(pixel)),
          height,
          width,
        );
      const p = (pixel: number) => value(prediction, pixel);
      const t = (pixel: number) => value(target, pixel);
      const [meanP, meanT] = [blurred(p), blurred(t)];
      const squareP = blurred((pixel) => p(pixel) ** 2);
      const squareT = blurred((pixel) => t(pixel) ** 2);
      const product = blurred((pixel) => p(pixel) * t(pixel));
      let sum = 0;
      for (let at = 0; at < meanP.length; at++) {
        const both = (meanP[at] ?? 0) * (meanT[at] ?? 0);
        const means = (meanP[at] ?? 0) ** 2 + (meanT[at] ?? 0) ** 2;
        const covariance = (product[at] ?? 0) - both;
        const variances = (squareP[at] ?? 0) + (squareT[at] ?? 0) - means;
        sum += ((2 * both + c1) * (2 * covariance + c2)) / ((means + c1) * (variances + c2));
      }
      total += sum / meanP.length;
    }
  return total / (depth * channels);
}
