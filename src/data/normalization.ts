/** DATA.NORMALIZATION: normalizes pixel values for the model, and reverts that for its predictions. */
import { at as itemAt } from "../facts/checked-lists.ts";
import type { Image, SampleArray, SampleType } from "../images/image.ts";

export interface NormalizationSettings {
  /**
   * `div` divides by 255 or 65535, `scale_range` maps each image's own range to 0 to 1, `zero_mean_unit_variance` subtracts
   * the mean and divides by the standard deviation.
   */
  readonly type: "div" | "scale_range" | "zero_mean_unit_variance";
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

/** Binary channels (only zeros and ones) are never normalized. */
const AS_IT_IS: ChannelNormalization = { offset: 0, scale: 1 };

/** Reads an image part by part, from the start each time it is called: an image may be larger than memory. */
export type ImageParts = () => AsyncIterable<Image> | Iterable<Image>;

/** Constant images divide by this instead of zero. */
const SMALLEST_SCALE = 1e-6;

interface ChannelStatistics {
  /** Whether all values are 0 or 1. */
  readonly binary: boolean;
  readonly least: number;
  readonly largest: number;
  readonly mean: number;
  readonly deviation: number;
}

const UNLIMITED = [-Infinity, Infinity] as const;

const clamp = (value: number, least: number, largest: number) => Math.min(Math.max(value, least), largest);

/** Range, mean and deviation of each channel in one pass (Chan, Golub & LeVeque 1979 for merging parts). */
async function statistics(
  parts: ImageParts,
  channels: number,
  clips: readonly ChannelNormalization["clip"][],
): Promise<ChannelStatistics[]> {
  const all = Array.from({ length: channels }, () => ({
    binary: true,
    least: Infinity,
    largest: -Infinity,
    count: 0,
    mean: 0,
    squares: 0,
  }));
  for await (const { data } of parts()) {
    all.forEach((known, channel) => {
      const [lower, upper] = clips[channel] ?? UNLIMITED;
      const count = data.length / channels;
      let [sum, least, largest] = [0, Infinity, -Infinity];
      for (let at = channel; at < data.length; at += channels) {
        const value = data[at] ?? 0;
        if (known.binary && value !== 0 && value !== 1) known.binary = false;
        sum += clamp(value, lower, upper);
        if (value < least) least = value;
        if (value > largest) largest = value;
      }
      known.least = Math.min(known.least, clamp(least, lower, upper));
      known.largest = Math.max(known.largest, clamp(largest, lower, upper));
      const mean = sum / count;
      let squares = 0;
      for (let at = channel; at < data.length; at += channels) {
        const value = data[at] ?? 0;
        const off = clamp(value, lower, upper) - mean;
        squares += off * off;
      }
      const total = known.count + count;
      known.squares += squares + ((mean - known.mean) ** 2 * known.count * count) / total;
      known.mean += ((mean - known.mean) * count) / total;
      known.count = total;
    });
  }
  return all.map(({ binary, least, largest, mean, squares, count }) => ({
    binary,
    least,
    largest,
    mean,
    deviation: Math.sqrt(squares / count),
  }));
}

const BINS = 65536;

/**
 * Returns two percentiles of each channel. Values are counted in bins; where a bin may hold different
 * values, those of the bins in question are then sorted.
 */
async function percentiles(
  parts: ImageParts,
  channels: number,
  percents: readonly [number, number],
  between: Between = "interpolated",
): Promise<[number, number][]> {
  const ranges = await statistics(parts, channels, []);
  let exact = true;
  const counts = ranges.map(() => new Float64Array(BINS));
  const binOf = (value: number, { least, largest }: ChannelStatistics) =>
    exact
      ? value - least
      : Math.round((value - least) / (Math.max(largest - least, Number.MIN_VALUE) / (BINS - 1)));
  for await (const { data, sampleType } of parts()) {
    exact = /^u?int(8|16)$/.test(sampleType);
    ranges.forEach((range, channel) => {
      const bins = itemAt(counts, channel);
      for (let at = channel; at < data.length; at += channels) {
        const bin = binOf(data[at] ?? 0, range);
        bins[bin] = (bins[bin] ?? 0) + 1;
      }
    });
  }
  const wanted = counts.map((bins) => percents.map((percent) => ranksAround(bins, percent, between)));
  const sorted = exact ? undefined : await sortedBins(parts, channels, ranges, wanted, binOf);
  return wanted.map((ofChannel, channel) => {
    const rankedValue = ({ bin, place }: Rank) =>
      sorted === undefined
        ? itemAt(ranges, channel).least + bin
        : itemAt(sorted[channel]?.get(bin) ?? [], place);
    const [lower, upper] = ofChannel.map(({ below, above, share }) => {
      const value = rankedValue(below);
      return value + (rankedValue(above) - value) * share;
    });
    return [lower ?? Number.NaN, upper ?? Number.NaN];
  });
}

/** What a percentile between two values is: their interpolation, or the larger one (NumPy's `linear` and `inverted_cdf`). */
export type Between = "interpolated" | "next";

/** A value by its bin, and its place among the sorted values of that bin. */
interface Rank {
  readonly bin: number;
  readonly place: number;
}

/** Returns the two values around a percentile, and how far it lies from the first to the second. */
function ranksAround(
  bins: Float64Array,
  percent: number,
  between: Between,
): { readonly below: Rank; readonly above: Rank; readonly share: number } {
  const total = bins.reduce((sum, count) => sum + count, 0);
  const ranked = (rank: number): Rank => {
    let passed = 0;
    const bin = Math.max(
      bins.findIndex((count) => {
        passed += count;
        return passed > rank;
      }),
      0,
    );
    return { bin, place: Math.max(rank - (passed - (bins[bin] ?? 0)), 0) };
  };
  if (between === "next") {
    const rank = ranked(Math.max(Math.ceil((percent / 100) * total) - 1, 0));
    return { below: rank, above: rank, share: 0 };
  }
  const place = (percent / 100) * (total - 1);
  const below = Math.floor(place);
  return {
    below: ranked(below),
    above: ranked(Math.min(below + 1, total - 1)),
    share: place - below,
  };
}

/** Returns the sorted values of those bins of each channel that hold wanted ranks. */
async function sortedBins(
  parts: ImageParts,
  channels: number,
  ranges: readonly ChannelStatistics[],
  wanted: readonly (readonly ReturnType<typeof ranksAround>[])[],
  binOf: (value: number, range: ChannelStatistics) => number,
): Promise<Map<number, number[]>[]> {
  const found = wanted.map(
    (ofChannel) =>
      new Map(
        ofChannel.flatMap(({ below, above }) => [below, above]).map(({ bin }) => [bin, [] as number[]]),
      ),
  );
  for await (const { data } of parts())
    ranges.forEach((range, channel) => {
      const kept = itemAt(found, channel);
      for (let at = channel; at < data.length; at += channels) {
        const value = data[at] ?? 0;
        kept.get(binOf(value, range))?.push(value);
      }
    });
  for (const kept of found) for (const values of kept.values()) values.sort((one, other) => one - other);
  return found;
}

/** Two numbers for each channel, or one pair for all channels together: mean and standard deviation, or two percentiles. */
export type Measures = readonly (readonly [first: number, second: number])[];

/**
 * Measures values as they are, over all parts.
 *
 * @param channels 1 to measure all channels together
 * @param percents which percentiles. Defaults to mean and standard deviation
 */
export async function measureValues(
  parts: ImageParts,
  channels: number,
  percents?: readonly [number, number],
  between?: Between,
): Promise<Measures> {
  if (percents !== undefined) return percentiles(parts, channels, percents, between);
  const measured = await statistics(parts, channels, []);
  return measured.map(({ mean, deviation }) => [mean, deviation]);
}

/** Returns a channel's value. The last value holds for all further channels. */
const pick = (list: readonly number[], channel: number) => itemAt(list, Math.min(channel, list.length - 1));

async function clipsOf(
  parts: ImageParts,
  channels: number,
  clip: Clipping | undefined,
): Promise<ChannelNormalization["clip"][]> {
  if (clip === undefined) return [];
  if ("percentiles" in clip) return percentiles(parts, channels, clip.percentiles);
  return Array.from({ length: channels }, (_, channel) => [
    pick(clip.lower, channel),
    pick(clip.upper, channel),
  ]);
}

/** Whether each channel holds only zeros and ones. Stops reading at the first other value of each. */
async function binaryChannels(parts: ImageParts, channels: number): Promise<boolean[]> {
  const binary = new Array<boolean>(channels).fill(true);
  for await (const { data } of parts()) {
    for (let at = 0; at < data.length; at++)
      if (data[at] !== 0 && data[at] !== 1) binary[at % channels] = false;
    if (!binary.includes(true)) break;
  }
  return binary;
}

/** Measures the normalization of each channel of an image. */
export async function measureNormalization(
  parts: ImageParts,
  channels: number,
  settings: NormalizationSettings,
): Promise<ChannelNormalization[]> {
  const { type, custom } = settings;
  const clips = await clipsOf(parts, channels, settings.clip);
  if (type === "zero_mean_unit_variance" && custom !== undefined) {
    const binary = await binaryChannels(parts, channels);
    return binary.map((asItIs, channel) =>
      asItIs
        ? AS_IT_IS
        : {
            offset: pick(custom.mean, channel),
            scale: Math.max(pick(custom.deviation, channel), SMALLEST_SCALE),
            clip: clips[channel],
          },
    );
  }
  const measured = await statistics(parts, channels, clips);
  return measured.map((channel, index) =>
    channel.binary ? AS_IT_IS : { ...channelScale(channel, type), clip: clips[index] },
  );
}

/**
 * Returns a normalization by the settings' own numbers, which no image changes: by mean and deviation, or from the limits of clipping
 * to 0 to 1.
 */
export function fixedNormalization(
  { type, custom, clip }: NormalizationSettings,
  channels: number,
): ChannelNormalization[] {
  const limits = clip !== undefined && "lower" in clip ? clip : undefined;
  return Array.from({ length: channels }, (_, channel) => {
    const range =
      limits === undefined
        ? undefined
        : ([pick(limits.lower, channel), pick(limits.upper, channel)] as const);
    if (type === "zero_mean_unit_variance" && custom !== undefined) {
      const scale = Math.max(pick(custom.deviation, channel), SMALLEST_SCALE);
      return { offset: pick(custom.mean, channel), scale, clip: range };
    }
    if (range === undefined) throw new Error(`A fixed normalization of the type ${type} needs limits.`);
    const scale = Math.max(range[1] - range[0], SMALLEST_SCALE);
    return { offset: range[0], scale, clip: range, unit: true };
  });
}

function channelScale(
  { least, largest, mean, deviation }: ChannelStatistics,
  type: NormalizationSettings["type"],
): Omit<ChannelNormalization, "clip"> {
  if (type === "zero_mean_unit_variance") return { offset: mean, scale: Math.max(deviation, SMALLEST_SCALE) };
  if (type === "scale_range")
    return { offset: least, scale: Math.max(largest - least, SMALLEST_SCALE), unit: true };
  return { offset: 0, scale: largest <= 1 ? 1 : largest <= 255 ? 255 : 65535, unit: true };
}

/** Normalized values, `[z, y, x, channel]`. */
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

const INTEGER_RANGE: Partial<Record<SampleType, readonly [number, number]>> = {
  uint8: [0, 255],
  uint16: [0, 65535],
  uint32: [0, 2 ** 32 - 1],
  int8: [-128, 127],
  int16: [-32768, 32767],
  int32: [-(2 ** 31), 2 ** 31 - 1],
};

/**
 * Returns stored pixels that were normalized in the image's own range and pixel type: rounded and kept within its range where it
 * is of integers.
 */
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
 * Returns what a network predicted in the image's own range and pixel type, as BiaPy 3.7.1 writes it: predictions of `div` and
 * `scale_range` are kept in [0, 1] and lose their decimals where the image is of integers; others are rounded half to even and kept
 * within the values that the image was clipped to.
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
    for (let at = channel; at < values.length; at += channels.length) {
      const value = unit
        ? clamp(values[at] ?? 0, 0, 1) * scale + offset
        : clamp((values[at] ?? 0) * scale + offset, lower, upper);
      const whole = range === undefined ? value : unit ? Math.trunc(value) : roundHalfToEven(value);
      into[at] = clamp(whole, least, largest);
    }
  });
  return into;
}

/** Rounds as NumPy does. */
function roundHalfToEven(value: number): number {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}
