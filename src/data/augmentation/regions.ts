/** Transforms of parts of a patch: blank, blur, mix or add noise to boxes, lines and grids. */
import type { Region } from "../../images/image.ts";
import type { Random } from "../random.ts";
import { type Box, boxOf } from "../tiling.ts";
import {
  between,
  integerBetween,
  onImage,
  type Range,
  type Sample,
  type Transform,
  targetChannels,
} from "./sample.ts";

/** Returns a random box that covers a share of each side. It covers all of z unless `alongZ`. */
function randomRegion(size: Box, range: Range, random: Random, alongZ: boolean): Region {
  const share = between(random, range);
  const sides = boxOf((axis) =>
    axis === 0 && !alongZ ? size[axis] : Math.min(Math.max(Math.round(size[axis] * share), 1), size[axis]),
  );
  const start = boxOf((axis) => random.integer(size[axis] - sides[axis] + 1));
  return { start, end: boxOf((axis) => start[axis] + sides[axis]) };
}

/** Calls `visit` with the index of the first value of each pixel of a region. */
function eachPixel(
  { size, channels }: Sample,
  { start, end }: Region,
  visit: (at: number, z: number, y: number, x: number) => void,
): void {
  for (let z = start[0]; z < end[0]; z++)
    for (let y = start[1]; y < end[1]; y++)
      for (let x = start[2]; x < end[2]; x++) visit(((z * size[1] + y) * size[2] + x) * channels, z, y, x);
}

/** Number, size and content of the boxes. */
export interface CutoutSettings {
  readonly count: Range;
  /** Share of each side. */
  readonly size: Range;
  readonly fill: number;
  /** Whether the boxes are blank in the target too. */
  readonly alsoTarget: boolean;
}

/** Blanks boxes (DeVries & Taylor 2017). */
export const cutout =
  ({ count, size, fill, alsoTarget }: CutoutSettings): Transform =>
  (sample, random) => {
    const image = sample.image.slice();
    const target = alsoTarget ? sample.target?.slice() : sample.target;
    const inTarget = targetChannels(sample);
    for (let left = integerBetween(random, count); left > 0; left--) {
      eachPixel(sample, randomRegion(sample.size, size, random, false), (at) => {
        image.fill(fill, at, at + sample.channels);
        const from = (at / sample.channels) * inTarget;
        if (alsoTarget) target?.fill(0, from, from + inTarget);
      });
    }
    return { ...sample, image, target };
  };

/** Returns the image; in the region, each pixel is the mean of its square of `factor` pixels. */
function coarsened(sample: Sample, region: Region, factor: number): Float32Array {
  const { channels, image } = sample;
  const result = image.slice();
  const [, endY, endX] = region.end;
  for (let z = region.start[0]; z < region.end[0]; z++)
    for (let y = region.start[1]; y < endY; y += factor)
      for (let x = region.start[2]; x < endX; x += factor) {
        const square = {
          start: [z, y, x] as const,
          end: [z + 1, Math.min(y + factor, endY), Math.min(x + factor, endX)] as const,
        };
        const pixels = (square.end[1] - y) * (square.end[2] - x);
        for (let channel = 0; channel < channels; channel++) {
          let sum = 0;
          eachPixel(sample, square, (at) => {
            sum += image[at + channel] ?? 0;
          });
          eachPixel(sample, square, (at) => {
            result[at + channel] = sum / pixels;
          });
        }
      }
  return result;
}

/**
 * Lowers the resolution inside a box, or outside it (Yoo, Ahn & Sohn 2020).
 *
 * @param size share of each side
 * @param factor how many times lower the resolution is
 * @param onlyInside whether it is never lowered outside the box
 */
export const cutblur = (size: Range, factor: Range, onlyInside: boolean): Transform =>
  onImage((sample, random) => {
    const region = randomRegion(sample.size, size, random, false);
    const times = integerBetween(random, factor);
    if (onlyInside || random.uniform() < 0.5) return coarsened(sample, region, times);
    const result = coarsened(sample, { start: [0, 0, 0], end: sample.size }, times);
    eachPixel(sample, region, (at) => {
      result.set(sample.image.subarray(at, at + sample.channels), at);
    });
    return result;
  });

