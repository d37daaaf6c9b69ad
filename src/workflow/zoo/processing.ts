/** Converts DATA.NORMALIZATION to bioimageio.spec 0.5: preprocessing of images and postprocessing of outputs. */

import type { ChannelNormalization, NormalizationSettings } from "../../data/normalization.ts";
import { at } from "../../facts/checked-lists.ts";
import type { ZooNetwork } from "./networks.ts";

/** An operation of bioimageio.spec. */
export interface Processing {
  readonly id: string;
  readonly kwargs: Readonly<Record<string, string | number | readonly (string | number)[]>>;
}

/** Constant images divide by about this. */
const EPSILON = 1e-6;

/**
 * Returns the operations that normalize each channel of each image separately. The Zoo's program measures an image before anything is
 * done to it, so clipping comes after scaling; `checkZooDescription` refuses what cannot be expressed.
 *
 * @param axes of space
 * @param channels the test image's normalization, which has the divisor of `div`
 */
export function preprocessing(
  { type, custom, clip }: NormalizationSettings,
  axes: readonly string[],
  channels: readonly ChannelNormalization[],
): Processing[] {
  if (type === "scale_range") {
    const scale = { axes, eps: EPSILON };
    if (clip === undefined || !("percentiles" in clip)) return [{ id: "scale_range", kwargs: scale }];
    const [min_percentile, max_percentile] = clip.percentiles;
    return [
      { id: "scale_range", kwargs: { ...scale, min_percentile, max_percentile } },
      { id: "clip", kwargs: { min: 0, max: 1 } },
    ];
  }
  const clips =
    clip === undefined || "percentiles" in clip
      ? []
      : [{ id: "clip", kwargs: { min: at(clip.lower, 0), max: at(clip.upper, 0) } }];
  if (type === "div") return [...clips, linear(1 / at(channels, 0).scale, 0)];
  if (custom === undefined)
    return [...clips, { id: "zero_mean_unit_variance", kwargs: { axes, eps: EPSILON } }];
  const fixed = perChannel({ mean: custom.mean, std: custom.deviation }, channels.length);
  return [...clips, { id: "fixed_zero_mean_unit_variance", kwargs: fixed }];
}

/** Returns arguments with one number for all channels, or one for each. */
function perChannel(
  numbers: Readonly<Record<string, readonly number[]>>,
  channels: number,
): Processing["kwargs"] {
  const lists = Object.entries(numbers);
  if (channels === 1 || lists.every(([, values]) => values.length === 1))
    return Object.fromEntries(lists.map(([name, values]) => [name, at(values, 0)]));
  const filled = lists.map(([name, values]) => [
    name,
    Array.from({ length: channels }, (_, channel) => at(values, Math.min(channel, values.length - 1))),
  ]);
  return { ...Object.fromEntries(filled), axis: "channel" };
}

const linear = (gain: number, offset: number): Processing => ({
  id: "scale_linear",
  kwargs: { gain, offset },
});

/**
 * Returns the operations on a network's output: probabilities of a segmentation; the range of restored images, if it does
 * not depend on the image.
 *
 * @param targets the normalization of restoration targets that has numbers of its own
 */
export function postprocessing(
  { activation, restores }: Pick<ZooNetwork, "activation" | "restores">,
  { type, custom }: NormalizationSettings,
  channels: readonly ChannelNormalization[],
  targets: readonly ChannelNormalization[] | undefined,
): Processing[] {
  if (activation === "sigmoid") return [{ id: "sigmoid", kwargs: {} }];
  if (activation === "softmax") return [{ id: "softmax", kwargs: { axis: "channel" } }];
  if (!restores) return [];
  if (targets !== undefined) {
    const numbers = { gain: targets.map(({ scale }) => scale), offset: targets.map(({ offset }) => offset) };
    return [{ id: "scale_linear", kwargs: perChannel(numbers, channels.length) }];
  }
  if (type === "div") {
    const { scale } = at(channels, 0);
    return scale === 1 ? [] : [linear(scale, 0)];
  }
  if (type !== "zero_mean_unit_variance" || custom === undefined) return [];
  const kwargs = perChannel({ gain: custom.deviation, offset: custom.mean }, channels.length);
  return [{ id: "scale_linear", kwargs }];
}

/** Applies the operations of {@link postprocessing} to a network's output `[channel, pixel]` of one image. */
export function postprocessed(
  values: Float32Array,
  channels: number,
  steps: readonly Processing[],
): Float32Array {
  const pixels = values.length / channels;
  const result = Float32Array.from(values);
  for (const { id, kwargs } of steps) {
    if (id === "softmax") softmax(result, pixels, channels);
    else
      for (const [index, value] of result.entries()) {
        const channel = Math.floor(index / pixels);
        const number = (name: string) =>
          Number([kwargs[name]].flat().at(Array.isArray(kwargs[name]) ? channel : 0));
        result[index] =
          id === "sigmoid" ? 1 / (1 + Math.exp(-value)) : value * number("gain") + number("offset");
      }
  }
  return result;
}

/** Converts values `[channel, pixel]` to probabilities over the channels of each pixel, in place. */
function softmax(values: Float32Array, pixels: number, channels: number): void {
  for (let pixel = 0; pixel < pixels; pixel++) {
    const own = Float32Array.from({ length: channels }, (_, channel) => at(values, channel * pixels + pixel));
    const largest = Math.max(...own);
    const raised = own.map((value) => Math.exp(value - largest));
    const sum = raised.reduce((total, value) => total + value, 0);
    for (const [channel, value] of raised.entries()) values[channel * pixels + pixel] = value / sum;
  }
}
