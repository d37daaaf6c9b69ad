/** The worse copies of images that a network learns to restore (Franco-Barranco et al. 2022): noisy, then down- and upsampled. */
import { type Image, type ImageShape, sampleArray } from "../images/image.ts";
import type { Random } from "./random.ts";
import { reflected } from "./tiling.ts";

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

/** Linear interpolation between pixel centres, one axis after the other; beyond the border lies the mirror image. */
export function resize(values: Float32Array, from: ImageShape, to: ImageShape): Float32Array {
  let current = values;
  const shape = [...from];
  for (const axis of [0, 1, 2]) {
    if (shape[axis] === to[axis]) continue;
    current = resizeAxis(current, shape, axis, to[axis]);
    shape[axis] = to[axis];
  }
  return current;
}

function resizeAxis(
  values: Float32Array,
  shape: readonly number[],
  axis: number,
  size: number,
): Float32Array {
  const product = (sizes: readonly number[]) => sizes.reduce((all, each) => all * each, 1);
  const outer = product(shape.slice(0, axis));
  const inner = product(shape.slice(axis + 1));
  const old = shape[axis];
  const result = new Float32Array(outer * size * inner);
  for (let place = 0; place < size; place++) {
    const at = ((place + 0.5) * old) / size - 0.5;
    const share = at - Math.floor(at);
    const below = reflected(Math.floor(at), old);
    const above = reflected(Math.floor(at) + 1, old);
    for (let block = 0; block < outer; block++) {
      const lower = (block * old + below) * inner;
      const upper = (block * old + above) * inner;
      const target = (block * size + place) * inner;
      for (let each = 0; each < inner; each++)
        result[target + each] = values[lower + each] * (1 - share) + values[upper + each] * share;
    }
  }
  return result;
}
