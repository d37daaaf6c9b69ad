import { AXIS, CHART, COLORS, chartPng } from "../../results/chart-picture.ts";
import { type StudyResult, studyRows } from "./outcome.ts";
import type { Start } from "./plan.ts";

const SERIES: readonly { readonly start: Start; readonly name: string; readonly color: string }[] = [
  { start: "pretrained", name: "pretrained (mean)", color: COLORS.train },
  { start: "scratch", name: "from scratch (mean)", color: COLORS.validation },
];

/** Draws the label-efficiency curve: IoU against labeled images, a line for each mean and a point for each training. PNG. */
export function studyChart(results: readonly StudyResult[]): Promise<Uint8Array> {
  const rows = studyRows(results);
  const counts = rows.map(({ labels }) => String(labels));
  return chartPng({
    ...CHART,
    title: { ...CHART.title, text: "Does pretraining pay?" },
    legend: { ...CHART.legend, data: SERIES.map(({ name }) => name) },
    xAxis: { type: "category", data: counts, name: "Labeled images", nameGap: 30, ...AXIS },
    yAxis: {
      type: "value",
      name: "IoU of test images",
      nameGap: 62,
      scale: true,
      ...AXIS,
      splitLine: { lineStyle: { color: COLORS.grid } },
    },
    series: SERIES.flatMap(({ start, name, color }) => [
      {
        name,
        type: "line" as const,
        data: rows.map((row) => row[start].mean),
        symbolSize: 8,
        lineStyle: { width: 2, color },
        itemStyle: { color },
      },
      {
        name: `${start} (each training)`,
        type: "scatter" as const,
        data: results
          .filter((each) => each.start === start)
          .map(({ labels, iou }) => [counts.indexOf(String(labels)), iou]),
        symbolSize: 6,
        itemStyle: { color, opacity: 0.5 },
      },
    ]),
  });
}
