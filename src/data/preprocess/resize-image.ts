/** DATA.PREPROCESS.RESIZE: nearest or linear interpolation between pixel centers, as scikit-image's `transform.resize`. */
import { at as itemAt } from "../../facts/checked-lists.ts";
import type { Image } from "../../images/image.ts";
import type { Box } from "../tiling.ts";
import {
  type Border,
  correlated,
  type Grid,
  gaussianWeights,
  gridOf,
  imageOf,
  largestOf,
  shownAt,
} from "./grid.ts";

export interface ResizeSettings {
  readonly size: Box;
  /** 0 takes the nearest pixel, 1 interpolates. */
  readonly order: 0 | 1;
  readonly border: Border;
  /** The value beyond a constant border. */
  readonly outside: number;
  /** Keeps results within the image's range. */
  readonly clip: boolean;
  /** Keeps the range of values; otherwise integers are first divided by their type's largest value. */
  readonly preserveRange: boolean;
  /** Blurs first along axes that shrink. */
  readonly antiAliasing: boolean;
}

export function resizedImage(image: Image, settings: ResizeSettings): Image {
  const { size, border, antiAliasing } = settings;
  let grid = gridOf(image, settings.preserveRange ? 1 : 1 / largestOf(image.sampleType));
  const [least, largest] = rangeOf(grid.values);
  const axes = [0, 1, 2].filter((axis) => image.shape[axis] !== size[axis]);
  if (antiAliasing)
    for (const axis of axes) {
      const sigma = (itemAt(image.shape, axis) / itemAt(size, axis) - 1) / 2;
      if (sigma > 0) grid = correlated(grid, axis, gaussianWeights(sigma), border);
    }
  for (const axis of axes) grid = resizedAxis(grid, axis, itemAt(size, axis), settings);
  const values = settings.clip
    ? grid.values.map((value) => Math.min(Math.max(value, least), largest))
    : grid.values;
  return imageOf({ ...grid, values }, image.sampleType);
}

function rangeOf(values: Float64Array): [number, number] {
  let [least, largest] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < least) least = value;
    if (value > largest) largest = value;
  }
  return [least, largest];
}

function resizedAxis(
  { shape, values }: Grid,
  axis: number,
  size: number,
  { order, border, outside }: ResizeSettings,
): Grid {
  const old = itemAt(shape, axis);
  const inner = shape.slice(axis + 1).reduce((product, each) => product * each, 1);
  const outer = shape.slice(0, axis).reduce((product, each) => product * each, 1);
  const result = new Float64Array(outer * size * inner);
  for (let place = 0; place < size; place++) {
    const at = ((place + 0.5) * old) / size - 0.5;
    const below = order === 0 ? Math.floor(at + 0.5) : Math.floor(at);
    const share = order === 0 ? 0 : at - below;
    for (const [position, weight] of [
      [below, 1 - share],
      [below + 1, share],
    ] as const) {
      if (weight === 0) continue;
      const from = shownAt(position, old, border);
      for (let block = 0; block < outer; block++)
        for (let each = 0; each < inner; each++) {
          const value = from === undefined ? outside : (values[(block * old + from) * inner + each] ?? 0);
          const to = (block * size + place) * inner + each;
          result[to] = (result[to] ?? 0) + weight * value;
        }
    }
  }
  const sizeAlong = (each: 0 | 1 | 2 | 3) => (each === axis ? size : shape[each]);
  return { shape: [sizeAlong(0), sizeAlong(1), sizeAlong(2), sizeAlong(3)], values: result };
}
