/** Which channels of an image are visible, and in which colors. */
import type { ChannelState } from "./channel-list.ts";
import { compositeLut, LUT_NAMES, type LutName } from "./luts.ts";

/** The user's choices by channel. Defaults for the others follow from the number of channels. */
export interface Channels {
  readonly visible?: Readonly<Record<number, boolean>>;
  readonly luts?: Readonly<Record<number, LutName>>;
}

/** Images with at most this many channels show all of them by default; others show the first. */
const USUAL_TOGETHER = 3;

/** Returns the indices of the visible channels, ascending; at least one. */
export function visibleChannels(
  { visible = {} }: Channels,
  channels: number,
): readonly [number, ...number[]] {
  const usual = (channel: number) => channels <= USUAL_TOGETHER || channel === 0;
  const all = Array.from({ length: channels }, (_, channel) => channel);
  const [first = 0, ...others] = all.filter((channel) => visible[channel] ?? usual(channel));
  return [first, ...others];
}

/** Returns the colors of a channel. Default: gray for a single visible channel, a color each for several. */
export function lutOf(chosen: Channels, channel: number, channels: number): LutName {
  const known = chosen.luts?.[channel];
  if (known !== undefined) return known;
  return visibleChannels(chosen, channels).length > 1 ? compositeLut(channel, channels) : "Gray";
}

/** Returns the table that follows in the list; after the last one, the first. */
export const nextLut = (lut: LutName): LutName =>
  LUT_NAMES[(LUT_NAMES.indexOf(lut) + 1) % LUT_NAMES.length] ?? "Gray";

/** Makes one channel visible and hides the others. */
export const onlyChannel = (shown: number, channels: number): Record<number, boolean> =>
  Object.fromEntries(Array.from({ length: channels }, (_, channel) => [channel, channel === shown]));

/** Makes all channels visible. */
export const allChannels = (channels: number): Record<number, boolean> =>
  Object.fromEntries(Array.from({ length: channels }, (_, channel) => [channel, true]));

/** Returns the state of every channel for the list of channels. */
export function channelStates(
  chosen: Channels,
  channels: number,
  shownOf: (channel: number) => ChannelState["shown"],
): ChannelState[] {
  const visible = new Set<number>(visibleChannels(chosen, channels));
  return Array.from({ length: channels }, (_, channel) => ({
    visible: visible.has(channel),
    lut: lutOf(chosen, channel, channels),
    shown: shownOf(channel),
  }));
}
