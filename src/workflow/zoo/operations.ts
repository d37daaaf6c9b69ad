/**
 * Pre- and postprocessing of packages (bioimageio.spec 0.4 and 0.5). As in the Zoo's own program, statistics are those of the tensor before
 * its first operation, measured over the whole image.
 */

import * as v from "valibot";
import type { Between, Measures } from "../../data/channel-statistics.ts";
import { at, keysOf } from "../../facts/checked-lists.ts";
import { PackageError, type Processing } from "./read-package.ts";

/** Statistics that an operation needs, measured over a whole image. */
export interface Need {
  /** Whether the network's input or its output is measured. */
  readonly of: "input" | "output";
  /** Two percentiles (0 to 100). Defaults to mean and standard deviation. */
  readonly percentiles?: readonly [lower: number, upper: number];
  readonly between?: Between;
  /** Whether channels are measured together. */
  readonly joint: boolean;
}

/** An operation on values `[…, channel]`, in place. */
export interface Operation {
  readonly needs: readonly Need[];
  /** @param known the measured statistics, for each of {@link needs} */
  apply(values: Float32Array, channels: number, known: readonly Measures[]): void;
}

/** What a tensor's operations refer to. */
export interface OperatedTensor {
  readonly kind: Need["of"];
  readonly id: string;
  readonly axes: readonly string[];
  /** The id of the package's input. */
  readonly input: string;
}

const epsilon = v.optional(v.number(), 1e-6);
const axes = v.nullish(v.array(v.string()));
const numbers = v.union([v.number(), v.array(v.number())]);
const axis = v.nullish(v.string());
const percent = v.pipe(v.number(), v.minValue(0), v.maxValue(100));
const percentile = v.nullish(percent);

type Make = (kwargs: Processing["kwargs"], tensor: OperatedTensor) => Operation;

/** Returns a maker of operations that validates their arguments. */
function operation<Kwargs>(
  schema: v.GenericSchema<unknown, Kwargs>,
  make: (kwargs: Kwargs, tensor: OperatedTensor) => Operation,
): Make {
  return (kwargs, tensor) => {
    const parsed = v.safeParse(schema, kwargs);
    if (parsed.success) return make(parsed.output, tensor);
    const [issue] = parsed.issues;
    throw new PackageError(`its arguments are not understood: ${v.getDotPath(issue) ?? ""} ${issue.message}`);
  };
}

/** Functions that make probabilities of logits. */
export const activations = {
  sigmoid: everyValue((value) => 1 / (1 + Math.exp(-value))),
  softmax: { needs: [], apply: softmax },
} as const satisfies Record<string, Operation>;

