import { element, oncePerFrame, slider } from "../dom.ts";
import { onThemeChange, theme } from "../theme.ts";
import { type NumberField, numberField } from "../toolkit.ts";
import type { Histogram, PlaneImage, Range } from "./plane-image.ts";

/** Number of bars of the histogram. */
const BARS = 96;

/** The contrast range of a channel: a histogram, two sliders and two fields. */
export class RangeControl {
  readonly element: HTMLElement;
  private readonly canvas: HTMLCanvasElement;
  private readonly sliders: { readonly low: HTMLInputElement; readonly high: HTMLInputElement };
  private readonly fields: { readonly low: NumberField; readonly high: NumberField };
  private range: Range = { low: 0, high: 1 };
  private plane: PlaneImage | undefined;
  private readonly redraw = oncePerFrame(() => this.draw());

  /** @param channel name of the channel (`Channel 2`), if there are several */
  constructor(
    channel: string | undefined,
    private readonly ranged: (range: Range) => void,
  ) {
    const label = (end: string) =>
      channel === undefined ? `${end} value` : `${channel}: ${end.toLowerCase()} value`;
    this.canvas = element("canvas", { class: "histogram", "aria-hidden": "true" });
    const full = { min: 0, max: 1, step: 0.001, value: 0 };
    this.sliders = {
      low: slider(label("Darkest"), full, (low) => this.move({ low: Math.min(low, this.range.high) })),
      high: slider(label("Brightest"), full, (high) => this.move({ high: Math.max(high, this.range.low) })),
    };
    this.fields = {
      low: numberField(label("Darkest"), 0, (low) => this.move({ low })),
      high: numberField(label("Brightest"), 1, (high) => this.move({ high })),
    };
    const range = element(
      "div",
      { class: "range-pair" },
      this.canvas,
      element("div", { class: "two-sliders" }, this.sliders.low, this.sliders.high),
    );
    this.element = element(
      "span",
      { class: "control small-field" },
      this.fields.low.element,
      range,
      this.fields.high.element,
    );
    onThemeChange(this.redraw);
    new ResizeObserver(this.redraw).observe(this.canvas);
  }

  /** Shows the histogram of a plane and the range in use. */
  show(plane: PlaneImage, range: Range): void {
    this.plane = plane;
    this.range = range;
    const { low, high } = this.limits();
    const whole = !plane.sampleType.startsWith("float");
    for (const [slide, value] of [
      [this.sliders.low, range.low],
      [this.sliders.high, range.high],
    ] as const) {
      slide.min = String(low);
      slide.max = String(high);
      slide.step = whole ? "1" : "any";
      slide.value = String(value);
      slide.setAttribute("aria-valuetext", String(Number(value.toPrecision(6))));
    }
    this.fields.low.value = range.low;
    this.fields.high.value = range.high;
    this.redraw();
  }

  /** Ends of the sliders: the values' range, widened to hold the chosen range. */
  private limits(): Range {
    const { low, high } = this.plane?.range ?? this.range;
    return { low: Math.min(low, this.range.low), high: Math.max(high, this.range.high) };
  }

  private move(change: Partial<Range>): void {
    const { low, high } = { ...this.range, ...change };
    this.ranged({ low: Math.min(low, high), high: Math.max(low, high) });
  }

  private draw(): void {
    const { canvas, plane } = this;
    const context = canvas.getContext("2d");
    if (plane === undefined || context === null || canvas.clientWidth === 0) return;
    const { devicePixelRatio } = window;
    const width = Math.round(canvas.clientWidth * devicePixelRatio);
    const height = Math.round(canvas.clientHeight * devicePixelRatio);
    Object.assign(canvas, { width, height });
    const limits = this.limits();
    const bars = barHeights(plane.histogram, limits);
    const { foreground, focus } = theme();
    const bar = width / BARS;
    for (const [index, share] of bars.entries()) {
      const value = limits.low + ((index + 0.5) / BARS) * (limits.high - limits.low);
      const within = value >= this.range.low && value <= this.range.high;
      context.globalAlpha = within ? 0.75 : 0.3;
      context.fillStyle = foreground;
      const top = Math.round(share * (height - 2));
      context.fillRect(index * bar, height - top, Math.max(1, bar - devicePixelRatio), top);
    }
    context.globalAlpha = 1;
    context.fillStyle = focus;
    for (const value of [this.range.low, this.range.high]) {
      const at = ((value - limits.low) / (limits.high - limits.low || 1)) * (width - devicePixelRatio);
      context.fillRect(at, 0, devicePixelRatio, height);
    }
  }
}

/** Returns heights from 0 to 1 of bars over the limits: square roots of the counts, so that rare values are visible. */
function barHeights({ start, width, counts }: Histogram, { low, high }: Range): number[] {
  const bars = new Array<number>(BARS).fill(0);
  const scale = BARS / (high - low || 1);
  for (const [bin, count] of counts.entries()) {
    const bar = Math.floor((start + bin * width - low) * scale);
    const within = Math.min(BARS - 1, Math.max(0, bar));
    bars[within] = (bars[within] ?? 0) + count;
  }
  const most = Math.max(...bars, 1);
  return bars.map((count) => Math.sqrt(count / most));
}
