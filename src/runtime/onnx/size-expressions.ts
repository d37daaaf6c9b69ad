/** Finds how a number in a graph depends on the sizes of its input, from traces of the same program at several sizes. */
import { at, atLeast } from "../../facts/checked-lists.ts";

/** `numerator · (product of sizes) / denominator + offset`, a whole number for every size that the network accepts. */
export interface SizeExpression {
  readonly numerator: number;
  readonly denominator: number;
  /** Axes of the input whose sizes are multiplied. */
  readonly axes: readonly number[];
  readonly offset: number;
}

/** Sizes of the input, and the number for these sizes. */
export interface Observation {
  readonly sizes: readonly number[];
  readonly value: number;
}

/**
 * Finds the expression of a number that was observed at several sizes: a product of sizes times a fraction, or one size times a fraction
 * plus an offset.
 *
 * @param observations the first at the base sizes, others with some sizes changed
 * @returns undefined if no such expression fits all observations
 */
export function sizeExpression(observations: readonly Observation[]): SizeExpression | undefined {
  const [base, ...others] = atLeast(observations, 1);
  if (others.every(({ value }) => value === base.value))
    return { numerator: base.value, denominator: 1, axes: [], offset: 0 };
  const axes = base.sizes
    .map((_, axis) => axis)
    .filter((axis) =>
      others.some(({ sizes, value }) => value !== base.value && onlyChanged(base.sizes, sizes, axis)),
    );
  const [first, ...further] = axes;
  const isSingle = first !== undefined && further.length === 0;
  const single = isSingle ? linear(base, others, first) : undefined;
  const found = single ?? product(base, axes);
  return observations.every(({ sizes, value }) => evaluate(found, sizes) === value) ? found : undefined;
}

/** Returns an expression's value for sizes of the input. */
export function evaluate(
  { numerator, denominator, axes, offset }: SizeExpression,
  sizes: readonly number[],
): number {
  return axes.reduce((value, axis) => value * at(sizes, axis), numerator) / denominator + offset;
}

const onlyChanged = (base: readonly number[], sizes: readonly number[], axis: number) =>
  sizes.every((size, each) => (size !== base[each]) === (each === axis));

function linear(base: Observation, others: readonly Observation[], axis: number): SizeExpression | undefined {
  const changed = others.find(({ sizes }) => onlyChanged(base.sizes, sizes, axis));
  if (changed === undefined) return undefined;
  const baseSize = at(base.sizes, axis);
  const [rise, run] = lowestTerms(changed.value - base.value, at(changed.sizes, axis) - baseSize);
  const offset = base.value - (rise * baseSize) / run;
  return Number.isInteger(offset) ? { numerator: rise, denominator: run, axes: [axis], offset } : undefined;
}

function product({ sizes, value }: Observation, axes: readonly number[]): SizeExpression {
  const whole = axes.reduce((all, axis) => all * at(sizes, axis), 1);
  const [numerator, denominator] = lowestTerms(value, whole);
  return { numerator, denominator, axes, offset: 0 };
}

function lowestTerms(numerator: number, denominator: number): [number, number] {
  const divisor = commonDivisor(Math.abs(numerator), Math.abs(denominator)) * Math.sign(denominator);
  return [numerator / divisor, denominator / divisor];
}

const commonDivisor = (a: number, b: number): number => (b === 0 ? a : commonDivisor(b, a % b));
