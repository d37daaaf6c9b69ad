import { element, oncePerFrame, show, slider } from "../dom.ts";
import { onThemeChange, theme } from "../theme.ts";
import { checkbox, dropdown, type NumberField, numberField, type Picker, type Toggle } from "../toolkit.ts";
import { CONTRAST_MODES, type Contrast, type ContrastMode } from "./contrast.ts";
import type { Histogram, PlaneImage, Range } from "./plane-image.ts";

export interface ContrastEvents {
  changed(contrast: Contrast): void;
  /** A person moved an end of the range. */
  ranged(range: Range): void;
}

/** Bars of the histogram. */
const BARS = 96;

/** The contrast's mode, the histogram, and two sliders and two fields for the range. */
export class ContrastControl {
  readonly element: HTMLElement;
  private readonly mode: Picker;
  private readonly percent: NumberField;
  private readonly percentLabel: HTMLElement;
  private readonly shared: Toggle;
  private readonly canvas: HTMLCanvasElement;
  private readonly sliders: { readonly low: HTMLInputElement; readonly high: HTMLInputElement };
  private readonly fields: { readonly low: NumberField; readonly high: NumberField };
  private range: Range = { low: 0, high: 1 };
  private plane: PlaneImage | undefined;
  private readonly redraw = oncePerFrame(() => this.draw());

  constructor(
    private contrast: Contrast,
    private readonly events: ContrastEvents,
  ) {
    this.mode = dropdown("Contrast", (value) => this.change({ mode: value as ContrastMode }));
    this.percent = numberField("Percent of values cut off at either end", contrast.percent, (percent) =>
      this.change({ percent: Math.min(49, Math.max(0, percent)) }),
    );
    this.percentLabel = element("label", { class: "control small-field" }, this.percent.element, "% cut off");
    this.shared = checkbox("Same for all images", contrast.shared, (shared) => this.change({ shared }));
    this.canvas = element("canvas", { class: "histogram", "aria-hidden": "true" });
    const full = { min: 0, max: 1, step: 0.001, value: 0 };
    this.sliders = {
      low: slider("Darkest value", full, (low) => this.move({ low: Math.min(low, this.range.high) })),
      high: slider("Brightest value", full, (high) => this.move({ high: Math.max(high, this.range.low) })),
    };
    this.fields = {
      low: numberField("Darkest value", 0, (low) => this.move({ low })),
      high: numberField("Brightest value", 1, (high) => this.move({ high })),
    };
    const range = element(
      "div",
      { class: "range-pair" },
      this.canvas,
      element("div", { class: "two-sliders" }, this.sliders.low, this.sliders.high),
    );
    this.element = element(
      "div",
      { class: "toolbar contrast", role: "group", "aria-label": "Contrast" },
      element("span", { class: "control" }, "Contrast", this.mode.element),
      this.percentLabel,
      element(
        "span",
        { class: "control small-field" },
        this.fields.low.element,
        range,
        this.fields.high.element,
      ),
      this.shared.element,
    );
    onThemeChange(this.redraw);
    new ResizeObserver(this.redraw).observe(this.canvas);
    this.showContrast();
  }

  /** Shows the values of a plane, and the range that is in use. */
  show(plane: PlaneImage, range: Range, images: number): void {
    this.plane = plane;
    this.range = range;
    show(this.shared.element, images > 1);
    const { low, high } = this.limits();
    const whole = !plane.sampleType.startsWith("float");
    const step = whole ? 1 : (high - low) / 1000 || 1;
    for (const [slide, value] of [
      [this.sliders.low, range.low],
      [this.sliders.high, range.high],
    ] as const) {
      slide.min = String(low);
      slide.max = String(high);
      slide.step = whole ? String(step) : "any";
      slide.value = String(value);
      slide.setAttribute("aria-valuetext", String(Number(value.toPrecision(6))));
    }
    this.fields.low.value = range.low;
    this.fields.high.value = range.high;
    this.redraw();
  }

  /** The sliders' ends: all values, and the range where it goes beyond them. */
  private limits(): Range {
    const { low, high } = this.plane?.range ?? this.range;
    return { low: Math.min(low, this.range.low), high: Math.max(high, this.range.high) };
  }

  private change(change: Partial<Contrast>): void {
    this.contrast = { ...this.contrast, ...change };
    this.showContrast();
    this.events.changed(this.contrast);
  }

  private move(change: Partial<Range>): void {
    const { low, high } = { ...this.range, ...change };
    if (this.contrast.mode !== "manual") this.change({ mode: "manual" });
    this.events.ranged({ low: Math.min(low, high), high: Math.max(low, high) });
  }

  private showContrast(): void {
    const { mode, percent } = this.contrast;
    this.mode.show(CONTRAST_MODES, mode);
    this.percent.value = percent;
    show(this.percentLabel, mode === "auto" || mode === "each");
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

/** Heights from 0 to 1 of bars over the limits: square roots of the counts, so that rare values are seen. */
function barHeights({ start, width, counts }: Histogram, { low, high }: Range): number[] {
  const bars = new Array<number>(BARS).fill(0);
  const scale = BARS / (high - low || 1);
  for (let bin = 0; bin < counts.length; bin++) {
    const bar = Math.floor((start + bin * width - low) * scale);
    bars[Math.min(BARS - 1, Math.max(0, bar))] += counts[bin];
  }
  const most = Math.max(...bars, 1);
  return bars.map((count) => Math.sqrt(count / most));
}
