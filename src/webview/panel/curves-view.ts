import { metricName, orderedMetrics } from "../../facts/format.ts";
import { Chart } from "../charts/chart.ts";
import type { PlotEvents } from "../charts/chart-menu.ts";
import { type Curve, type Span, smooth, type Track } from "../charts/track.ts";
import { element, oncePerFrame, setText, show, slider } from "../dom.ts";
import { curveColor, theme } from "../theme.ts";
import { button, checkbox } from "../toolkit.ts";
import type { RunRecord } from "./run-record.ts";

/** A run with its record; several are compared. */
export interface ShownRun {
  readonly name: string;
  readonly record: RunRecord;
}

/** The settings of the curves that the page stores. */
export interface CurveSettings {
  readonly log: boolean;
  /** Weight of the moving average, from 0 (none) to below 1. */
  readonly smoothing: number;
  /** Whether the charts under "More curves" are shown. */
  readonly unfolded?: boolean;
}

export const USUAL_CURVES: CurveSettings = { log: false, smoothing: 0.6 };

/** Number of charts shown first; the others are under "More curves". */
const FIRST = 3;

export interface CurvesEvents extends PlotEvents {
  changed(settings: CurveSettings): void;
}

/** Metrics without a logarithmic scale: PSNR is logarithmic already, SSIM lies between -1 and 1. */
const NO_LOG = new Set(["psnr", "ssim"]);

const OVER = "over epochs";

const LEARNING_RATE = "Learning rate";

/** The curves of one run, or of several compared. */
export class CurvesView {
  readonly element: HTMLElement;
  private readonly charts = new Map<string, Chart>();
  private readonly grid = element("div", { class: "charts" });
  private readonly moreGrid = element("div", { class: "charts" });
  private readonly more: HTMLDetailsElement;
  private readonly moreSummary = element("summary", {});
  /** The colors of compared runs. */
  private readonly legend = element("div", { class: "chart-legend shared-legend" });
  private readonly hiddenRuns = new Set<string>();
  private readonly smoothingText: HTMLElement;
  /** Shows the epoch under the cursor. */
  private readonly place: HTMLElement;
  private readonly empty: HTMLElement;
  private readonly spoken: HTMLElement;
  private readonly resetZoom: HTMLElement;
  private runs: readonly ShownRun[] = [];
  /** The zoomed part of the x axis. Undefined for all epochs. */
  private zoomed: Span | undefined;
  private readonly redraw = oncePerFrame(() => this.draw());

  constructor(
    private settings: CurveSettings,
    private readonly events: CurvesEvents,
  ) {
    const log = checkbox("Log scale", settings.log, (checked) => this.change({ log: checked }));
    const smoothing = slider(
      "Smoothing",
      { min: 0, max: 0.99, step: 0.01, value: settings.smoothing },
      (value) => this.change({ smoothing: value }),
    );
    this.smoothingText = element("span", { class: "slider-value" });
    this.resetZoom = button("Show all", () => this.zoom(undefined), { label: "Show all epochs again" });
    this.spoken = element("div", { class: "spoken", "aria-live": "polite" });
    this.place = element("span", { class: "hint" }, OVER);
    this.empty = element("p", { class: "hint" }, "The curves begin with the first training step.");
    this.more = element("details", { class: "more-charts" }, this.moreSummary, this.moreGrid);
    this.more.open = settings.unfolded ?? false;
    this.more.addEventListener("toggle", () => this.change({ unfolded: this.more.open }));
    this.element = element(
      "section",
      { class: "section", "aria-label": "Curves" },
      element(
        "header",
        { class: "section-header" },
        element("h2", {}, "Curves", this.place),
        element(
          "div",
          { class: "toolbar" },
          element("label", { class: "control" }, "Smoothing", smoothing, this.smoothingText),
          log.element,
          this.resetZoom,
        ),
      ),
      this.empty,
      this.legend,
      this.grid,
      this.more,
      this.spoken,
    );
    show(this.resetZoom, false);
    this.showSmoothing();
  }

  /** Draws runs at once. Resets the zoom if they are other runs than before. */
  show(runs: readonly ShownRun[]): void {
    const same =
      runs.length === this.runs.length && runs.every(({ record }, at) => record === this.runs[at]?.record);
    this.runs = runs;
    if (!same) this.zoomed = undefined;
    show(this.resetZoom, this.zoomed !== undefined);
    this.draw();
  }

  private draw(): void {
    const most = Math.max(0, ...this.runs.map(({ record }) => record.position));
    show(this.empty, most === 0);
    show(this.grid, most > 0);
    show(this.more, most > 0);
    this.showLegend();
    if (most === 0) return;
    const names = this.chartNames();
    for (const name of names) {
      if (!this.charts.has(name)) this.charts.set(name, this.newChart(name));
    }
    const [first, more] = [names.slice(0, FIRST), names.slice(FIRST)];
    this.placeCharts(this.grid, first);
    this.placeCharts(this.moreGrid, more);
    show(this.more, more.length > 0);
    setText(this.moreSummary, `More curves: ${more.map(chartTitle).join(", ")}`);
    const span = this.zoomed ?? { from: 0, to: Math.max(1, most) };
    const legend = this.runs.length === 1;
    for (const name of this.more.open ? names : first) {
      const log = this.settings.log && !NO_LOG.has(name);
      this.charts.get(name)?.show(this.curves(name), { log, span, legend });
    }
  }

