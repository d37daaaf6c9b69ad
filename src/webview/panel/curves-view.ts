import { metricName } from "../../facts/format.ts";
import { Chart, type Curve } from "../charts/chart.ts";
import { type Span, smooth, type Track } from "../charts/track.ts";
import { element, oncePerFrame, setText, show, slider } from "../dom.ts";
import { button, checkbox } from "../toolkit.ts";
import type { RunRecord } from "./run-record.ts";

/** A run among those that are laid over each other. */
export interface ShownRun {
  readonly name: string;
  readonly record: RunRecord;
}

export interface CurveSettings {
  readonly log: boolean;
  /** From 0 to below 1. */
  readonly smoothing: number;
}

export const USUAL_CURVES: CurveSettings = { log: false, smoothing: 0.6 };

/** The order of charts; metrics that are not here come after them. */
const ORDER = ["loss", "psnr", "ssim", "mse", "mae"];

/** Metrics that a logarithmic scale is for: PSNR is logarithmic already, SSIM lies between -1 and 1. */
const NO_LOG = new Set(["psnr", "ssim"]);

const OVER = "over epochs";

const LEARNING_RATE = "Learning rate";

/** The curves of one run, or of several laid over each other. */
export class CurvesView {
  readonly element: HTMLElement;
  private readonly charts = new Map<string, Chart>();
  private readonly grid: HTMLElement;
  private readonly smoothingText: HTMLElement;
  /** Which epoch the cursor is at. */
  private readonly place: HTMLElement;
  private readonly empty: HTMLElement;
  private readonly spoken: HTMLElement;
  private readonly resetZoom: HTMLElement;
  private runs: readonly ShownRun[] = [];
  /** The part of the x axis that a person zoomed to. */
  private zoomed: Span | undefined;
  private readonly redraw = oncePerFrame(() => this.draw());

  constructor(
    private settings: CurveSettings,
    private readonly changed: (settings: CurveSettings) => void,
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
    this.grid = element("div", { class: "charts" });
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
      this.grid,
      this.spoken,
    );
    show(this.resetZoom, false);
    this.showSmoothing();
  }

  /** Draws runs, at once. Where they are others than before, all of their epochs are shown. */
  show(runs: readonly ShownRun[]): void {
    const same =
      runs.length === this.runs.length && runs.every(({ record }, at) => record === this.runs[at].record);
    this.runs = runs;
    if (!same) this.zoomed = undefined;
    show(this.resetZoom, this.zoomed !== undefined);
    this.draw();
  }

  private draw(): void {
    const most = Math.max(0, ...this.runs.map(({ record }) => record.position));
    show(this.empty, most === 0);
    show(this.grid, most > 0);
    if (most === 0) return;
    const names = this.chartNames();
    for (const name of names) {
      if (!this.charts.has(name)) this.charts.set(name, this.newChart(name));
    }
    const charts = names.flatMap((name) => this.charts.get(name) ?? []);
    if (
      charts.some(({ element }, at) => this.grid.children[at] !== element) ||
      charts.length !== this.grid.children.length
    )
      this.grid.replaceChildren(...charts.map(({ element }) => element));
    const span = this.zoomed ?? { from: 0, to: Math.max(1, most) };
    for (const name of names) {
      const log = this.settings.log && !NO_LOG.has(name);
      this.charts.get(name)?.show(this.curves(name), { log, span });
    }
  }

  private chartNames(): string[] {
    const metrics = new Set(this.runs.flatMap(({ record }) => record.metrics));
    const ordered = ORDER.filter((name) => metrics.has(name));
    const others = [...metrics].filter((name) => !ORDER.includes(name)).sort();
    return [...ordered, ...others, LEARNING_RATE];
  }

  private newChart(name: string): Chart {
    const title = name === LEARNING_RATE ? name : metricName(name);
    return new Chart(title, {
      zoomed: (span) => this.zoom(span),
      pointed: (x) => setText(this.place, x === undefined ? OVER : `at epoch ${Number(x.toFixed(2))}`),
      spoke: (text) => setText(this.spoken, text),
    });
  }

  private curves(name: string): Curve[] {
    const [run] = this.runs;
    if (run === undefined) return [];
    if (this.runs.length > 1) return this.runs.flatMap((each, at) => this.comparedCurves(name, each, at));
    const { record } = run;
    if (name === LEARNING_RATE) {
      return [{ label: "Learning rate", track: record.learningRate, colour: 2, style: "line" }];
    }
    const train = record.train(name);
    const curves: Curve[] = [];
    if (this.settings.smoothing > 0)
      curves.push({ label: "Train, each step", track: train, colour: 0, style: "faint" });
    curves.push({ label: "Train", track: this.smoothed(train), colour: 0, style: "line" });
    const validation = record.validation(name);
    if (validation.x.length > 0)
      curves.push({ label: "Validation", track: validation, colour: 1, style: "points" });
    return curves;
  }

  /** A run's colour is the same in all charts; its training is dashed. */
  private comparedCurves(name: string, { name: run, record }: ShownRun, colour: number): Curve[] {
    if (name === LEARNING_RATE) return [{ label: run, track: record.learningRate, colour, style: "line" }];
    const train = record.train(name);
    const validation = record.validation(name);
    return [
      { label: `${run} train`, track: this.smoothed(train), colour, style: "dashed" },
      ...(validation.x.length > 0
        ? [{ label: `${run} validation`, track: validation, colour, style: "points" } as const]
        : []),
    ];
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
    this.changed(this.settings);
    this.showSmoothing();
    this.redraw();
  }

  private showSmoothing(): void {
    setText(this.smoothingText, this.settings.smoothing === 0 ? "off" : this.settings.smoothing.toFixed(2));
  }
}
