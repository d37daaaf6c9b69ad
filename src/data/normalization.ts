/** DATA.NORMALIZATION: normalizes pixel values for the model, and reverts that for its predictions. */
import type { Image, SampleArray, SampleType } from "../images/image.ts";
import { roundHalfToEven } from "./rounding.ts";

/** Values of DATA.NORMALIZATION.TYPE. */
export const NORMALIZATION_TYPES = ["div", "scale_range", "zero_mean_unit_variance"] as const;

/** DATA.NORMALIZATION.* */
export interface NormalizationSettings {
  /**
   * `div` divides by 255 or 65535, `scale_range` maps each image's own range to 0 to 1, `zero_mean_unit_variance` subtracts
   * the mean and divides by the standard deviation.
   */
  readonly type: (typeof NORMALIZATION_TYPES)[number];
  /** One for all channels or one per channel. Defaults to each image's own. */
  readonly custom?: { readonly mean: readonly number[]; readonly deviation: readonly number[] };
  readonly clip?: Clipping;
}

/** Values are clipped first: to percentiles (0 to 100) of the image, or to values (one for all channels or one per channel). */
export type Clipping =
  | { readonly percentiles: readonly [lower: number, upper: number] }
  | { readonly lower: readonly number[]; readonly upper: readonly number[] };

/** The transform of each channel: (value - offset) / scale, after clipping. */
export interface ChannelNormalization {
  readonly offset: number;
  readonly scale: number;
  readonly clip?: readonly [lower: number, upper: number];
  /** Whether normalized values lie in [0, 1]: those of `div` and `scale_range`. */
  readonly unit?: boolean;
}

/** The limits of channels that are not clipped. */
export const UNLIMITED = [-Infinity, Infinity] as const;

export const clamp = (value: number, least: number, largest: number) =>
  Math.min(Math.max(value, least), largest);

/** Returns normalized values, `[z, y, x, channel]`. */
export function normalize({ shape, data }: Image, channels: readonly ChannelNormalization[]): Float32Array {
  const count = shape[3];
  const values = new Float32Array(data.length);
  channels.forEach(({ offset, scale, clip: [lower, upper] = UNLIMITED }, channel) => {
    for (let at = channel; at < data.length; at += count) {
      const value = data[at] ?? 0;
      values[at] = (clamp(value, lower, upper) - offset) / scale;
    }
  });
  return values;
}

/** The limits of integers by their type. */
export const INTEGER_RANGE: Partial<Record<SampleType, readonly [number, number]>> = {
  uint8: [0, 255],
  uint16: [0, 65535],
  uint32: [0, 2 ** 32 - 1],
  int8: [-128, 127],
  int16: [-32768, 32767],
  int32: [-(2 ** 31), 2 ** 31 - 1],
};

/** Converts normalized pixels of an image back to its own range and pixel type. Integers are rounded and clipped to their range. */
export function denormalize(
  values: Float32Array,
  channels: readonly ChannelNormalization[],
  sampleType: SampleType,
  into: SampleArray,
): SampleArray {
  const range = INTEGER_RANGE[sampleType];
  const [least, largest] = range ?? UNLIMITED;
  channels.forEach(({ offset, scale }, channel) => {
    for (let at = channel; at < values.length; at += channels.length) {
      const value = (values[at] ?? 0) * scale + offset;
      const whole = range === undefined ? value : Math.round(value);
      into[at] = clamp(whole, least, largest);
    }
  });
  return into;
}

/**
 * Converts a prediction to the image's own range and pixel type, as BiaPy 3.7.1 does: predictions of `div` and `scale_range` are clipped
 * to [0, 1], and truncated for images of integers; others are clipped to the limits of the image's clipping, and rounded half to even.
 */
export function denormalizedPrediction(
  values: Float32Array,
  channels: readonly ChannelNormalization[],
  sampleType: SampleType,
  into: SampleArray,
): SampleArray {
  const range = INTEGER_RANGE[sampleType];
  const [least, largest] = range ?? UNLIMITED;
  channels.forEach(({ offset, scale, clip, unit }, channel) => {
    const [lower, upper] = clip ?? UNLIMITED;
    const whole = unit ? Math.trunc : roundHalfToEven;
    for (let at = channel; at < values.length; at += channels.length) {
      const value = unit
        ? clamp(values[at] ?? 0, 0, 1) * scale + offset
        : clamp((values[at] ?? 0) * scale + offset, lower, upper);
      into[at] = clamp(range === undefined ? value : whole(value), least, largest);
    }
  });
  return into;
}
