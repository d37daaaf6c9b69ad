/** DATA.PREPROCESS.GAUSSIAN_BLUR: a Gaussian along every axis, as scikit-image's `filters.gaussian` applies it. */
import type { Image } from "../../images/image.ts";
import { correlated, type GridBorder, gaussianWeights, gridOf, imageOf, largestOf } from "./grid.ts";

/**
 * Blurs an image.
 *
 * @param sigma standard deviation in pixels
 * @param axes which of z, y, x and channel are blurred
 */
export function gaussianBlurred(
  image: Image,
  sigma: number,
  axes: readonly number[],
  border: GridBorder,
): Image {
  const largest = largestOf(image.sampleType);
  const weights = gaussianWeights(sigma);
  const blurred = axes.reduce(
    (grid, axis) => correlated(grid, axis, weights, border),
    gridOf(image, 1 / largest),
  );
  return imageOf({ ...blurred, values: blurred.values.map((value) => value * largest) }, image.sampleType);
}
