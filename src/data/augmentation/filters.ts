/** Blurs: of the image only, slice by slice. */
import { reflected } from "../tiling.ts";
import { between, integerBetween, onImage, type Range, type Sample } from "./sample.ts";

/** Weighted sums over offsets (in y and x) of every pixel; borders are mirrored. */
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

/** A normalized Gaussian over -3 sigma to 3 sigma. */
function gaussian(sigma: number): { at: number; weight: number }[] {
  const reach = Math.max(1, Math.ceil(3 * sigma));
  const raw = Array.from({ length: 2 * reach + 1 }, (_, index) => ({
    at: index - reach,
    weight: Math.exp(-((index - reach) ** 2) / (2 * sigma ** 2)),
  }));
  const total = raw.reduce((sum, { weight }) => sum + weight, 0);
  return raw.map(({ at, weight }) => ({ at, weight: weight / total }));
}

/** @param range sigma in pixels */
export const gaussianBlur = (range: Range) =>
  onImage((sample, random) => {
    const kernel = gaussian(between(random, range));
    const rows = filtered(
      sample,
      kernel.map(({ at, weight }) => ({ y: 0, x: at, weight })),
    );
    return filtered(
      { ...sample, image: rows },
      kernel.map(({ at, weight }) => ({ y: at, x: 0, weight })),
    );
  });

/** @param range side of the window in pixels; made odd */
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

/** Blur along a line of random direction. @param range its length in pixels */
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
