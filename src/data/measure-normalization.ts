/** Chooses the normalization of each channel of an image: by measuring the image, or by the settings' own numbers. */
import { at as itemAt } from "../facts/checked-lists.ts";
import type { SampleType } from "../images/image.ts";
import {
  binaryChannels,
  type ChannelStatistics,
  type ImageParts,
  percentiles,
  statistics,
} from "./channel-statistics.ts";
import {
  type ChannelNormalization,
  type Clipping,
  INTEGER_RANGE,
  type NormalizationSettings,
} from "./normalization.ts";

/** Binary channels (only zeros and ones) are never normalized. */
const UNCHANGED: ChannelNormalization = { offset: 0, scale: 1 };

/** Constant images divide by this instead of zero. */
const SMALLEST_SCALE = 1e-6;

/** The type `div` divides by the first of these that is not exceeded, or by 65535. */
const DIVISORS = [1, 255];
const LARGEST_DIVISOR = 65535;

const divisorOf = (largest: number) => DIVISORS.find((divisor) => largest <= divisor) ?? LARGEST_DIVISOR;

/** Returns a channel's value. The last value applies to all further channels. */
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
    return binary.map((isBinary, channel) =>
      isBinary
        ? UNCHANGED
        : {
            offset: pick(custom.mean, channel),
            scale: Math.max(pick(custom.deviation, channel), SMALLEST_SCALE),
            clip: clips[channel],
          },
    );
  }
  // A volume of many gigabytes need not be read whole if its first values decide: no value of its type gives another divisor.
  const isDecided = (
    { binary, largest }: Pick<ChannelStatistics, "binary" | "largest">,
    sampleType: SampleType,
  ) =>
    type === "div" &&
    !binary &&
    divisorOf(largest) === divisorOf(INTEGER_RANGE[sampleType]?.[1] ?? Number.POSITIVE_INFINITY);
  const measured = await statistics(parts, channels, clips, isDecided);
  return measured.map((channel, index) =>
    channel.binary ? UNCHANGED : { ...channelScale(channel, type), clip: clips[index] },
  );
}

/** Returns the normalization that the settings fix for all images: by mean and deviation, or from the clipping limits to 0 to 1. */
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
  return { offset: 0, scale: divisorOf(largest), unit: true };
}
