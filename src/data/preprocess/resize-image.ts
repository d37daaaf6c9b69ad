/** DATA.PREPROCESS.RESIZE: nearest, linear or spline interpolation between pixel centers, as scikit-image's `transform.resize`. */
import { at as itemAt, product } from "../../facts/checked-lists.ts";
import type { Image, ImageShape } from "../../images/image.ts";
import type { Box } from "../tiling.ts";
import {
  correlated,
  type Grid,
  type GridBorder,
  gaussianWeights,
  gridOf,
  imageOf,
  largestOf,
  shownAt,
} from "./grid.ts";
import { type SplineOrder, splineCoefficients, splineExtension, splineWeights } from "./spline.ts";

/** DATA.PREPROCESS.RESIZE.* */
export interface ResizeSettings {
  readonly size: Box;
  /** 0 takes the nearest pixel, 1 interpolates linearly, 2 to 5 by splines of that order. */
  readonly order: 0 | 1 | SplineOrder;
  readonly border: GridBorder;
  /** The value beyond a constant border. */
  readonly outside: number;
  /** Whether results are clipped to the image's range. */
  readonly clip: boolean;
  /** Whether values keep their range. Otherwise integers are first divided by their type's largest value. */
  readonly preserveRange: boolean;
  /** Whether axes that shrink are blurred first. */
  readonly antiAliasing: boolean;
}

/** Resizes an image along z, y and x, one axis after the other. */
export function resizedImage(image: Image, settings: ResizeSettings): Image {
  const { size, border, antiAliasing } = settings;
  let grid = gridOf(image, settings.preserveRange ? 1 : 1 / largestOf(image.sampleType));
  const before = rangeOf(grid.values);
  const axes = [0, 1, 2].filter((axis) => image.shape[axis] !== size[axis]);
  if (antiAliasing)
    for (const axis of axes) {
      const sigma = (itemAt(image.shape, axis) / itemAt(size, axis) - 1) / 2;
      if (sigma > 0) grid = correlated(grid, axis, gaussianWeights(sigma), border);
    }
  for (const axis of axes) grid = resizedAxis(grid, axis, itemAt(size, axis), settings);
  if (!settings.clip) return imageOf(grid, image.sampleType);
  const [least, largest] = clippedTo(before, rangeOf(grid.values), settings);
  const values = grid.values.map((value) => Math.min(Math.max(value, least), largest));
  return imageOf({ ...grid, values }, image.sampleType);
}

/** Returns the range to clip results to: the image's, extended to the value beyond a constant border if results reach it. */
function clippedTo(
  [least, largest]: Span,
  after: Span,
  { border, outside }: Pick<ResizeSettings, "border" | "outside">,
): Span {
  const reached = border === "constant" && after[0] <= outside && outside <= after[1];
  return reached ? [Math.min(least, outside), Math.max(largest, outside)] : [least, largest];
}

type Span = readonly [least: number, largest: number];

function rangeOf(values: Float64Array): Span {
  let [least, largest] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < least) least = value;
    if (value > largest) largest = value;
  }
  return [least, largest];
}

function resizedAxis(grid: Grid, axis: number, size: number, settings: ResizeSettings): Grid {
  const { order, border, outside } = settings;
  const isSpline = order !== 0 && order !== 1;
  const shift = isSpline ? splineExtension(border) : 0;
  const { shape, values } = isSpline ? inCoefficients(grid, axis, order, settings) : grid;
  const [original, old] = [itemAt(grid.shape, axis), itemAt(shape, axis)];
  const inner = product(shape.slice(axis + 1));
  const outer = product(shape.slice(0, axis));
  const result = new Float64Array(outer * size * inner);
  for (let place = 0; place < size; place++) {
    const at = ((place + 0.5) * original) / size - 0.5 + shift;
    for (const [position, weight] of weightsAt(at, order)) {
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
  return { shape: withSize(shape, axis, size), values: result };
}

/** Returns a shape with another size along one axis. */
function withSize(shape: ImageShape, axis: number, size: number): ImageShape {
  const along = (each: 0 | 1 | 2 | 3) => (each === axis ? size : shape[each]);
  return [along(0), along(1), along(2), along(3)];
}

/** Returns the positions that a place lies between, and their weights. */
function weightsAt(
  place: number,
  order: ResizeSettings["order"],
): readonly (readonly [position: number, weight: number])[] {
  if (order === 0) return [[Math.floor(place + 0.5), 1]];
  if (order !== 1) return splineWeights(place, order);
  const below = Math.floor(place);
  return [
    [below, 1 - (place - below)],
    [below + 1, place - below],
  ];
}

/** Returns the coefficients of splines along an axis, which may be longer than the grid: see {@link splineExtension}. */
function inCoefficients(
  { shape, values }: Grid,
  axis: number,
  order: SplineOrder,
  { border, outside }: ResizeSettings,
): Grid {
  const old = itemAt(shape, axis);
  const size = old + 2 * splineExtension(border);
  const inner = product(shape.slice(axis + 1));
  const outer = product(shape.slice(0, axis));
  const result = new Float64Array(outer * size * inner);
  const line = new Float64Array(old);
  for (let block = 0; block < outer; block++)
    for (let each = 0; each < inner; each++) {
      for (let at = 0; at < old; at++) line[at] = values[(block * old + at) * inner + each] ?? 0;
      for (const [at, coefficient] of splineCoefficients(line, order, border, outside).entries())
        result[(block * size + at) * inner + each] = coefficient;
    }
  return { shape: withSize(shape, axis, size), values: result };
}
