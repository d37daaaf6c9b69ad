/** DATA.NORMALIZATION: what is done to pixel values before a model sees them, and undone to its predictions. */
import type { Image, SampleArray, SampleType } from "../images/image.ts";

export interface NormalisationSettings {
  /**
   * `div` divides by 255 or 65535, `scale_range` maps each image's own range to 0 to 1, `zero_mean_unit_variance` subtracts
   * the mean and divides by the standard deviation.
   */
  readonly type: "div" | "scale_range" | "zero_mean_unit_variance";
  /** One for all channels or one a channel; absent, each image's own. */
  readonly custom?: { readonly mean: readonly number[]; readonly deviation: readonly number[] };
  /** Clip to these percentiles (0 to 100) of the image first. */
  readonly percentiles?: readonly [lower: number, upper: number];
}

/** What was done to each channel: (value - offset) / scale, after clipping. */
export interface ChannelNormalisation {
  readonly offset: number;
  readonly scale: number;
  readonly clip?: readonly [lower: number, upper: number];
}

/** Constant images divide by this instead of zero. */
const SMALLEST_SCALE = 1e-6;

function percentile(sorted: ArrayLike<number>, percent: number): number {
  const place = (percent / 100) * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (place - below);
}

function channelValues({ shape, data }: Image, channel: number): Float64Array {
  const channels = shape[3];
  return Float64Array.from(
    { length: data.length / channels },
    (_, pixel) => data[pixel * channels + channel],
  );
}

function moments(values: Float64Array): { mean: number; deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(variance) };
}

function extremes(values: Float64Array): { least: number; largest: number } {
  let [least, largest] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < least) least = value;
    if (value > largest) largest = value;
  }
  return { least, largest };
}

/** How an image is to be normalised, channel by channel. */
export function measureNormalisation(image: Image, settings: NormalisationSettings): ChannelNormalisation[] {
  return Array.from({ length: image.shape[3] }, (_, channel) => {
    let values = channelValues(image, channel);
    let clip: readonly [number, number] | undefined;
    if (settings.percentiles !== undefined) {
      const sorted = values.slice().sort();
      const [lower, upper] = settings.percentiles.map((percent) => percentile(sorted, percent));
      clip = [lower, upper];
      values = values.map((value) => Math.min(Math.max(value, lower), upper));
    }
    return { ...channelScale(values, channel, settings), clip };
  });
}

function channelScale(
  values: Float64Array,
  channel: number,
  { type, custom }: NormalisationSettings,
): { offset: number; scale: number } {
  if (type === "zero_mean_unit_variance") {
    const measured = custom === undefined ? moments(values) : undefined;
    const pick = (list: readonly number[]) => list[Math.min(channel, list.length - 1)];
    const mean = custom === undefined ? (measured?.mean ?? 0) : pick(custom.mean);
    const deviation = custom === undefined ? (measured?.deviation ?? 1) : pick(custom.deviation);
    return { offset: mean, scale: Math.max(deviation, SMALLEST_SCALE) };
  }
  const { least, largest } = extremes(values);
  if (type === "scale_range") return { offset: least, scale: Math.max(largest - least, SMALLEST_SCALE) };
  if (largest <= 1) return { offset: 0, scale: 1 };
  return { offset: 0, scale: largest <= 255 ? 255 : 65535 };
}

/** Normalised values, `[z, y, x, channel]`. */
export function normalise({ shape, data }: Image, channels: readonly ChannelNormalisation[]): Float32Array {
  const count = shape[3];
  return Float32Array.from(data, (value, index) => {
    const { offset, scale, clip } = channels[index % count];
    const clipped = clip === undefined ? value : Math.min(Math.max(value, clip[0]), clip[1]);
    return (clipped - offset) / scale;
  });
}

const INTEGER_RANGE: Partial<Record<SampleType, readonly [number, number]>> = {
  uint8: [0, 255],
  uint16: [0, 65535],
  uint32: [0, 2 ** 32 - 1],
  int8: [-128, 127],
  int16: [-32768, 32767],
  int32: [-(2 ** 31), 2 ** 31 - 1],
};

/** Values back in an image's own range and pixel type, rounded and kept within it where it is of integers. */
export function denormalise(
  values: Float32Array,
  channels: readonly ChannelNormalisation[],
  sampleType: SampleType,
  into: SampleArray,
): SampleArray {
  const range = INTEGER_RANGE[sampleType];
  for (let index = 0; index < values.length; index++) {
    const { offset, scale } = channels[index % channels.length];
    const value = values[index] * scale + offset;
    into[index] = range === undefined ? value : Math.min(Math.max(Math.round(value), range[0]), range[1]);
  }
  return into;
}
