/** Measures the channels of an image part by part: an image may be larger than memory. */
import { at as itemAt } from "../facts/checked-lists.ts";
import type { Image } from "../images/image.ts";
import { type ChannelNormalization, clamp, UNLIMITED } from "./normalization.ts";

/** Reads an image part by part, from the start each time it is called. */
export type ImageParts = () => AsyncIterable<Image> | Iterable<Image>;

export interface ChannelStatistics {
  /** Whether all values are 0 or 1. */
  readonly binary: boolean;
  readonly least: number;
  readonly largest: number;
  readonly mean: number;
  readonly deviation: number;
}

/** Returns range, mean and deviation of each channel in one pass (Chan, Golub & LeVeque 1979 for merging parts). */
export async function statistics(
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

/** Returns two percentiles of each channel: exact for 8- and 16-bit integers, otherwise within 1/65536 of the range. */
export async function percentiles(
  parts: ImageParts,
  channels: number,
  percents: readonly [number, number],
): Promise<[number, number][]> {
  const ranges = await statistics(parts, channels, []);
  let exact = true;
  const counts = ranges.map(() => new Float64Array(BINS));
  for await (const { data, sampleType } of parts()) {
    exact = /^u?int(8|16)$/.test(sampleType);
    ranges.forEach(({ least, largest }, channel) => {
      const width = exact ? 1 : Math.max(largest - least, Number.MIN_VALUE) / (BINS - 1);
      const bins = itemAt(counts, channel);
      for (let at = channel; at < data.length; at += channels) {
        const bin = Math.round(((data[at] ?? 0) - least) / width);
        bins[bin] = (bins[bin] ?? 0) + 1;
      }
    });
  }
  return ranges.map(({ least, largest }, channel) => {
    const width = exact ? 1 : (largest - least) / (BINS - 1);
    const bins = itemAt(counts, channel);
    const total = bins.reduce((sum, count) => sum + count, 0);
    const ranked = (rank: number) => {
      let passed = 0;
      const bin = bins.findIndex((count) => {
        passed += count;
        return passed > rank;
      });
      return least + Math.max(bin, 0) * width;
    };
    const at = (percent: number) => {
      const place = (percent / 100) * (total - 1);
      const below = Math.floor(place);
      const lower = ranked(below);
      return lower + (ranked(Math.min(below + 1, total - 1)) - lower) * (place - below);
    };
    return [at(percents[0]), at(percents[1])];
  });
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
