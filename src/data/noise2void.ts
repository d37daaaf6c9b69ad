/**
 * Blind spots: pixels whose value is replaced before a network sees a patch, so that it must predict them from their surroundings
 * (Noise2Void: Krull, Buchholz & Jug 2019). For noise that is correlated along x, the pixels beside each one are replaced too
 * (structN2V: Broaddus et al. 2020).
 */
import { at as itemAt } from "../facts/checked-lists.ts";
import type { N2vManipulator } from "../facts/workflows.ts";
import type { Random } from "./random.ts";
import { type Box, boxOf } from "./tiling.ts";

/** PROBLEM.DENOISING.N2V_*: how many pixels are hidden, and by which values. */
export interface BlindSpotSettings {
  /** Percent of a 2D patch's pixels. The side of the box that holds one spot follows from it, in 3D the same side. */
  readonly percent: number;
  readonly manipulator: N2vManipulator;
  /** Radius in pixels of the neighborhood that gives a spot's new value; the deviation for `normal_additive`. */
  readonly radius: number;
  /** Whether the pixels to the left and right of a spot are hidden too. */
  readonly structured: boolean;
}

/** A channel of a patch: values `[z, y, x, channel]`. */
interface Plane {
  readonly values: Float32Array;
  readonly size: Box;
  readonly channels: number;
  readonly channel: number;
}

const indexOf = ({ size, channels, channel }: Plane, [z, y, x]: Box) =>
  ((z * size[1] + y) * size[2] + x) * channels + channel;

/** Standard deviation in pixels of the distance at which `normal_withoutCP` samples. */
const NORMAL_DISTANCE = 4;
/** Number of pixels that structN2V hides on each side of a spot. */
const STRUCTURE_REACH = 4;
/** structN2V replaces hidden pixels with values in ± this, in normalized values. */
const STRUCTURE_VALUE = 2;

/** Returns the side in pixels of the boxes that hold one spot each. */
export const spotSpacing = (percent: number): number => Math.max(1, Math.round(Math.sqrt(100 / percent)));

/** Draws one place in each box of a grid (stratified sampling). Boxes that reach beyond the border may stay empty. */
export function stratifiedPlaces(size: Box, percent: number, random: Random): Box[] {
  const spacing = spotSpacing(percent);
  const side = boxOf((axis) => (axis === 0 && size[0] === 1 ? 1 : spacing));
  const places: Box[] = [];
  for (let z = 0; z < size[0]; z += side[0])
    for (let y = 0; y < size[1]; y += side[1])
      for (let x = 0; x < size[2]; x += side[2]) {
        const corner: Box = [z, y, x];
        const place = boxOf((axis) => corner[axis] + random.integer(side[axis]));
        if (place[0] < size[0] && place[1] < size[1] && place[2] < size[2]) places.push(place);
      }
  // The place drawn in the only box of a small patch may lie outside; every patch needs a spot to train on.
  return places.length > 0 ? places : [boxOf((axis) => random.integer(size[axis]))];
}

/** Returns the box of pixels around a place, clipped at the patch's borders. */
function neighborhood({ size }: Plane, place: Box, radius: number): { start: Box; end: Box } {
  const reach = (axis: number) => (axis === 0 && size[0] === 1 ? 0 : radius);
  return {
    start: boxOf((axis) => Math.max(0, place[axis] - reach(axis))),
    end: boxOf((axis) => Math.min(size[axis], place[axis] + reach(axis) + 1)),
  };
}

function valuesAround(plane: Plane, place: Box, radius: number, withCenter: boolean): number[] {
  const { start, end } = neighborhood(plane, place, radius);
  const found: number[] = [];
  for (let z = start[0]; z < end[0]; z++)
    for (let y = start[1]; y < end[1]; y++)
      for (let x = start[2]; x < end[2]; x++)
        if (withCenter || z !== place[0] || y !== place[1] || x !== place[2])
          found.push(plane.values[indexOf(plane, [z, y, x])] ?? 0);
  return found;
}

