/** A chart's context menu: its picture and its numbers, to copy or to save. */
import Papa from "papaparse";
import { errorMessage } from "../../facts/errors.ts";
import { copyPng, copyText } from "../clipboard.ts";
import type { MenuItem } from "../context-menu.ts";
import { element } from "../dom.ts";
import { pngOf } from "../png.ts";
import { curveColor, theme } from "../theme.ts";
import type { Curve } from "./track.ts";

/** The parts of a chart that its menu uses. */
interface ChartContent {
  readonly title: string;
  readonly canvas: HTMLCanvasElement | undefined;
  readonly shownCurves: readonly Curve[];
}

/** Returns the entries of a chart's context menu. */
export function chartMenu(chart: ChartContent, events: PlotEvents): MenuItem[] {
  const { title } = chart;
  return plotMenu({ title, png: () => chartPng(chart), csv: () => curvesCsv(chart.shownCurves) }, events);
}

/** What a plot's menu asks for. */
export interface PlotEvents {
  /** Asks for a place and saves a file there. */
  save(name: string, file: Blob): void;
  /** Tells the user why copying or saving failed. */
  failed(message: string): void;
}

/** What can be copied and saved of a plot. */
export interface PlotContent {
  readonly title: string;
  png(): Promise<Blob>;
  csv(): string;
}

/** Returns the entries of a plot's context menu. */
export function plotMenu({ title, png, csv }: PlotContent, { save, failed }: PlotEvents): MenuItem[] {
  const stem = title.replace(/\W+/g, "-").toLowerCase();
  const item = (label: string, failure: string, act: () => Promise<void>): MenuItem => ({
    label,
    run: () => void act().catch((error) => failed(`${failure}: ${errorMessage(error)}`)),
  });
  return [
    item("Copy as PNG", "Not copied", () => copyPng(png())),
    item("Save as PNG…", "Not saved", async () => save(`${stem}.png`, await png())),
    item("Copy as CSV", "Not copied", () => copyText(csv())),
    item("Save as CSV…", "Not saved", async () =>
      save(`${stem}.csv`, new Blob([csv()], { type: "text/csv" })),
    ),
  ];
}

/** Returns all values as CSV: a row for each x at which some curve has a value. */
function curvesCsv(curves: readonly Curve[]): string {
  const rows = new Map<number, Record<string, number>>();
  for (const { label, track } of curves)
    for (const [at, x] of track.x.entries()) {
      const y = track.y[at];
      if (y === undefined || Number.isNaN(y)) continue;
      const row = rows.get(x) ?? { epoch: x };
      row[label] = y;
      rows.set(x, row);
    }
  const sorted = [...rows].sort(([one], [other]) => one - other).map(([, row]) => row);
  const columns = ["epoch", ...new Set(curves.map(({ label }) => label))];
  return Papa.unparse(sorted, { columns, newline: "\n" });
}

/** Height of the title and of a line of the legend, in CSS pixels. */
const LINE = 20;

/** Draws the plot with its title and legend on the editor's background. */
async function chartPng({ title, canvas, shownCurves }: ChartContent): Promise<Blob> {
  if (canvas === undefined) throw new Error("The chart is empty.");
  const { foreground } = theme();
  const pixel = devicePixelRatio;
  const named = shownCurves.filter(({ style }) => style !== "faint");
  const context = onBackground(canvas, LINE * pixel * (1 + named.length));
  context.textBaseline = "middle";
  const font = getComputedStyle(document.body).fontFamily;
  context.font = `600 ${13 * pixel}px ${font}`;
  context.fillStyle = foreground;
  context.fillText(title, 8 * pixel, (LINE * pixel) / 2);
  context.font = `${12 * pixel}px ${font}`;
  for (const [index, { label, color, style }] of named.entries()) {
    const y = LINE * pixel * (index + 1.5);
    context.strokeStyle = curveColor(color);
    context.lineWidth = 2 * pixel;
    context.setLineDash(style === "dashed" ? [4 * pixel, 3 * pixel] : []);
    context.beginPath();
    context.moveTo(8 * pixel, y);
    context.lineTo(28 * pixel, y);
    context.stroke();
    context.fillText(label, 36 * pixel, y);
  }
  return pngOf(context.canvas);
}

/** Draws a plot on the editor's background, with room for a heading, in pixels of the screen. */
export function onBackground(plot: HTMLCanvasElement, room = 0): CanvasRenderingContext2D {
  const picture = element("canvas", {});
  Object.assign(picture, { width: plot.width, height: plot.height + room });
  const context = picture.getContext("2d");
  if (context === null) throw new Error("The chart is too large.");
  context.fillStyle = theme().background;
  context.fillRect(0, 0, picture.width, picture.height);
  context.drawImage(plot, 0, room);
  return context;
}
