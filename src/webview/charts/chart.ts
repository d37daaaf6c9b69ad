import uPlot from "uplot";
import { axisNumbers, shortNumber } from "../../facts/format.ts";
import { contextMenu } from "../context-menu.ts";
import { element, setText } from "../dom.ts";
import { onThemeChange, theme } from "../theme.ts";
import { chartMenu } from "./chart-menu.ts";
import { type Curve, decimate, type Span, type Track } from "./track.ts";

/** How all charts of a page are drawn. */
export interface ChartView {
  readonly log: boolean;
  readonly span: Span;
  /** Whether the chart has a legend of its own. Defaults to true; several runs share one. */
  readonly legend?: boolean;
}

export interface ChartEvents {
  /** A person chose a part of the x axis, or all of it. */
  zoomed(span: Span | undefined): void;
  /** The cursor is at an x, or left. */
  pointed(x: number | undefined): void;
  /** The values under the cursor in words, as it is moved by keys. */
  spoke(text: string): void;
  /** Saves a file where a person wants it. */
  save(name: string, file: Blob): void;
}

const HEIGHT = 160;

/** Charts of one page share their cursor. */
const SYNC = "charts";

/** One chart: a title, its curves' names with their values, and the plot. */
export class Chart {
  readonly element: HTMLElement;
  private readonly legend: HTMLElement;
  private readonly plotted: HTMLElement;
  /** The values under the cursor, where the chart has no legend. */
  private readonly readout: HTMLElement;
  private plot: uPlot | undefined;
  private curves: readonly Curve[] = [];
  private view: ChartView = { log: false, span: { from: 0, to: 1 } };
  /** What the plot was built for; another means another plot. */
  private built = "";
  private readonly hidden = new Set<string>();
  private values: HTMLElement[] = [];

