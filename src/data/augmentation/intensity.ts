/** Transforms of brightness, and noise: of the image only. Values are normalized ones. */
import type { Random } from "../random.ts";
import { between, onImage, type Range, type Sample } from "./sample.ts";

/**
 * Adds one offset to all values.
 *
 * @param range of the offset
 */
export const brightness = (range: Range) =>
  onImage(({ image }, random) => {
    const added = between(random, range);
    return image.map((value) => value + added);
  });

/**
 * Multiplies all values by one factor.
 *
 * @param range of the factor, minus 1
 */
export const contrast = (range: Range) =>
  onImage(({ image }, random) => {
    const factor = 1 + between(random, range);
    return image.map((value) => value * factor);
  });

/** Clips values to [0, 1] and raises them to the power of gamma, for images normalized to that range. */
export const gammaContrast = (range: Range) =>
  onImage(({ image }, random) => {
    const gamma = between(random, range);
    return image.map((value) => Math.min(Math.max(value, 0), 1) ** gamma);
  });

/**
 * Sets a share of all pixels to zero, in all channels.
 *
 * @param range of the share
 */
export const dropout = (range: Range) =>
  onImage((sample, random) => {
    const share = between(random, range);
    return perPixel(sample, random, (draw, values) => {
      if (draw < share) values.fill(0);
    });
  });

/**
 * Changes the values of each pixel.
 *
 * @param change changes them in place; `draw` is a uniform random number
 */
function perPixel(
  { channels, image }: Sample,
  random: Random,
  change: (draw: number, values: Float32Array) => void,
): Float32Array {
  const result = image.slice();
  for (let at = 0; at < result.length; at += channels)
    change(random.uniform(), result.subarray(at, at + channels));
  return result;
}

/** Mean and variance of noise, in normalized values. */
export interface GaussianNoiseSettings {
  readonly mean: number;
  readonly variance: number;
  /** Whether mean and variance of the image are used instead. */
  readonly likeImage: boolean;
}

/** Adds normal noise to each value. */
export const gaussianNoise = (settings: GaussianNoiseSettings) =>
  onImage(({ image }, random) => {
    const own = settings.likeImage ? moments(image) : settings;
    const variance = settings.likeImage ? own.variance * between(random, [0.9, 1.1]) : own.variance;
    const deviation = Math.sqrt(variance);
    return image.map((value) => value + own.mean + deviation * random.normal());
  });

function moments(values: Float32Array): { mean: number; variance: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, variance };
}

/** The count that the value 1 stands for, as in an 8-bit camera. */
const COUNTS = 255;

/** Adds photon noise to values in [0, 1]: draws each from a Poisson distribution. */
export const poissonNoise = onImage(({ image }, random) =>
  image.map((value) => poisson(Math.max(value, 0) * COUNTS, random) / COUNTS),
);

/** Draws a Poisson number (Knuth's product of uniforms; above 60 the normal limit). */
function poisson(mean: number, random: Random): number {
  if (mean > 60) return Math.max(0, Math.round(mean + Math.sqrt(mean) * random.normal()));
  const limit = Math.exp(-mean);
  let count = 0;
  for (let product = random.uniform(); product > limit; product *= random.uniform()) count++;
  return count;
}

/**
 * Sets single values to the brightest (salt) or darkest (pepper) of the image.
 *
 * @param amount share of values that change
 * @param saltShare share of them that turns bright
 */
export const saltAndPepper = (amount: number, saltShare: number) =>
  onImage(({ image }, random) => {
    let darkest = Number.POSITIVE_INFINITY;
    let brightest = Number.NEGATIVE_INFINITY;
    for (const value of image) {
      darkest = Math.min(darkest, value);
      brightest = Math.max(brightest, value);
    }
    return image.map((value) => {
      if (random.uniform() >= amount) return value;
      return random.uniform() < saltShare ? brightest : darkest;
    });
  });

/** Replaces every channel of a pixel by the mean of all. */
export const grayscale = onImage((sample, random) =>
  perPixel(sample, random, (_, values) => {
    values.fill(values.reduce((sum, value) => sum + value, 0) / values.length);
  }),
);

/** Permutes the channels, in the same way at every pixel. */
export const channelShuffle = onImage((sample, random) => {
  const order = random.permutation(sample.channels);
  return perPixel(sample, random, (_, values) => {
    const before = values.slice();
    order.forEach((from, to) => {
      values[to] = before[from] ?? 0;
    });
  });
});
