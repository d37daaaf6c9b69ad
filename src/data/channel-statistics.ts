/** Measures the channels of an image part by part: an image may be larger than memory. */
import { at as itemAt } from "../facts/checked-lists.ts";
import type { Image, SampleType } from "../images/image.ts";
import { type ChannelNormalization, clamp, UNLIMITED } from "./normalization.ts";

/** Reads an image part by part, from the start each time it is called. */
export type ImageParts = () => AsyncIterable<Image> | Iterable<Image>;

/** Measures of a channel's clipped values; `binary` looks at the values before they are clipped. */
export interface ChannelStatistics {
  /** Whether all values are 0 or 1. */
  readonly binary: boolean;
  readonly least: number;
  readonly largest: number;
  readonly mean: number;
  readonly deviation: number;
}

/**
 * Returns range, mean and deviation of each channel in one pass (Chan, Golub & LeVeque 1979 for merging parts).
 *
 * @param isEnough says from a channel's range and the pixel type whether more of it cannot matter. Reading stops when it is true of all channels
 */
export async function statistics(
  parts: ImageParts,
  channels: number,
  clips: readonly ChannelNormalization["clip"][],
  isEnough: (found: Pick<ChannelStatistics, "binary" | "largest">, sampleType: SampleType) => boolean = () =>
    false,
): Promise<ChannelStatistics[]> {
  const all = Array.from({ length: channels }, () => ({
    binary: true,
    least: Infinity,
    largest: -Infinity,
    count: 0,
    mean: 0,
    squares: 0,
  }));
  for await (const { data, sampleType } of parts()) {
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
    if (all.every((found) => isEnough(found, sampleType))) break;
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
 * values, those of the bins in question are then counted.
 */
export async function percentiles(
  parts: ImageParts,
  channels: number,
  percents: readonly [number, number],
  between: Between = "interpolated",
): Promise<[number, number][]> {
  const ranges = await statistics(parts, channels, []);
  let exact = true;
  const counts = ranges.map(() => new Float64Array(BINS));
  const binOf = (value: number, { least, largest }: ChannelStatistics) => {
    if (exact) return value - least;
    return largest > least ? Math.round(((value - least) / (largest - least)) * (BINS - 1)) : 0;
  };
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
  const values = exact ? undefined : await valuesOfBins(parts, channels, ranges, wanted, binOf);
  return wanted.map((ofChannel, channel) => {
    const rankedValue = ({ bin, place }: Rank) =>
      values === undefined
        ? itemAt(ranges, channel).least + bin
        : valueAt(values[channel]?.get(bin) ?? new Map(), place);
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

/** How often each value of a bin occurs: most pixels of an image may have one value. */
type Occurrences = ReadonlyMap<number, number>;

/** Returns the values of those bins of each channel that hold wanted ranks. */
async function valuesOfBins(
  parts: ImageParts,
  channels: number,
  ranges: readonly ChannelStatistics[],
  wanted: readonly (readonly ReturnType<typeof ranksAround>[])[],
  binOf: (value: number, range: ChannelStatistics) => number,
): Promise<ReadonlyMap<number, Occurrences>[]> {
  const found = wanted.map(
    (ofChannel) =>
      new Map(
        ofChannel
          .flatMap(({ below, above }) => [below, above])
          .map(({ bin }) => [bin, new Map<number, number>()]),
      ),
  );
  for await (const { data } of parts())
    ranges.forEach((range, channel) => {
      const kept = itemAt(found, channel);
      for (let at = channel; at < data.length; at += channels) {
        const value = data[at] ?? 0;
        const occurrences = kept.get(binOf(value, range));
        occurrences?.set(value, (occurrences.get(value) ?? 0) + 1);
      }
    });
  return found;
}

/** Returns the value at a place among the sorted values of a bin; NaN if there is none. */
function valueAt(occurrences: Occurrences, place: number): number {
  let passed = 0;
  for (const [value, count] of [...occurrences].sort(([one], [other]) => one - other)) {
    passed += count;
    if (passed > place) return value;
  }
  return Number.NaN;
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

/** Whether each channel holds only zeros and ones. Stops reading at the first other value of each. */
export async function binaryChannels(parts: ImageParts, channels: number): Promise<boolean[]> {
  const binary = new Array<boolean>(channels).fill(true);
  for await (const { data } of parts()) {
    for (let at = 0; at < data.length; at++)
      if (data[at] !== 0 && data[at] !== 1) binary[at % channels] = false;
    if (!binary.includes(true)) break;
  }
  return binary;
}