  constructor(
    readonly title: string,
    private readonly events: ChartEvents,
  ) {
    this.legend = element("div", { class: "chart-legend" });
    this.plotted = element("div", { class: "chart-plot", tabindex: "0", role: "application" });
    this.readout = element("div", { class: "chart-readout", "aria-hidden": "true" });
    this.element = element(
      "section",
      { class: "chart" },
      element("header", { class: "chart-header" }, element("h3", {}, title), this.legend),
      element("div", { class: "chart-place" }, this.plotted, this.readout),
    );
    contextMenu(this.element, () => chartMenu(this, (name, file) => this.events.save(name, file)));
    this.plotted.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.resize()).observe(this.plotted);
    onThemeChange(() => {
      this.built = "";
      this.show(this.curves, this.view);
    });
  }

  show(curves: readonly Curve[], view: ChartView): void {
    this.curves = curves;
    this.view = view;
    const width = this.plotted.clientWidth;
    if (width === 0) return;
    const built = JSON.stringify([
      view.log,
      view.legend,
      curves.map(({ label, color, style }) => [label, color, style]),
    ]);
    const data = this.data(width);
    if (built !== this.built) {
      this.built = built;
      this.build(width, data);
    } else this.plot?.setData(data);
    this.describe();
    this.showValues();
  }

  /** The plot as it is drawn; undefined before it was. */
  get canvas(): HTMLCanvasElement | undefined {
    return this.plotted.querySelector("canvas") ?? undefined;
  }

  /** The curves that are drawn. */
  get shownCurves(): readonly Curve[] {
    return this.curves.filter(({ label }) => !this.hidden.has(label));
  }

  private data(width: number): uPlot.AlignedData {
    const { span, log } = this.view;
    const tables = this.curves.map(({ track }) => {
      const { x, y } = decimate(track, span, Math.ceil(width * devicePixelRatio));
      return [x, log ? y.map((value) => (value > 0 ? value : null)) : y] as uPlot.AlignedData;
    });
    if (tables.length === 0) return [[]];
    return uPlot.join(tables);
  }

  private build(width: number, data: uPlot.AlignedData): void {
    this.plot?.destroy();
    const { faint, grid, curves: colors } = theme();
    const font = `11px ${getComputedStyle(document.body).fontFamily}`;
    const axis: uPlot.Axis = {
      stroke: () => faint,
      font,
      grid: { stroke: grid, width: 1 },
      ticks: { stroke: grid, width: 1, size: 4 },
      gap: 4,
    };
    const series = this.curves.map(({ label, color, style }): uPlot.Series => {
      const stroke = colors[color % colors.length];
      return {
        label,
        stroke: style === "faint" ? withAlpha(stroke, 0.3) : stroke,
        width: style === "faint" ? 1 : 1.5,
        dash: style === "dashed" ? [5, 4] : undefined,
        spanGaps: true,
        show: !this.hidden.has(label),
        points: { show: style === "points" ? undefined : false, size: 4, fill: stroke, space: 10 },
      };
    });
    const options: uPlot.Options = {
      width,
      height: HEIGHT,
      padding: [8, 12, 0, 0],
      legend: { show: false },
      scales: {
        x: { time: false, range: () => [this.view.span.from, this.view.span.to] },
        y: { distr: this.view.log ? 3 : 1, range: this.view.log ? logRange : linearRange },
      },
      axes: [
        {
          ...axis,
          size: 26,
          space: 60,
          incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000],
        },
        {
          ...axis,
          size: 54,
          space: 28,
          values: (_, splits) => axisNumbers(splits),
          ...(this.view.log ? { filter: labeledTicks } : {}),
        },
      ],
      series: [{}, ...series],
      cursor: {
        drag: { x: true, y: false, setScale: false },
        sync: { key: SYNC, setSeries: false },
        points: { size: 6 },
        dataIdx: (plot, seriesIndex, closest) => nearestValue(plot.data[seriesIndex], closest),
      },
      hooks: {
        setCursor: [
          (plot) => {
            this.showValues();
            this.events.pointed(cursorPosition(plot));
          },
        ],
        setSelect: [(plot) => this.selected(plot)],
      },
    };
    this.plot = new uPlot(options, data, this.plotted);
    // Instead of uPlot's own double click, which knows nothing of the other charts.
    this.plot.over.addEventListener("dblclick", () => this.events.zoomed(undefined));
    this.buildLegend();
  }

  private buildLegend(): void {
    const { curves: colors } = theme();
    this.values = [];
    const entries = this.curves.map(({ label, color, style }, index) => {
      const value = element("span", { class: "legend-value" });
      this.values.push(value);
      const shown = !this.hidden.has(label);
      const swatch = element("span", { class: `legend-swatch ${style}`, "aria-hidden": "true" });
      swatch.style.setProperty("--color", colors[color % colors.length]);
      const entry = element(
        "button",
        {
          class: "legend-entry",
          type: "button",
          "aria-pressed": String(shown),
          title: `Show or hide ${label}`,
        },
        swatch,
        label,
        value,
      );
      entry.addEventListener("click", () => this.toggle(index, label, entry));
      return style === "faint" ? [] : [entry];
    });
    const own = this.view.legend ?? true;
    this.legend.replaceChildren(...(own ? entries.flat() : []));
    this.readout.replaceChildren(
      ...(own ? [] : this.curves.flatMap((curve, index) => this.readoutLine(curve, index))),
    );
  }

  /** A line of the readout; its value element takes the place of the legend's. */
  private readoutLine({ label, color, style }: Curve, index: number): HTMLElement[] {
    if (style === "faint") return [];
    const swatch = element("span", { class: `legend-swatch ${style}` });
    swatch.style.setProperty("--color", theme().curves[color % theme().curves.length]);
    return [element("div", { class: "legend-entry" }, swatch, label, this.values[index])];
  }

  private toggle(index: number, label: string, entry: HTMLElement): void {
    const show = this.hidden.delete(label);
    if (!show) this.hidden.add(label);
    entry.setAttribute("aria-pressed", String(show));
    for (const [at, curve] of this.curves.entries()) {
      const follows = at === index || (curve.style === "faint" && curve.color === this.curves[index].color);
      if (follows) this.plot?.setSeries(at + 1, { show });
    }
  }

  /** The values under the cursor, or the last ones. */
  private showValues(): void {
    const { plot } = this;
    if (plot === undefined) return;
    this.readout.hidden = plot.cursor.idx === null || plot.cursor.idx === undefined;
    for (const [index, target] of this.values.entries()) {
      const at = plot.cursor.idxs?.[index + 1];
      const under = at === undefined || at === null ? undefined : plot.data[index + 1]?.[at];
      const value = under ?? lastValue(this.curves[index].track);
      setText(target, value === undefined ? "" : shortNumber(value));
    }
  }

  private describe(): void {
    const parts = this.curves
      .filter(({ style }) => style !== "faint")
      .map(({ label, track }) => `${label} ${shortNumber(lastValue(track) ?? Number.NaN)}`);
    const keys = "Left and right read values, plus and minus zoom, 0 shows all.";
    this.plotted.setAttribute("aria-label", `${this.title}: ${parts.join(", ") || "no values yet"}. ${keys}`);
  }

  private resize(): void {
    const { plot, plotted } = this;
    const width = plotted.clientWidth;
    if (width === 0) return;
    if (plot !== undefined && plot.width !== width) plot.setSize({ width, height: HEIGHT });
    this.show(this.curves, this.view);
  }

  private selected(plot: uPlot): void {
    const { left, width } = plot.select;
    if (width < 4) return;
    const span = { from: plot.posToVal(left, "x"), to: plot.posToVal(left + width, "x") };
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.events.zoomed(span);
  }

  private key(event: KeyboardEvent): void {
    const { plot } = this;
    if (plot === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const { from, to } = this.view.span;
    const at = cursorPosition(plot) ?? to;
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      this.moveCursor(plot, event.key === "ArrowLeft" ? -1 : 1);
    } else if (event.key === "+" || event.key === "=") this.zoom(at, 0.5);
    else if (event.key === "-") this.zoom(at, 2);
    else if (event.key === "0" || event.key === "Escape") this.events.zoomed(undefined);
    else if (event.key === "Home") this.moveTo(plot, from);
    else if (event.key === "End") this.moveTo(plot, to);
    else return;
    event.preventDefault();
  }

  private zoom(at: number, factor: number): void {
    const { from, to } = this.view.span;
    this.events.zoomed({ from: at + (from - at) * factor, to: at + (to - at) * factor });
  }

  private moveCursor(plot: uPlot, by: number): void {
    const xs = plot.data[0];
    const index = plot.cursor.idx ?? (by < 0 ? xs.length : -1);
    const next = Math.min(xs.length - 1, Math.max(0, index + by));
    if (xs.length > 0) this.moveTo(plot, xs[next]);
  }

  private moveTo(plot: uPlot, x: number): void {
    const left = plot.valToPos(x, "x");
    plot.setCursor({ left, top: plot.over.clientHeight / 2 });
    const words = this.curves.flatMap(({ label, style }, index) =>
      style === "faint" ? [] : [`${label} ${this.values[index]?.textContent}`],
    );
    this.events.spoke(`Epoch ${shortNumber(x)}: ${words.join(", ")}`);
  }
}