  /** Puts charts into a grid unless they are there already. */
  private placeCharts(grid: HTMLElement, names: readonly string[]): void {
    const wanted = names.flatMap((name) => this.charts.get(name)?.element ?? []);
    const same =
      wanted.length === grid.children.length && wanted.every((each, at) => grid.children[at] === each);
    if (!same) grid.replaceChildren(...wanted);
  }

  private showLegend(): void {
    const several = this.runs.length > 1;
    show(this.legend, several);
    const colors = theme().curves;
    const key = JSON.stringify([this.runs.map(({ name }) => name), colors, this.train]);
    if (!several || this.legend.dataset.shown === key) return;
    this.legend.dataset.shown = key;
    const entries = this.runs.map(({ name }, color) => {
      const shown = !this.hiddenRuns.has(name);
      const swatch = element("span", { class: "legend-swatch", "aria-hidden": "true" });
      swatch.style.setProperty("--color", curveColor(color));
      const attributes = { class: "legend-entry", type: "button", "aria-pressed": String(shown) };
      const entry = element("button", { ...attributes, title: `Show or hide ${name}` }, swatch, name);
      entry.addEventListener("click", () => {
        const shows = this.hiddenRuns.delete(name);
        if (!shows) this.hiddenRuns.add(name);
        entry.setAttribute("aria-pressed", String(shows));
        this.redraw();
      });
      return entry;
    });
    const styles = element("span", { class: "hint" }, `solid: validation, dashed: ${this.train}`);
    this.legend.replaceChildren(...entries, styles);
  }

  private chartNames(): string[] {
    return [...orderedMetrics(this.runs.flatMap(({ record }) => [...record.metrics])), LEARNING_RATE];
  }

  private newChart(name: string): Chart {
    return new Chart(chartTitle(name), {
      zoomed: (span) => this.zoom(span),
      pointed: (x) => setText(this.place, x === undefined ? OVER : `at epoch ${Number(x.toFixed(2))}`),
      spoke: (text) => setText(this.spoken, text),
      save: this.events.save,
      failed: this.events.failed,
    });
  }

  private curves(name: string): Curve[] {
    const [run] = this.runs;
    if (run === undefined) return [];
    if (this.runs.length > 1)
      return this.runs.flatMap((each, at) =>
        this.hiddenRuns.has(each.name) ? [] : this.comparedCurves(name, each, at),
      );
    const { record } = run;
    if (name === LEARNING_RATE) {
      return [{ label: "Learning rate", track: record.learningRate, color: 2, style: "line" }];
    }
    const train = record.train(name);
    const curves: Curve[] = [];
    if (this.settings.smoothing > 0)
      curves.push({ label: "Train, each step", track: train, color: 0, style: "faint" });
    const label = this.settings.smoothing > 0 ? "Train, smoothed" : "Train";
    curves.push({ label, track: this.smoothed(train), color: 0, style: "line" });
    const validation = record.validation(name);
    if (validation.x.length > 0)
      curves.push({ label: "Validation", track: validation, color: 1, style: "points" });
    return curves;
  }

  /** Returns the curves of a compared run: its color is the same in all charts, training is dashed. */
  private comparedCurves(name: string, { name: run, record }: ShownRun, color: number): Curve[] {
    if (name === LEARNING_RATE) return [{ label: run, track: record.learningRate, color, style: "line" }];
    const train = record.train(name);
    const validation = record.validation(name);
    return [
      { label: `${run} ${this.train}`, track: this.smoothed(train), color, style: "dashed" },
      ...(validation.x.length > 0
        ? [{ label: `${run} validation`, track: validation, color, style: "points" } as const]
        : []),
    ];
  }

  /** Names the training curves of compared runs. */
  private get train(): string {
    return this.settings.smoothing > 0 ? "train, smoothed" : "train";
  }

  private smoothed(track: Track): Track {
    return smooth(track, this.settings.smoothing);
  }

  private zoom(span: Span | undefined): void {
    const most = Math.max(1, ...this.runs.map(({ record }) => record.position));
    const within =
      span === undefined ? undefined : { from: Math.max(0, span.from), to: Math.min(most, span.to) };
    const all = within === undefined || (within.from <= 0 && within.to >= most) || within.to <= within.from;
    this.zoomed = all ? undefined : within;
    show(this.resetZoom, this.zoomed !== undefined);
    this.redraw();
  }

  private change(change: Partial<CurveSettings>): void {
    this.settings = { ...this.settings, ...change };
    this.events.changed(this.settings);
    this.showSmoothing();
    this.redraw();
  }

  private showSmoothing(): void {
    setText(this.smoothingText, this.settings.smoothing === 0 ? "off" : this.settings.smoothing.toFixed(2));
  }
}

const chartTitle = (name: string): string => (name === LEARNING_RATE ? name : metricName(name));
