import uPlot from "uplot";
import { axisNumbers, counted } from "../../facts/format.ts";
import { onBackground, type PlotEvents, plotMenu } from "../charts/chart-menu.ts";
import { contextMenu } from "../context-menu.ts";
import { element, setText } from "../dom.ts";
import { pngOf } from "../png.ts";
import { onThemeChange, theme } from "../theme.ts";
import { dropdown } from "../toolkit.ts";
import { cellText, NAME, runsCsv, type TableColumn, type TableRun, titleOf } from "./columns.ts";

const HEIGHT = 260;

/** Plots a metric of all shown runs against a key of their configurations, or any other column. */
export class Scatter {
  readonly element: HTMLElement;
  private readonly x = dropdown("Horizontal axis", (id) => this.choose({ x: id }));
  private readonly y = dropdown("Vertical axis", (id) => this.choose({ y: id }));
  private readonly place = element("div", { class: "scatter-plot" });
  private readonly readout = element("p", { class: "hint", "aria-live": "polite" });
  private chosen: { readonly x?: string; readonly y?: string } = {};
  private columns: readonly TableColumn[] = [];
  private runs: readonly TableRun[] = [];
  private plot: uPlot | undefined;
  private points: readonly Point[] = [];
  /** What the plot shows, as text. */
  private plotted = "";

  constructor(
    private readonly open: (run: string) => void,
    events: PlotEvents,
  ) {
    this.element = element(
      "section",
      { class: "scatter", "aria-label": "Scatter plot" },
      element(
        "div",
        { class: "toolbar" },
        element("span", { class: "control" }, this.y.element, "against", this.x.element),
        this.readout,
      ),
      this.place,
    );
    contextMenu(this.place, () => {
      const { axes, plot } = this;
      if (axes === undefined || plot === undefined) return [];
      const { x, y } = axes;
      const title = `${y.title} against ${x.title}`;
      const png = () => pngOf(onBackground(plot.ctx.canvas).canvas);
      return plotMenu(
        { title, png, csv: () => runsCsv(runsWith(x, runsWith(y, this.runs)), [NAME, y, x]) },
        events,
      );
    });
    new ResizeObserver(() => this.draw()).observe(this.place);
    onThemeChange(() => {
      this.plotted = "";
      this.draw();
    });
  }

  show(columns: readonly TableColumn[], runs: readonly TableRun[]): void {
    this.columns = columns.filter(({ id }) => !["star", "notes", "name"].includes(id));
    this.runs = runs;
    this.draw();
  }

  private choose(change: Scatter["chosen"]): void {
    this.chosen = { ...this.chosen, ...change };
    this.draw();
  }

  /** The chosen columns. Defaults to the test metric that most runs have, and the fullest key in which these differ. */
  private get axes(): { readonly x: TableColumn; readonly y: TableColumn } | undefined {
    const { columns, chosen, runs } = this;
    const find = (id: string | undefined) => columns.find((column) => column.id === id);
    const named = (start: string) => columns.filter(({ id }) => id.startsWith(start));
    const y = find(chosen.y) ?? fullest(named("test "), (column) => runsWith(column, runs)) ?? find("loss");
    if (y === undefined) return undefined;
    const measured = runsWith(y, runs);
    const keys = [...named("key ").filter(({ numeric }) => numeric), ...named("key ")];
    const differing = keys.filter(
      (column) => new Set(runsWith(column, measured).map((run) => column.value(run))).size > 1,
    );
    const x =
      find(chosen.x) ??
      fullest(differing.length > 0 ? differing : keys, (column) => runsWith(column, measured)) ??
      find("duration");
    return x === undefined ? undefined : { x, y };
  }