const OPERATIONS: Readonly<Record<string, Make>> = {
  binarize: operation(v.object({ threshold: numbers, axis }), ({ threshold, axis }) => {
    const limit = perChannel(threshold, axis);
    return everyValue((value, channel) => Number(value > limit(channel)));
  }),
  clip: operation(
    v.object({
      min: v.nullish(v.number()),
      max: v.nullish(v.number()),
      min_percentile: percentile,
      max_percentile: percentile,
      axes,
    }),
    ({ min, max, min_percentile, max_percentile, axes }, tensor) => {
      const [least, largest] = [min ?? -Infinity, max ?? Infinity];
      if (typeof min_percentile !== "number" && typeof max_percentile !== "number")
        return everyValue((value) => Math.min(Math.max(value, least), largest));
      const need: Need = {
        of: tensor.kind,
        percentiles: [min_percentile ?? 0, max_percentile ?? 100],
        between: "next",
        joint: isJoint(axes, tensor),
      };
      const [byLower, byUpper] = [typeof min_percentile === "number", typeof max_percentile === "number"];
      return measured([need], (value, [[lower, upper]]) =>
        Math.min(Math.max(value, byLower ? lower : least), byUpper ? upper : largest),
      );
    },
  ),
  ensure_dtype: operation(v.object({ dtype: v.string() }), ({ dtype }) => {
    if (/^float(32|64)$/.test(dtype)) return everyValue((value) => value);
    const whole = wholeNumbers(dtype);
    if (whole !== undefined) return everyValue(whole);
    throw new PackageError(`its type ${dtype} is not supported`);
  }),
  fixed_zero_mean_unit_variance: operation(
    v.object({ mean: numbers, std: numbers, axis, eps: epsilon }),
    ({ mean, std, axis, eps }) => {
      const [offset, scale] = [perChannel(mean, axis), perChannel(std, axis)];
      return everyValue((value, channel) => (value - offset(channel)) / (scale(channel) + eps));
    },
  ),
  scale_linear: operation(
    v.object({ gain: v.optional(numbers, 1), offset: v.optional(numbers, 0), axis }),
    ({ gain, offset, axis }) => {
      const [factor, added] = [perChannel(gain, axis), perChannel(offset, axis)];
      return everyValue((value, channel) => value * factor(channel) + added(channel));
    },
  ),
  scale_mean_variance: operation(
    v.object({ axes, eps: epsilon, reference_tensor: v.string() }),
    ({ axes, eps, reference_tensor }, tensor) => {
      const joint = isJoint(axes, tensor);
      const needs: Need[] = [
        { of: tensor.kind, joint },
        { of: referenceKind(reference_tensor, tensor), joint },
      ];
      return measured(
        needs,
        (value, [[mean, deviation], [wanted, spread] = [0, 1]]) =>
          ((value - mean) / (deviation + eps)) * (spread + eps) + wanted,
      );
    },
  ),
  scale_range: operation(
    v.object({
      axes,
      eps: epsilon,
      min_percentile: v.optional(percent, 0),
      max_percentile: v.optional(percent, 100),
      reference_tensor: v.nullish(v.string()),
    }),
    ({ axes, eps, min_percentile, max_percentile, reference_tensor }, tensor) => {
      const of = referenceKind(reference_tensor ?? tensor.id, tensor);
      const need: Need = {
        of,
        percentiles: [min_percentile, max_percentile],
        joint: isJoint(axes, tensor),
      };
      return measured([need], (value, [[lower, upper]]) => (value - lower) / (upper - lower + eps));
    },
  ),
  sigmoid: operation(v.object({}), () => activations.sigmoid),
  softmax: operation(v.object({ axis: v.optional(v.string(), "channel") }), ({ axis }) => {
    if (axis !== "channel") throw new PackageError(`it runs along ${axis}, not along channels`);
    return activations.softmax;
  }),
  zero_mean_unit_variance: operation(v.object({ axes, eps: epsilon }), ({ axes, eps }, tensor) =>
    measured(
      [{ of: tensor.kind, joint: isJoint(axes, tensor) }],
      (value, [[mean, deviation]]) => (value - mean) / (deviation + eps),
    ),
  ),
};

const WHOLE = {
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  uint32: Uint32Array,
  int32: Int32Array,
} as const;

/** Values of int32 lie from -LIMIT to below LIMIT. */
const LIMIT = 2 ** 31;

/**
 * Returns the conversion to whole numbers, as NumPy's `astype` does it: decimals are dropped, and values beyond the type's range wrap.
 * Processors convert by way of int32, which has -2^31 for what it cannot hold.
 */
function wholeNumbers(dtype: string): ((value: number) => number) | undefined {
  const type = keysOf(WHOLE).find((each) => each === dtype);
  if (type === undefined) return undefined;
  const cell = new WHOLE[type](1);
  return (value) => {
    const whole = Math.trunc(value);
    const held = dtype === "uint32" || (whole >= -LIMIT && whole < LIMIT);
    cell[0] = held ? whole : -LIMIT;
    return cell[0] ?? 0;
  };
}

