/** Geometric transforms of image and target: one linear interpolation; nearest pixel for class labels. */
import { gaussian } from "../gaussian.ts";
import type { Random } from "../random.ts";
import { boxOf, reflected, reflectedWithBorder } from "../tiling.ts";
import { between, integerBetween, type Range, type Sample, type Transform } from "./sample.ts";

/** Values outside a patch: zeros, its mirror image (without or with the border pixel repeated), its border pixel, its other side. */
export const BORDERS = ["constant", "reflect", "symmetric", "nearest", "wrap"] as const;
export type Border = (typeof BORDERS)[number];

/** Maps a position into [0, size). Returns -1 for positions outside whose value is zero. */
function inside(position: number, size: number, border: Border): number {
  if (position >= 0 && position < size) return position;
  if (border === "constant") return -1;
  if (border === "nearest") return position < 0 ? 0 : size - 1;
  if (border === "wrap") return ((position % size) + size) % size;
  return border === "reflect" ? reflected(position, size) : reflectedWithBorder(position, size);
}

/** Writes the source position (subpixel z, y, x) of a target pixel to `into`. */
type Origin = (z: number, y: number, x: number, into: Float64Array) => void;

/** Interpolates values `[z, y, x, channel]` at the source position of each target pixel, or takes the `nearest` pixel there. */
function resampled(
  size: Sample["size"],
  values: Float32Array,
  origin: Origin,
  border: Border,
  nearest = false,
): Float32Array {
  const [depth, height, width] = size;
  const channels = values.length / (depth * height * width);
  const result = new Float32Array(values.length);
  const from = new Float64Array(3);
  let at = 0;
  for (let z = 0; z < depth; z++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++, at += channels) {
        origin(z, y, x, from);
        if (nearest) for (let axis = 0; axis < 3; axis++) from[axis] = Math.round(from[axis] ?? 0);
        const base = [Math.floor(from[0] ?? 0), Math.floor(from[1] ?? 0), Math.floor(from[2] ?? 0)];
        for (let corner = 0; corner < 8; corner++) {
          let weight = 1;
          let place = 0;
          for (let axis = 0; axis < 3; axis++) {
            const upper = (corner >> axis) & 1;
            const fraction = (from[axis] ?? 0) - (base[axis] ?? 0);
            weight *= upper ? fraction : 1 - fraction;
            if (weight === 0) break;
            const position = inside((base[axis] ?? 0) + upper, size[axis] ?? 0, border);
            if (position < 0) weight = 0;
            place = place * (size[axis] ?? 0) + position;
          }
          if (weight === 0) continue;
          for (let channel = 0; channel < channels; channel++)
            result[at + channel] =
              (result[at + channel] ?? 0) + weight * (values[place * channels + channel] ?? 0);
        }
      }
  return result;
}

/** Resamples image and target. */
function resampledSample(sample: Sample, origin: Origin, border: Border): Sample {
  return {
    ...sample,
    image: resampled(sample.size, sample.image, origin, border),
    target: sample.target && resampled(sample.size, sample.target, origin, border, sample.labels),
  };
}

/** Applies a 2 x 2 matrix around the center of the yx plane, then a shift; both map target to source positions. */
function affine(
  sample: Sample,
  [yy, yx, xy, xx]: readonly [number, number, number, number],
  border: Border,
  { zScale = 1, shiftY = 0, shiftX = 0 } = {},
): Sample {
  const [middleZ, middleY, middleX] = boxOf((axis) => (sample.size[axis] - 1) / 2);
  return resampledSample(
    sample,
    (z, y, x, into) => {
      const fromY = y - middleY;
      const fromX = x - middleX;
      into[0] = zScale === 1 ? z : (z - middleZ) * zScale + middleZ;
      into[1] = yy * fromY + yx * fromX + middleY - shiftY;
      into[2] = xy * fromY + xx * fromX + middleX - shiftX;
    },
    border,
  );
}

const radians = (degrees: number) => (degrees * Math.PI) / 180;

/**
 * Rotates in the yx plane.
 *
 * @param range degrees
 */
export const rotation =
  (range: Range, border: Border): Transform =>
  (sample, random) => {
    const angle = radians(between(random, range));
    return affine(sample, [Math.cos(angle), -Math.sin(angle), Math.sin(angle), Math.cos(angle)], border);
  };

/**
 * Zooms around the middle.
 *
 * @param range magnification: above 1 enlarges a part
 * @param alongZ whether z is zoomed too
 */
export const zoom =
  (range: Range, alongZ: boolean, border: Border): Transform =>
  (sample, random) => {
    const scale = 1 / between(random, range);
    return affine(sample, [scale, 0, 0, scale], border, { zScale: alongZ ? scale : 1 });
  };

/**
 * Shears along y and x.
 *
 * @param range degrees, drawn for y and x independently
 */
export const shear =
  (range: Range, border: Border): Transform =>
  (sample, random) =>
    affine(
      sample,
      [1, Math.tan(radians(between(random, range))), Math.tan(radians(between(random, range))), 1],
      border,
    );