  private draw(): void {
    const { axes } = this;
    const width = this.place.clientWidth;
    if (axes === undefined || width === 0) return;
    const { x, y } = axes;
    const choices = (columns: readonly TableColumn[]) =>
      columns.map(({ id, title }) => ({ value: id, label: title }));
    this.x.show(choices(this.columns), x.id);
    this.y.show(choices(this.columns.filter(({ numeric }) => numeric)), y.id);
    const complete = runsWith(x, runsWith(y, this.runs));
    // Text values are positions on the axis, in sorted order.
    const words = x.numeric ? [] : [...new Set(complete.map((run) => cellText(x, run)))].sort();
    const xOf = (run: TableRun): number =>
      x.numeric ? Number(x.value(run)) : words.indexOf(cellText(x, run));
    const points = complete
      .map((run) => ({ run, x: xOf(run), y: Number(y.value(run)) }))
      .sort((one, other) => one.x - other.x);
    this.points = points;
    const places = points.map((point) => [point.run.summary.id, point.x, point.y]);
    const plotted = JSON.stringify([width, x.id, y.id, words, places]);
    // A new plot has no cursor: the run under the mouse would no longer be named.
    if (plotted === this.plotted) return;
    this.plotted = plotted;
    setText(this.readout, points.length === 0 ? "No run has values of both." : counted(points.length, "run"));
    this.plot?.destroy();
    this.plot = new uPlot(
      options(width, { x, y, words }, points, (index) => {
        const point = index === undefined ? undefined : this.points[index];
        if (point !== undefined) setText(this.readout, pointText(point.run, x, y));
      }),
      [points.map((point) => point.x), points.map((point) => point.y)],
      this.place,
    );
    const { over, cursor } = this.plot;
    over.addEventListener("dblclick", () => {
      const point = this.points[cursor.idx ?? -1];
      if (point !== undefined) this.open(point.run.summary.id);
    });
  }
}

/** A run in the plot. */
interface Point {
  readonly run: TableRun;
  readonly x: number;
  readonly y: number;
}

/** Returns the runs with a value in a column. */
const runsWith = (column: TableColumn, runs: readonly TableRun[]): TableRun[] =>
  runs.filter((run) =>
    column.numeric ? Number.isFinite(column.value(run)) : column.value(run) !== undefined,
  );

/** Returns the first column that most runs have. */
function fullest(
  columns: readonly TableColumn[],
  runsOf: (column: TableColumn) => readonly TableRun[],
): TableColumn | undefined {
  const most = Math.max(...columns.map((column) => runsOf(column).length));
  return columns.find((column) => runsOf(column).length === most);
}

const pointText = (run: TableRun, x: TableColumn, y: TableColumn): string =>
  `${titleOf(run)}: ${y.title} ${cellText(y, run)}, ${x.title} ${cellText(x, run)}`;

/** Margin beside the outermost points. */
const linearRange: uPlot.Range.Function = (_, low, high) => {
  if (low === null || high === null) return [0, 1];
  const room = (high - low) * 0.08 || Math.abs(low) * 0.1 || 1;
  return [low - room, high + room];
};

const factorRange: uPlot.Range.Function = (_, low, high) =>
  low === null || high === null ? [1, 10] : [low / 1.6, high * 1.6];

function options(
  width: number,
  { x, y, words }: { readonly x: TableColumn; readonly y: TableColumn; readonly words: readonly string[] },
  points: readonly { readonly x: number }[],
  pointed: (index: number | undefined) => void,
): uPlot.Options {
  const { faint, grid, curves, foreground } = theme();
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const axis: uPlot.Axis = {
    stroke: () => faint,
    font,
    labelFont: font,
    grid: { stroke: grid, width: 1 },
    ticks: { stroke: grid, width: 1, size: 4 },
    values: (_, splits) => axisNumbers(splits),
  };
  // Values such as learning rates vary by factors: a logarithmic axis.
  const positive = points.filter((point) => point.x > 0).map((point) => point.x);
  const byFactors =
    x.numeric && positive.length === points.length && Math.max(...positive) > 50 * Math.min(...positive);
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    scales: {
      x: { time: false, distr: byFactors ? 3 : 1, range: byFactors ? factorRange : linearRange },
      y: { range: linearRange },
    },
    axes: [
      {
        ...axis,
        label: x.title,
        ...(words.length > 0
          ? {
              splits: () => words.map((_, at) => at),
              values: (_: uPlot, splits: number[]) => splits.map((at) => words[at] ?? ""),
            }
          : {}),
      },
      { ...axis, label: y.title, size: 58 },
    ],
    series: [
      {},
      {
        stroke: foreground,
        paths: () => null,
        points: { show: true, size: 9, fill: curves[0], stroke: curves[0] },
      },
    ],
    cursor: { drag: { x: false, y: false }, points: { size: 12 } },
    hooks: { setCursor: [({ cursor }) => pointed(cursor.idx ?? undefined)] },
  };
}
