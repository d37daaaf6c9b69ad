/** Charts of a training as PNG: one of the loss, one of each metric. */
import { lastOf } from "../facts/checked-lists.ts";
import { epochLoss } from "../facts/epoch-loss.ts";
import { AXIS, CHART, type ChartOption, COLORS, chartPng } from "./chart-picture.ts";
import type { EpochRecord } from "./train-log.ts";

const TITLES: Readonly<Record<string, string>> = {
  loss: "Loss",
  mae: "Mean absolute error",
  mse: "Mean squared error",
  psnr: "PSNR (dB)",
  ssim: "SSIM",
};

function series(
  name: string,
  color: string,
  points: readonly (readonly [number, number])[],
  mark?: readonly [number, number],
) {
  return {
    name,
    type: "line" as const,
    data: points.map(([epoch, value]) => [epoch, value]),
    showSymbol: points.length === 1,
    symbolSize: 6,
    lineStyle: { width: 2, color },
    itemStyle: { color },
    markPoint: mark && {
      symbol: "circle",
      symbolSize: 10,
      itemStyle: { color: "#ffffff", borderColor: color, borderWidth: 2 },
      label: {
        show: true,
        position: "top" as const,
        distance: 8,
        color: COLORS.text,
        formatter: mark[1].toPrecision(4),
      },
      data: [{ coord: [mark[0], mark[1]] }],
    },
  };
}

function metricChart(metric: string, history: readonly EpochRecord[]): ChartOption {
  const points = (of: (record: EpochRecord) => number | undefined) =>
    history.flatMap((record): [number, number][] => {
      const value = of(record);
      return value === undefined || !Number.isFinite(value) ? [] : [[record.epoch, value]];
    });
  const train = points((record) => record.train[metric]);
  const validation = points((record) => record.validation?.[metric]);
  const losses = points(epochLoss);
  const least = Math.min(...losses.map(([, loss]) => loss));
  const [bestEpoch] = losses.find(([, loss]) => loss === least) ?? [];
  const best = (validation.length > 0 ? validation : train).find(([epoch]) => epoch === bestEpoch);
  const title = TITLES[metric] ?? metric;
  return {
    ...CHART,
    title: { ...CHART.title, text: title },
    xAxis: {
      type: "value",
      name: "Epoch",
      nameGap: 30,
      minInterval: 1,
      min: 1,
      max: lastOf(history).epoch,
      ...AXIS,
      splitLine: { show: false },
    },
    yAxis: {
      type: "value",
      name: title,
      nameGap: 62,
      scale: true,
      ...AXIS,
      splitLine: { lineStyle: { color: COLORS.grid } },
    },
    series: [
      series("training", COLORS.train, train, validation.length > 0 ? undefined : best),
      ...(validation.length > 0
        ? [series("validation (best epoch marked)", COLORS.validation, validation, best)]
        : []),
    ],
  };
}

/** A chart of one metric. */
export interface DrawnChart {
  readonly metric: string;
  readonly png: Uint8Array;
}

/** Draws every metric of the training so far. */
export async function drawnCharts(history: readonly EpochRecord[]): Promise<DrawnChart[]> {
  const drawn: DrawnChart[] = [];
  for (const metric of new Set(history.flatMap(({ train }) => Object.keys(train))))
    drawn.push({ metric, png: await chartPng(metricChart(metric, history)) });
  return drawn;
}
