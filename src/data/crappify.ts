/** The worse copies of images that a network learns to restore (Franco-Barranco et al. 2022): noisy, then down- and upsampled. */
import { type Image, type ImageShape, sampleArray } from "../images/image.ts";
import type { Random } from "./random.ts";
import { resize } from "./resize.ts";

export interface CrappifySettings {
  /** How many times fewer pixels: each side shrinks by its square root. */
  readonly resizingFactor: number;
  /** Deviation of the noise as a share of the brightest value. */
  readonly noise: number;
  /** Whether z shrinks too. */
  readonly ndim: 2 | 3;
}

/** @returns an image of the same size and pixel type */
export function crappify(
  image: Image,
  { resizingFactor, noise, ndim }: CrappifySettings,
  random: Random,
): Image {
  const { shape, sampleType, data } = image;
  let brightest = 0;
  for (const value of data) brightest = Math.max(brightest, value);
  const noisy = Float32Array.from(data, (value) =>
    Math.min(Math.max(value + noise * brightest * random.normal(), 0), brightest),
  );
  const shrink = (size: number) => Math.max(1, Math.trunc(size / Math.sqrt(resizingFactor)));
  const small: ImageShape = [
    ndim === 3 ? shrink(shape[0]) : shape[0],
    shrink(shape[1]),
    shrink(shape[2]),
    shape[3],
  ];
  const restored = resize(resize(noisy, shape, small), small, shape);
  const whole = !sampleType.startsWith("float");
  const result = sampleArray(sampleType, data.length);
  for (let at = 0; at < result.length; at++) result[at] = whole ? Math.round(restored[at]) : restored[at];
  return { shape, sampleType, data: result };
}
