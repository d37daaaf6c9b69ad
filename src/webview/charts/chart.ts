import uPlot from "uplot";
import { shortNumber } from "../../facts/format.ts";
import { contextMenu } from "../context-menu.ts";
import { element } from "../dom.ts";
import { onThemeChange } from "../theme.ts";
import { ChartLegend } from "./chart-legend.ts";
import { chartMenu, type PlotEvents } from "./chart-menu.ts";
import { plotOptions } from "./plot-options.ts";
import { type Curve, decimate, type Span, type Track } from "./track.ts";

/** Settings that all charts of a page share. */
export interface ChartView {
  readonly log: boolean;
  readonly span: Span;
  /** Whether the chart has a legend. Defaults to true. Compared runs share a legend above all charts. */
  readonly legend?: boolean;
}

export interface ChartEvents extends PlotEvents {
  /** A part of the x axis was selected. Undefined for all of it. */
  zoomed(span: Span | undefined): void;
  /** The cursor moved to an x. Undefined when it left. */
  pointed(x: number | undefined): void;
  /** Announces the values under the cursor when keys moved it. */
  spoke(text: string): void;
}

const HEIGHT = 160;

/** One chart: a title, its curves' names with their values, and the plot. */
export class Chart {
  readonly element: HTMLElement;
  private readonly legend = new ChartLegend((curve, visible) => this.toggle(curve, visible));
  private readonly plotted: HTMLElement;
  private plot: uPlot | undefined;
  private curves: readonly Curve[] = [];
  private view: ChartView = { log: false, span: { from: 0, to: 1 } };
  /** The settings that the plot was built with. Others need a new plot. */
  private built = "";
  private readonly hidden = new Set<string>();

  constructor(
    readonly title: string,
    private readonly events: ChartEvents,
  ) {
    this.plotted = element("div", { class: "chart-plot", tabindex: "0", role: "application" });
    this.element = element(
      "section",
      // Curves have the same names in every chart.
      { class: "chart", role: "group", "aria-label": title },
      element("header", { class: "chart-header" }, element("h3", {}, title), this.legend.element),
      element("div", { class: "chart-place" }, this.plotted, this.legend.readout),
    );
    contextMenu(this.element, () => chartMenu(this, this.events));
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

  /** The drawn plot. Undefined before it is drawn. */
  get canvas(): HTMLCanvasElement | undefined {
    return this.plotted.querySelector("canvas") ?? undefined;
  }

  /** The visible curves. */
  get shownCurves(): readonly Curve[] {
    return this.curves.filter(({ label }) => !this.hidden.has(label));
  }

  private data(width: number): uPlot.AlignedData {
    const { span, log } = this.view;
    const tables = this.curves.map(({ track }): uPlot.AlignedData => {
      const { x, y } = decimate(track, span, Math.ceil(width * devicePixelRatio));
      return [x, log ? y.map((value) => (value > 0 ? value : null)) : y];
    });
    if (tables.length === 0) return [[]];
    return uPlot.join(tables);
  }

  private build(width: number, data: uPlot.AlignedData): void {
    this.plot?.destroy();
    const options = plotOptions(this.curves, this.hidden, {
      size: { width, height: HEIGHT },
      log: this.view.log,
      span: () => this.view.span,
      pointed: (plot) => {
        this.showValues();
        this.events.pointed(cursorPosition(plot));
      },
      selected: (plot) => this.selected(plot),
    });
    this.plot = new uPlot(options, data, this.plotted);
    // Replaces uPlot's double click, which resets one chart only.
    this.plot.over.addEventListener("dblclick", () => this.events.zoomed(undefined));
    this.legend.build(this.curves, this.hidden, this.view.legend ?? true);
  }

  /** Shows or hides a curve, and with it the faint curve of the same color. */
  private toggle({ label, color }: Curve, visible: boolean): void {
    if (visible) this.hidden.delete(label);
    else this.hidden.add(label);
    for (const [at, curve] of this.curves.entries()) {
      const follows = curve.label === label || (curve.style === "faint" && curve.color === color);
      if (follows) this.plot?.setSeries(at + 1, { show: visible });
    }
  }

  /** Shows the values under the cursor, or the last ones. */
  private showValues(): void {
    const { plot } = this;
    if (plot === undefined) return;
    const pointed = plot.cursor.idx !== null && plot.cursor.idx !== undefined;
    const values = this.curves.map(({ track }, index) => {
      const at = plot.cursor.idxs?.[index + 1];
      const under = at === undefined || at === null ? undefined : plot.data[index + 1]?.[at];
      return under ?? lastValue(track);
    });
    this.legend.showValues(values, pointed);
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
    const x = xs[next];
    if (x !== undefined) this.moveTo(plot, x);
  }

  private moveTo(plot: uPlot, x: number): void {
    const left = plot.valToPos(x, "x");
    plot.setCursor({ left, top: plot.over.clientHeight / 2 });
    const words = this.curves.flatMap(({ label, style }, index) =>
      style === "faint" ? [] : [`${label} ${this.legend.valueText(index)}`],
    );
    this.events.spoke(`Epoch ${shortNumber(x)}: ${words.join(", ")}`);
  }
}

function cursorPosition({ cursor, data }: uPlot): number | undefined {
  return cursor.idx === null || cursor.idx === undefined ? undefined : data[0][cursor.idx];
}

function lastValue({ y }: Track): number | undefined {
  for (let at = y.length - 1; at >= 0; at--) if (!Number.isNaN(y[at])) return y[at];
  return undefined;
}