/**
 * Replaces a box by that of another sample, target included (Yun et al. 2019).
 *
 * @param size share of each side
 */
export const cutmix =
  (size: Range): Transform =>
  (sample, random, other) => {
    const image = sample.image.slice();
    const target = sample.target?.slice();
    const inTarget = targetChannels(sample);
    eachPixel(sample, randomRegion(sample.size, size, random, false), (at) => {
      image.set(other.image.subarray(at, at + sample.channels), at);
      const from = (at / sample.channels) * inTarget;
      if (other.target !== undefined) target?.set(other.target.subarray(from, from + inTarget), from);
    });
    return { ...sample, image, target };
  };

/**
 * Adds normal noise inside boxes.
 *
 * @param scale standard deviation of the noise, as a share of the brightest value
 * @param count number of boxes
 * @param size share of each side
 */
export const cutnoise = (scale: Range, count: Range, size: Range): Transform =>
  onImage((sample, random) => {
    const image = sample.image.slice();
    const brightest = sample.image.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
    for (let left = integerBetween(random, count); left > 0; left--) {
      const deviation = between(random, scale) * Math.abs(brightest);
      eachPixel(sample, randomRegion(sample.size, size, random, true), (at) => {
        const noise = deviation * random.normal();
        for (let channel = 0; channel < sample.channels; channel++)
          image[at + channel] = (image[at + channel] ?? 0) + noise;
      });
    }
    return image;
  });

/**
 * Replaces a thick line across a slice by the slice's mean, like a part of a section that is missing.
 *
 * @param width half of the line's width in pixels
 * @param probability probability per slice (channel in 2D); never two neighbors
 */
export const missingSections = (width: Range, probability: number): Transform =>
  onImage((sample, random) => {
    const [depth, height, columns] = sample.size;
    const { channels } = sample;
    const image = sample.image.slice();
    const planes = depth === 1 ? channels : depth;
    for (let plane = 0; plane < planes; plane++) {
      if (random.uniform() >= probability) continue;
      const [z, first, last] = depth === 1 ? [0, plane, plane + 1] : [plane, 0, channels];
      const angle = Math.PI * random.uniform();
      const [middleY, middleX] = [random.uniform() * height, random.uniform() * columns];
      const reach = integerBetween(random, width) / 2;
      const region = { start: [z, 0, 0] as const, end: [z + 1, height, columns] as const };
      for (let channel = first; channel < last; channel++) {
        let sum = 0;
        eachPixel(sample, region, (at) => {
          sum += sample.image[at + channel] ?? 0;
        });
        eachPixel(sample, region, (at, _, y, x) => {
          const distance = Math.abs((y - middleY) * Math.cos(angle) - (x - middleX) * Math.sin(angle));
          if (distance <= reach) image[at + channel] = sum / (height * columns);
        });
      }
      plane += 2;
    }
    return image;
  });

/** Shape and place of the grid. */
export interface GridMaskSettings {
  /** Share of a period that is hidden along each axis. */
  readonly ratio: number;
  /** The grid's period, as a share of the patch's side. */
  readonly period: Range;
  /** Maximum rotation of the grid, as a share of a full turn. */
  readonly rotate: number;
  /** Whether the squares are shown and the rest is hidden. */
  readonly invert: boolean;
}

/** Hides the squares of a grid (Chen, Liu, Zhao & Jia 2020). */
export const gridMask = ({ ratio, period, rotate, invert }: GridMaskSettings): Transform =>
  onImage((sample, random) => {
    const [, height, width] = sample.size;
    const step = Math.max(2, between(random, period) * Math.min(height, width));
    const angle = 2 * Math.PI * rotate * random.uniform();
    const [shiftY, shiftX] = [random.uniform() * step, random.uniform() * step];
    const image = sample.image.slice();
    const along = (position: number) => (((position % step) + step) % step) / step < ratio;
    eachPixel(sample, { start: [0, 0, 0], end: sample.size }, (at, _, y, x) => {
      const turnedY = Math.cos(angle) * y - Math.sin(angle) * x + shiftY;
      const turnedX = Math.sin(angle) * y + Math.cos(angle) * x + shiftX;
      const hidden = along(turnedY) && along(turnedX);
      if (hidden !== invert) image.fill(0, at, at + sample.channels);
    });
    return image;
  });
