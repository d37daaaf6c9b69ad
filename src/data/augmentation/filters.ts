/** Blurs: of the image only, slice by slice. */
import { gaussian } from "../gaussian.ts";
import { reflected } from "../tiling.ts";
import { between, integerBetween, onImage, type Range, type Sample } from "./sample.ts";

/** Returns weighted sums of the pixels at offsets (in y and x) from each pixel. Borders are mirrored. */
function filtered(
  { size, channels, image }: Sample,
  taps: readonly { readonly y: number; readonly x: number; readonly weight: number }[],
): Float32Array {
  const [depth, height, width] = size;
  const result = new Float32Array(image.length);
  let at = 0;
  for (let z = 0; z < depth; z++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++, at += channels)
        for (const tap of taps) {
          const from =
            ((z * height + reflected(y + tap.y, height)) * width + reflected(x + tap.x, width)) * channels;
          for (let channel = 0; channel < channels; channel++)
            result[at + channel] = (result[at + channel] ?? 0) + tap.weight * (image[from + channel] ?? 0);
        }
  return result;
}

/**
 * Blurs with a Gaussian, cut off at 3 sigma.
 *
 * @param range sigma in pixels
 */
export const gaussianBlur = (range: Range) =>
  onImage((sample, random) => {
    const sigma = between(random, range);
    const reach = Math.ceil(3 * sigma);
    const kernel = gaussian(sigma, reach);
    const rows = filtered(
      sample,
      kernel.map((weight, at) => ({ y: 0, x: at - reach, weight })),
    );
    return filtered(
      { ...sample, image: rows },
      kernel.map((weight, at) => ({ y: at - reach, x: 0, weight })),
    );
  });

/**
 * Replaces each pixel by the median of the square window around it.
 *
 * @param range side of the window in pixels; made odd
 */
export const medianBlur = (range: Range) =>
  onImage(({ size, channels, image }, random) => {
    const reach = Math.floor(integerBetween(random, range) / 2);
    const [depth, height, width] = size;
    const result = new Float32Array(image.length);
    const window = new Float32Array((2 * reach + 1) ** 2);
    let at = 0;
    for (let z = 0; z < depth; z++)
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++)
          for (let channel = 0; channel < channels; channel++) {
            let filled = 0;
            for (let dy = -reach; dy <= reach; dy++)
              for (let dx = -reach; dx <= reach; dx++) {
                const from = (z * height + reflected(y + dy, height)) * width + reflected(x + dx, width);
                window[filled++] = image[from * channels + channel] ?? 0;
              }
            result[at++] = window.sort()[window.length >> 1] ?? 0;
          }
    return result;
  });

/**
 * Blurs along a line of random direction.
 *
 * @param range length of the line in pixels
 */
export const motionBlur = (range: Range) =>
  onImage((sample, random) => {
    const length = Math.max(integerBetween(random, range), 2);
    const angle = Math.PI * random.uniform();
    const taps = Array.from({ length }, (_, index) => {
      const along = index - (length - 1) / 2;
      return {
        y: Math.round(along * Math.sin(angle)),
        x: Math.round(along * Math.cos(angle)),
        weight: 1 / length,
      };
    });
    return filtered(sample, taps);
  });
