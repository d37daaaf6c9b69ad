/** A chart's context menu: its picture and its numbers, to copy or to save. */
import Papa from "papaparse";
import type { MenuItem } from "../context-menu.ts";
import { element } from "../dom.ts";
import { copyPng, pngOf } from "../png.ts";
import { curveColor, theme } from "../theme.ts";
import type { Curve } from "./track.ts";

/** The parts of a chart that its menu uses. */
interface ChartContent {
  readonly title: string;
  readonly canvas: HTMLCanvasElement | undefined;
  readonly shownCurves: readonly Curve[];
}

export function chartMenu(chart: ChartContent, save: (name: string, file: Blob) => void): MenuItem[] {
  const stem = chart.title.replace(/\W+/g, "-").toLowerCase();
  const csv = () => curvesCsv(chart.shownCurves);
  return [
    { label: "Copy as PNG", run: () => void copyPng(chartPng(chart)) },
    { label: "Save as PNG…", run: async () => save(`${stem}.png`, await chartPng(chart)) },
    { label: "Copy as CSV", run: () => void navigator.clipboard.writeText(csv()) },
    { label: "Save as CSV…", run: () => save(`${stem}.csv`, new Blob([csv()], { type: "text/csv" })) },
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
  const { background, foreground } = theme();
  const pixel = devicePixelRatio;
  const named = shownCurves.filter(({ style }) => style !== "faint");
  const top = LINE * pixel * (1 + named.length);
  const picture = element("canvas", {});
  Object.assign(picture, { width: canvas.width, height: canvas.height + top });
  const context = picture.getContext("2d");
  if (context === null) throw new Error("The chart is too large.");
  context.fillStyle = background;
  context.fillRect(0, 0, picture.width, picture.height);
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
  context.drawImage(canvas, 0, top);
  return pngOf(picture);
}
