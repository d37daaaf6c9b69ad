import { at, oneOf } from "../../facts/checked-lists.ts";
import { element, show } from "../dom.ts";
import { checkbox, dropdown, type Picker, type Toggle } from "../toolkit.ts";
import { LUT_NAMES, type LutName } from "./luts.ts";
import type { PlaneImage, Range } from "./plane-image.ts";
import { RangeControl } from "./range-control.ts";

/** A channel in the list. */
export interface ChannelState {
  readonly visible: boolean;
  readonly lut: LutName;
  /** Absent until the channel's plane is loaded. */
  readonly shown?: { readonly plane: PlaneImage; readonly range: Range };
}

export interface ChannelEvents {
  visibility(channel: number, visible: boolean): void;
  lut(channel: number, lut: LutName): void;
  ranged(channel: number, range: Range): void;
}

interface ChannelRow {
  readonly element: HTMLElement;
  readonly visible: Toggle;
  readonly lut: Picker;
  readonly rangePlace: HTMLElement;
  range?: RangeControl;
}

const LUT_CHOICES = LUT_NAMES.map((name) => ({ value: name, label: name }));

/** A line for each channel: visibility, colors, contrast. A single channel has no visibility. */
export class ChannelList {
  readonly element = element("div", { class: "channels", role: "group", "aria-label": "Channels" });
  private rows: ChannelRow[] = [];

  constructor(private readonly events: ChannelEvents) {}

  show(channels: readonly ChannelState[]): void {
    if (channels.length !== this.rows.length) {
      this.rows = channels.map((_, channel) => this.newRow(channel, channels.length));
      this.element.replaceChildren(...this.rows.map(({ element }) => element));
    }
    for (const [channel, row] of this.rows.entries()) {
      const { visible, lut, shown } = at(channels, channel);
      row.visible.checked = visible;
      row.lut.show(LUT_CHOICES, lut);
      show(row.lut.element, visible);
      show(row.rangePlace, visible && shown !== undefined);
      if (!visible || shown === undefined) continue;
      row.range ??= this.newRange(row, channel);
      row.range.show(shown.plane, shown.range);
    }
  }

  private newRow(channel: number, channels: number): ChannelRow {
    const name = channelName(channel);
    const visible = checkbox(name, true, (checked) => this.events.visibility(channel, checked));
    const lutLabel = channels > 1 ? `${name}: colors` : "Colors";
    const lut = dropdown(lutLabel, (value) => this.events.lut(channel, oneOf(LUT_NAMES, value)));
    lut.element.classList.add("lut-picker");
    const rangePlace = element("span", {});
    show(visible.element, channels > 1);
    const row = element("div", { class: "channel" }, visible.element, lut.element, rangePlace);
    return { element: row, visible, lut, rangePlace };
  }

  private newRange(row: ChannelRow, channel: number): RangeControl {
    const name = this.rows.length > 1 ? channelName(channel) : undefined;
    const range = new RangeControl(name, (chosen) => this.events.ranged(channel, chosen));
    row.rangePlace.append(range.element);
    return range;
  }
}

const channelName = (channel: number): string => `Channel ${channel + 1}`;
