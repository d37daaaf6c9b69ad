/** Which channels of an image are visible, and in which colors. */
import type { ChannelState } from "./channel-list.ts";
import { compositeLut, LUT_NAMES, type LutName } from "./luts.ts";

/** What a person chose, by channel; the rest follows from the number of channels. */
export interface Channels {
  readonly visible?: Readonly<Record<number, boolean>>;
  readonly luts?: Readonly<Record<number, LutName>>;
}

/** The most channels that are visible together unless a person chooses others. */
const USUAL_TOGETHER = 3;

/** Visible channels, ascending; at least one. */
export function visibleChannels({ visible = {} }: Channels, channels: number): number[] {
  const usual = (channel: number) => channels <= USUAL_TOGETHER || channel === 0;
  const all = Array.from({ length: channels }, (_, channel) => channel);
  const shown = all.filter((channel) => visible[channel] ?? usual(channel));
  return shown.length > 0 ? shown : [0];
}

/** A single visible channel is gray and several have a color each, unless a person chose. */
export function lutOf(chosen: Channels, channel: number, channels: number): LutName {
  const known = chosen.luts?.[channel];
  if (known !== undefined) return known;
  return visibleChannels(chosen, channels).length > 1 ? compositeLut(channel, channels) : "Gray";
}

export const nextLut = (lut: LutName): LutName => LUT_NAMES[(LUT_NAMES.indexOf(lut) + 1) % LUT_NAMES.length];

/** One channel visible, the others not. */
export const onlyChannel = (shown: number, channels: number): Record<number, boolean> =>
  Object.fromEntries(Array.from({ length: channels }, (_, channel) => [channel, channel === shown]));

/** The state of every channel for the list of channels. */
export function channelStates(
  chosen: Channels,
  channels: number,
  shownOf: (channel: number) => ChannelState["shown"],
): ChannelState[] {
  const visible = new Set(visibleChannels(chosen, channels));
  return Array.from({ length: channels }, (_, channel) => ({
    visible: visible.has(channel),
    lut: lutOf(chosen, channel, channels),
    shown: shownOf(channel),
  }));
}
