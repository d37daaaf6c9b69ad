/** uPlot's options for a chart of curves. */
import type uPlot from "uplot";
import { axisNumbers } from "../../facts/format.ts";
import { curveColor, theme } from "../theme.ts";
import { labeledTicks, linearRange, logRange } from "./chart-axes.ts";
import type { Curve, Span } from "./track.ts";

/** uPlot's key that makes the charts of a page share their cursor. */
const SYNC = "charts";

export interface PlotSettings {
  /** In CSS pixels. */
  readonly size: { readonly width: number; readonly height: number };
  /** Whether the y axis is logarithmic. */
  readonly log: boolean;
  /** Returns the visible part of the x axis. */
  span(): Span;
  /** The cursor moved, or left the plot. */
  pointed(plot: uPlot): void;
  /** A part of the x axis was selected by dragging. */
  selected(plot: uPlot): void;
}

/** @param hidden labels of the curves that are not drawn */
export function plotOptions(
  curves: readonly Curve[],
  hidden: ReadonlySet<string>,
  { size, log, span, pointed, selected }: PlotSettings,
): uPlot.Options {
  const { faint, grid } = theme();
  const axis: uPlot.Axis = {
    stroke: () => faint,
    font: `11px ${getComputedStyle(document.body).fontFamily}`,
    grid: { stroke: grid, width: 1 },
    ticks: { stroke: grid, width: 1, size: 4 },
    gap: 4,
  };
  return {
    ...size,
    padding: [8, 12, 0, 0],
    legend: { show: false },
    scales: {
      x: { time: false, range: () => [span().from, span().to] },
      y: { distr: log ? 3 : 1, range: log ? logRange : linearRange },
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
        ...(log ? { filter: labeledTicks } : {}),
      },
    ],
    series: [{}, ...curves.map((curve) => seriesOf(curve, hidden))],
    cursor: {
      drag: { x: true, y: false, setScale: false },
      sync: { key: SYNC, setSeries: false },
      points: { size: 6 },
      dataIdx: (plot, seriesIndex, closest) => nearestValue(plot.data[seriesIndex] ?? [], closest),
    },
    hooks: { setCursor: [pointed], setSelect: [selected] },
  };
}

function seriesOf({ label, color, style }: Curve, hidden: ReadonlySet<string>): uPlot.Series {
  const stroke = curveColor(color);
  return {
    label,
    stroke: style === "faint" ? withAlpha(stroke, 0.3) : stroke,
    width: style === "faint" ? 1 : 1.5,
    dash: style === "dashed" ? [5, 4] : undefined,
    spanGaps: true,
    show: !hidden.has(label),
    points: { show: style === "points" ? undefined : false, size: 4, fill: stroke, space: 10 },
  };
}

type Values = uPlot.AlignedData[number];

/** Returns the nearest index that has a value: validation has a point per epoch, and none at most steps. */
function nearestValue(values: Values, closest: number): number {
  for (let distance = 0; distance < values.length; distance++) {
    if (isValue(values[closest - distance])) return closest - distance;
    if (isValue(values[closest + distance])) return closest + distance;
  }
  return closest;
}

const isValue = (value: number | null | undefined): boolean => value !== null && value !== undefined;

/** Returns a translucent version of a CSS color. */
function withAlpha(color: string, alpha: number): string {
  return `color-mix(in srgb, ${color} ${alpha * 100}%, transparent)`;
}