const meanOf = (values: readonly number[]) => values.reduce((sum, each) => sum + each, 0) / values.length;

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? itemAt(sorted, middle)
    : (itemAt(sorted, middle - 1) + itemAt(sorted, middle)) / 2;
}

type Manipulation = (plane: Plane, place: Box, radius: number, random: Random) => number;

const MANIPULATIONS: Readonly<Record<N2vManipulator, Manipulation>> = {
  uniform_withCP: (plane, place, radius, random) => {
    const { start, end } = neighborhood(plane, place, radius);
    const drawn = boxOf((axis) => start[axis] + random.integer(end[axis] - start[axis]));
    return plane.values[indexOf(plane, drawn)] ?? 0;
  },
  uniform_withoutCP: (plane, place, radius, random) => {
    const values = valuesAround(plane, place, radius, false);
    return itemAt(values, random.integer(values.length));
  },
  normal_withoutCP: (plane, place, _, random) => {
    const { size } = plane;
    const draw = () =>
      boxOf((axis) => {
        if (size[axis] === 1) return 0;
        const at = Math.round(place[axis] + NORMAL_DISTANCE * random.normal());
        return Math.min(Math.max(at, 0), size[axis] - 1);
      });
    let drawn = draw();
    while (String(drawn) === String(place)) drawn = draw();
    return plane.values[indexOf(plane, drawn)] ?? 0;
  },
  normal_additive: (plane, place, radius, random) =>
    (plane.values[indexOf(plane, place)] ?? 0) + radius * random.normal(),
  normal_fitted: (plane, place, radius, random) => {
    const values = valuesAround(plane, place, radius, true);
    const mean = meanOf(values);
    const variance = meanOf(values.map((value) => (value - mean) ** 2));
    return mean + Math.sqrt(variance) * random.normal();
  },
  mean: (plane, place, radius) => meanOf(valuesAround(plane, place, radius, false)),
  median: (plane, place, radius) => medianOf(valuesAround(plane, place, radius, false)),
  identity: (plane, place) => plane.values[indexOf(plane, place)] ?? 0,
};

/** A patch with blind spots, `[z, y, x, channel]` each. */
export interface BlindPatch {
  readonly image: Float32Array;
  /** 1 at blind spots, 0 elsewhere. */
  readonly spots: Float32Array;
}

/** Hides spots of each channel of a patch; `image` is normalized, `[z, y, x, channel]`. */
export function withBlindSpots(
  image: Float32Array,
  size: Box,
  { percent, manipulator, radius, structured }: BlindSpotSettings,
  random: Random,
): BlindPatch {
  const channels = image.length / (size[0] * size[1] * size[2]);
  const hidden = image.slice();
  const spots = new Float32Array(image.length);
  const manipulate = MANIPULATIONS[manipulator];
  for (let channel = 0; channel < channels; channel++) {
    const plane: Plane = { values: image, size, channels, channel };
    const places = stratifiedPlaces(size, percent, random);
    for (const place of places) {
      hidden[indexOf(plane, place)] = manipulate(plane, place, radius, random);
      spots[indexOf(plane, place)] = 1;
    }
    if (structured) for (const place of places) hideBeside(hidden, plane, place, random);
  }
  return { image: hidden, spots };
}

/** Replaces the pixels to the left and right of a spot by random values. */
function hideBeside(hidden: Float32Array, plane: Plane, [z, y, x]: Box, random: Random): void {
  for (let step = -STRUCTURE_REACH; step <= STRUCTURE_REACH; step++) {
    const at = Math.min(Math.max(x + step, 0), plane.size[2] - 1);
    const value = STRUCTURE_VALUE * (2 * random.uniform() - 1);
    if (step !== 0 && at !== x) hidden[indexOf(plane, [z, y, at])] = value;
  }
}
