/**
 * Interpolation by B-splines of order 2 to 5, whose coefficients are found by recursive filters: Unser, Aldroubi & Eden, "B-spline signal
 * processing", IEEE Trans. Signal Processing 41 (1993).
 */
import { at as itemAt } from "../../facts/checked-lists.ts";
import type { GridBorder } from "./grid.ts";

/** The degree of a spline's polynomials. */
export type SplineOrder = 2 | 3 | 4 | 5;

/** The poles of each order's filter. */
const POLES: Readonly<Record<SplineOrder, readonly number[]>> = {
  2: [Math.sqrt(8) - 3],
  3: [Math.sqrt(3) - 2],
  4: [
    Math.sqrt(664 - Math.sqrt(438976)) + Math.sqrt(304) - 19,
    Math.sqrt(664 + Math.sqrt(438976)) - Math.sqrt(304) - 19,
  ],
  5: [
    Math.sqrt(67.5 - Math.sqrt(4436.25)) + Math.sqrt(26.25) - 6.5,
    Math.sqrt(67.5 + Math.sqrt(4436.25)) - Math.sqrt(26.25) - 6.5,
  ],
};

/** Pixels that SciPy adds on each side where no filter starts exactly at the border. */
const EXTENSION = 12;

/** Returns how many pixels {@link splineCoefficients} adds before a line and after it. */
export const splineExtension = (border: GridBorder): number =>
  border === "nearest" || border === "constant" ? EXTENSION : 0;

/**
 * Returns the coefficients of the spline through a line's values.
 *
 * @param outside the value beyond a constant border
 */
export function splineCoefficients(
  line: Float64Array,
  order: SplineOrder,
  border: GridBorder,
  outside: number,
): Float64Array {
  const added = splineExtension(border);
  const values = new Float64Array(line.length + 2 * added);
  values.set(line, added);
  values.fill(border === "constant" ? outside : itemAt(line, 0), 0, added);
  values.fill(border === "constant" ? outside : itemAt(line, line.length - 1), added + line.length);
  if (values.length === 1) return values;
  for (const pole of POLES[order]) {
    const gain = (1 - pole) * (1 - 1 / pole);
    for (const [index, value] of values.entries()) values[index] = value * gain;
    filter(values, pole, border);
  }
  return values;
}

/** Filters a line forward and backward in place, as if it continued beyond its ends. */
function filter(values: Float64Array, pole: number, border: GridBorder): void {
  const last = values.length - 1;
  const of = (index: number) => values[index] ?? 0;
  values[0] = firstForward(values, pole, border);
  for (let index = 1; index <= last; index++) values[index] = of(index) + pole * of(index - 1);
  values[last] = firstBackward(values, pole, border);
  for (let index = last - 1; index >= 0; index--) values[index] = pole * (of(index + 1) - of(index));
}

/** Returns the sum over all values up to the first one, each weighted by a power of the pole. */
function firstForward(values: Float64Array, pole: number, border: GridBorder): number {
  const size = values.length;
  const of = (index: number) => values[index] ?? 0;
  const weighted = (period: number, at: (step: number) => number) => {
    let [sum, weight] = [0, 1];
    for (let step = 0; step < period; step++) {
      sum += weight * of(at(step));
      weight *= pole;
    }
    return sum / (1 - weight);
  };
  if (border === "wrap") return weighted(size, (step) => (step === 0 ? 0 : size - step));
  if (border === "mirror" || border === "constant")
    return weighted(2 * size - 2, (step) => (step < size ? step : 2 * size - 2 - step));
  return of(0) + pole * weighted(2 * size, (step) => (step < size ? step : 2 * size - 1 - step));
}

function firstBackward(values: Float64Array, pole: number, border: GridBorder): number {
  const size = values.length;
  const of = (index: number) => values[index] ?? 0;
  if (border === "wrap") {
    let [sum, weight] = [0, 1];
    for (let step = 0; step < size; step++) {
      sum += weight * of((size - 1 + step) % size);
      weight *= pole;
    }
    return (-pole * sum) / (1 - weight);
  }
  if (border === "mirror" || border === "constant")
    return ((pole * of(size - 2) + of(size - 1)) * pole) / (pole * pole - 1);
  return (of(size - 1) * pole) / (pole - 1);
}

/** Returns the coefficients that a place lies between, by index, and their weights. */
export function splineWeights(
  place: number,
  order: SplineOrder,
): (readonly [index: number, weight: number])[] {
  const first = Math.floor(place + (order % 2 === 0 ? 0.5 : 0)) - (order >> 1);
  return Array.from({ length: order + 1 }, (_, step) => [first + step, basis(place - first - step, order)]);
}

/** Returns the B-spline of an order at a distance from its middle. */
function basis(distance: number, order: SplineOrder): number {
  let [sum, binomial, factorial] = [0, 1, 1];
  for (let step = 0; step <= order + 1; step++) {
    const reach = distance + (order + 1) / 2 - step;
    if (reach > 0) sum += (step % 2 === 0 ? 1 : -1) * binomial * reach ** order;
    binomial = (binomial * (order + 1 - step)) / (step + 1);
    if (step > 0 && step <= order) factorial *= step;
  }
  return sum / factorial;
}