/** Reads a tensor's operations. Throws {@link PackageError} for those that are not understood. */
export function operationsOf(list: readonly Processing[], tensor: OperatedTensor): Operation[] {
  const what = tensor.kind === "input" ? "preprocessing" : "postprocessing";
  return list.map(({ id, kwargs }) => {
    const make = Object.hasOwn(OPERATIONS, id) ? OPERATIONS[id] : undefined;
    if (make === undefined)
      throw new PackageError(
        `its ${what} has ${id}, which this engine does not do (only ${Object.keys(OPERATIONS).join(", ")}).`,
      );
    try {
      return make(kwargs, tensor);
    } catch (error) {
      if (!(error instanceof PackageError)) throw error;
      throw new PackageError(`its ${what} cannot be done: ${id}: ${error.message}.`);
    }
  });
}

const SPACE: readonly string[] = ["z", "y", "x"];

/** Whether statistics are of all channels together. Each image is measured on its own, even if a package measures a data set. */
function isJoint(axes: readonly string[] | null | undefined, tensor: OperatedTensor): boolean {
  if (!axes) return true;
  const unknown = axes.find((each) => !tensor.axes.includes(each === "t" ? "time" : each));
  if (unknown !== undefined) throw new PackageError(`the tensor has no axis ${unknown}`);
  // Other axes than those of space and channels have the size 1.
  const kept = tensor.axes.find((each) => SPACE.includes(each) && !axes.includes(each));
  if (kept !== undefined) throw new PackageError(`it measures each ${kept} separately`);
  return axes.includes("channel");
}

function referenceKind(reference: string, tensor: OperatedTensor): Need["of"] {
  if (reference === tensor.id) return tensor.kind;
  if (reference === tensor.input) return "input";
  throw new PackageError(`it refers to the tensor ${reference}`);
}

/** Returns the number of a channel: one for all channels, or one for each. Throws {@link PackageError} for a channel without a number. */
function perChannel(
  given: number | readonly number[],
  axis: string | null | undefined,
): (channel: number) => number {
  if (typeof given === "number") return () => given;
  if (typeof axis === "string" && axis !== "channel")
    throw new PackageError(`it has numbers along ${axis}, not along channels`);
  return (channel) => {
    const own = given[channel];
    if (own !== undefined) return own;
    throw new PackageError(`its pre- or postprocessing has numbers for ${given.length} channels only.`);
  };
}

/** Returns an operation that changes each value on its own. */
function everyValue(change: (value: number, channel: number) => number): Operation {
  return {
    needs: [],
    apply: (values, channels) => {
      for (let index = 0; index < values.length; index++)
        values[index] = change(values[index] ?? 0, index % channels);
    },
  };
}

type Pair = readonly [first: number, second: number];

/** Returns an operation that changes values by statistics of their channel. */
function measured(
  needs: readonly Need[],
  change: (value: number, known: readonly [Pair, ...Pair[]]) => number,
): Operation {
  return {
    needs,
    apply: (values, channels, known) => {
      for (let channel = 0; channel < channels; channel++) {
        const [first, ...others] = known.map((pairs) => at(pairs, Math.min(channel, pairs.length - 1)));
        if (first === undefined) throw new RangeError("Nothing was measured.");
        for (let index = channel; index < values.length; index += channels)
          values[index] = change(values[index] ?? 0, [first, ...others]);
      }
    },
  };
}

/** Converts values `[…, channel]` to probabilities over the channels of each pixel, in place. */
function softmax(values: Float32Array, channels: number): void {
  for (let pixel = 0; pixel < values.length; pixel += channels) {
    const own = values.subarray(pixel, pixel + channels);
    const largest = Math.max(...own);
    let sum = 0;
    for (let channel = 0; channel < channels; channel++) {
      const raised = Math.exp((own[channel] ?? 0) - largest);
      own[channel] = raised;
      sum += raised;
    }
    for (let channel = 0; channel < channels; channel++) own[channel] = (own[channel] ?? 0) / sum;
  }
}
