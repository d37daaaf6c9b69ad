import { element, show } from "../dom.ts";
import { ChannelList } from "./channel-list.ts";
import { allChannels, type Channels, channelStates, lutOf, nextLut, onlyChannel } from "./channels.ts";
import type { Contrast } from "./contrast.ts";
import { ContrastControl } from "./contrast-control.ts";
import type { Range } from "./plane-image.ts";
import type { RowState } from "./row-state.ts";

export interface ColorEvents {
  /** Settings changed, which may need other planes. */
  changed(): void;
  /** The loaded planes only look different. */
  recolored(): void;
}

/** The contrast and the channels of a row, with their controls. */
export class RowColors {
  readonly element: HTMLElement;
  private readonly contrast: ContrastControl;
  private readonly channels: ChannelList;

  constructor(
    private readonly state: RowState,
    private readonly events: ColorEvents,
  ) {
    this.contrast = new ContrastControl(state.contrast, (contrast) => this.changeContrast(contrast));
    this.channels = new ChannelList({
      visibility: (channel, visible) =>
        this.changeChannels({ visible: { ...state.chosenChannels.visible, [channel]: visible } }),
      lut: (channel, lut) => this.changeChannels({ luts: { ...state.chosenChannels.luts, [channel]: lut } }),
      ranged: (channel, range) => this.setRange(channel, range),
    });
    this.element = element(
      "div",
      { class: "toolbar contrast", role: "group", "aria-label": "Contrast" },
      this.contrast.element,
      this.channels.element,
    );
  }

  /** Shows the state. */
  show(): void {
    const { state } = this;
    show(
      this.element,
      state.opened.some(({ planes }) => planes !== undefined),
    );
    this.contrast.show(state.contrast, state.opened.length);
    this.channels.show(
      channelStates(state.chosenChannels, state.channels, (channel) => state.shownOf(channel)),
    );
  }

  showAllChannels(): void {
    this.changeChannels({ visible: allChannels(this.state.channels) });
  }

  /** Shows the next (1) or previous (-1) channel alone. From several channels, starts with the first or the last. */
  stepChannel(by: number): void {
    const { channels, visible } = this.state;
    const [first, ...others] = visible;
    const end = by > 0 ? 0 : channels - 1;
    const next = others.length === 0 ? (first + by + channels) % channels : end;
    this.changeChannels({ visible: onlyChannel(next, channels) });
  }

  stepLut(): void {
    const { chosenChannels, channels, visible } = this.state;
    const [channel] = visible;
    const lut = nextLut(lutOf(chosenChannels, channel, channels));
    this.changeChannels({ luts: { ...chosenChannels.luts, [channel]: lut } });
  }

  automaticContrast(): void {
    this.changeContrast({ ...this.state.contrast, mode: "auto" });
  }

  private changeChannels(change: Partial<Channels>): void {
    this.state.chosenChannels = { ...this.state.chosenChannels, ...change };
    this.events.changed();
  }

  private changeContrast(contrast: Contrast): void {
    // Manual contrast starts from the ranges in use.
    if (contrast.mode !== "manual") this.state.ranges.reset();
    this.state.contrast = contrast;
    this.events.changed();
  }

  private setRange(channel: number, range: Range): void {
    this.state.setRange(channel, range);
    if (this.state.contrast.mode === "manual") this.events.recolored();
    else this.changeContrast({ ...this.state.contrast, mode: "manual" });
  }
}