/**
 * Shifts along y and x by whole pixels.
 *
 * @param range share of the patch's side, in either direction
 */
export const shift =
  (range: Range, border: Border): Transform =>
  (sample, random) => {
    const along = (size: number) =>
      (random.uniform() < 0.5 ? -1 : 1) * Math.round(between(random, range) * size);
    return affine(sample, [1, 0, 0, 1], border, {
      shiftY: along(sample.size[1]),
      shiftX: along(sample.size[2]),
    });
  };

/** Makes a transform that moves whole pixels and loses none. */
const exact =
  (origin: (size: Sample["size"], random: Random) => Origin): Transform =>
  (sample, random) =>
    resampledSample(sample, origin(sample.size, random), "nearest");

const place = (into: Float64Array, z: number, y: number, x: number) => {
  into[0] = z;
  into[1] = y;
  into[2] = x;
};

/** Mirrors along x. `flipY` and `flipZ` mirror along the other axes. */
export const flipX = exact(
  ([, , width]) =>
    (z, y, x, into) =>
      place(into, z, y, width - 1 - x),
);
export const flipY = exact(
  ([, height]) =>
    (z, y, x, into) =>
      place(into, z, height - 1 - y, x),
);
export const flipZ = exact(
  ([depth]) =>
    (z, y, x, into) =>
      place(into, depth - 1 - z, y, x),
);

/** Rotates by one to three quarter turns in the yx plane, or by half a turn if the patch is not square. */
export const quarterTurns = exact(([, height, width], random) => {
  const lastY = height - 1;
  const lastX = width - 1;
  const turns = height === width ? 1 + random.integer(3) : 2;
  if (turns === 1) return (z, y, x, into) => place(into, z, x, lastY - y);
  if (turns === 2) return (z, y, x, into) => place(into, z, lastY - y, lastX - x);
  return (z, y, x, into) => place(into, z, lastX - x, y);
});

/** Returns a uniform random field in [-1, 1] smoothed by a Gaussian of `sigma` pixels, `[y, x]`. */
function smoothField(height: number, width: number, sigma: number, random: Random): Float64Array {
  const noise = Float64Array.from({ length: height * width }, () => 2 * random.uniform() - 1);
  const reach = Math.ceil(3 * sigma);
  const kernel = gaussian(sigma, reach);
  const along = (values: Float64Array, step: number, size: number) =>
    values.map((_, index) => {
      const position = Math.floor(index / step) % size;
      let sum = 0;
      for (let at = -reach; at <= reach; at++) {
        if (position + at >= 0 && position + at < size)
          sum += (kernel[at + reach] ?? 0) * (values[index + at * step] ?? 0);
      }
      return sum;
    });
  return along(along(noise, 1, width), width, height);
}

/**
 * Displaces pixels along a smooth random field, the same in every slice (elastic deformation: Simard, Steinkraus & Platt 2003).
 *
 * @param alpha amplitude in pixels before smoothing
 * @param sigma smoothness of the field, in pixels
 */
export const elastic =
  (alpha: Range, sigma: number, border: Border): Transform =>
  (sample, random) => {
    const [, height, width] = sample.size;
    const strength = between(random, alpha);
    const alongY = smoothField(height, width, sigma, random);
    const alongX = smoothField(height, width, sigma, random);
    return resampledSample(
      sample,
      (z, y, x, into) => {
        const at = y * width + x;
        place(into, z, y + strength * (alongY[at] ?? 0), x + strength * (alongX[at] ?? 0));
      },
      border,
    );
  };

/**
 * Misaligns sections, as in serial-section microscopy: shifts or rotates everything from a row (2D) or slice (3D) on; in 3D half of
 * the time only that slice.
 *
 * @param displacement largest shift in pixels
 * @param rotateRatio probability of a rotation instead of a shift
 */
export const misalignment =
  (displacement: number, rotateRatio: number): Transform =>
  (sample, random) => {
    const [depth, height, width] = sample.size;
    const flat = depth === 1;
    const first = 1 + random.integer(Math.max((flat ? height : depth) - 2, 1));
    const slip = !flat && random.uniform() < 0.5;
    const hit = (z: number, y: number) => (flat ? y >= first : slip ? z === first : z >= first);
    const turns = random.uniform() < rotateRatio;
    // The angle that moves the patch's side by `displacement` pixels.
    const angle = turns ? Math.asin(Math.min(displacement / height, 1)) * (2 * random.uniform() - 1) : 0;
    const shiftY = turns || flat ? 0 : integerBetween(random, [-displacement, displacement]);
    const shiftX = turns ? 0 : integerBetween(random, [-displacement, displacement]);
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    const [middleY, middleX] = [(height - 1) / 2, (width - 1) / 2];
    return resampledSample(
      sample,
      (z, y, x, into) => {
        if (!hit(z, y)) return place(into, z, y, x);
        const [fromY, fromX] = [y - middleY, x - middleX];
        place(
          into,
          z,
          cos * fromY - sin * fromX + middleY - shiftY,
          sin * fromY + cos * fromX + middleX - shiftX,
        );
      },
      "constant",
    );
  };