const linearRange: uPlot.Scale.Range = {
  min: { pad: 0.08, mode: 0 },
  max: { pad: 0.08, mode: 0 },
};

/** Never over less than a factor of 1.6, where a logarithmic axis has no ticks left. */
const logRange: uPlot.Range.Function = (_, low, high) => {
  if (low === null || high === null || !(low > 0)) return [1e-3, 1];
  const widen = Math.max(1.08, Math.sqrt((1.6 * low) / high));
  return [low / widen, high * widen];
};

/** Of a logarithmic axis' ticks those with 1, 2 and 5 have labels over several decades, and all of them over one. */
const labeledTicks: uPlot.Axis.Filter = (plot, splits) => {
  const { min, max } = plot.scales.y;
  const decades = Math.log10((max ?? 1) / (min ?? 1));
  const labeled = decades > 3 ? [1] : decades > 1 ? [1, 2, 5] : [1, 2, 3, 4, 5, 6, 7, 8, 9];
  return splits.map((value) => {
    if (value === null || value <= 0) return null;
    const leading = value / 10 ** Math.floor(Math.log10(value) + 1e-9);
    // The axis' own ends are among the ticks, whatever they are.
    return labeled.some((digit) => Math.abs(leading - digit) < 1e-6) ? value : null;
  });
};

type Values = uPlot.AlignedData[number];

/** The nearest index that has a value: curves with a point an epoch have none at most steps. */
function nearestValue(values: Values, closest: number): number {
  for (let distance = 0; distance < values.length; distance++) {
    if (isValue(values[closest - distance])) return closest - distance;
    if (isValue(values[closest + distance])) return closest + distance;
  }
  return closest;
}

const isValue = (value: number | null | undefined): boolean => value !== null && value !== undefined;

function cursorPosition({ cursor, data }: uPlot): number | undefined {
  return cursor.idx === null || cursor.idx === undefined ? undefined : data[0][cursor.idx];
}

function lastValue({ y }: Track): number | undefined {
  for (let at = y.length - 1; at >= 0; at--) if (!Number.isNaN(y[at])) return y[at];
  return undefined;
}

/** A CSS color made translucent. */
function withAlpha(color: string, alpha: number): string {
  return `color-mix(in srgb, ${color} ${alpha * 100}%, transparent)`;
}
