/** Charts of a training as PNG files: one of the loss, one of each metric. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { initWasm, Resvg } from "@resvg/resvg-wasm";
import { LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, MarkPointComponent, TitleComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import { writeFileAtomically } from "../facts/files/write-file.ts";
import type { ResultTree } from "../facts/result-tree.ts";
import type { EpochRecord } from "./train-log.ts";

use([LineChart, GridComponent, LegendComponent, MarkPointComponent, TitleComponent, SVGRenderer]);

const SIZE = { width: 900, height: 560 };
const FONT = "Inter";
const COLOURS = { train: "#3b6fb6", validation: "#d1602f", text: "#333333", grid: "#e3e3e3" };
const TITLES: Readonly<Record<string, string>> = {
  loss: "Loss",
  mae: "Mean absolute error",
  mse: "Mean squared error",
  psnr: "PSNR (dB)",
  ssim: "SSIM",
};

const packageFile = createRequire(import.meta.url);
let ready: Promise<Uint8Array> | undefined;

/** The font; the renderer's WebAssembly is set up once. */
function renderer(): Promise<Uint8Array> {
  ready ??= (async () => {
    await initWasm(await readFile(packageFile.resolve("@resvg/resvg-wasm/index_bg.wasm")));
    return readFile(packageFile.resolve("@fontsource/inter/files/inter-latin-400-normal.woff2"));
  })();
  return ready;
}

function series(
  name: string,
  colour: string,
  points: readonly (readonly [number, number])[],
  mark?: readonly [number, number],
) {
  return {
    name,
    type: "line" as const,
    data: points.map(([epoch, value]) => [epoch, value]),
    showSymbol: points.length === 1,
    symbolSize: 6,
    lineStyle: { width: 2, color: colour },
    itemStyle: { color: colour },
    markPoint: mark && {
      symbol: "circle",
      symbolSize: 10,
      itemStyle: { color: "#ffffff", borderColor: colour, borderWidth: 2 },
      label: {
        show: true,
        position: "top" as const,
        distance: 8,
        color: COLOURS.text,
        formatter: mark[1].toPrecision(4),
      },
      data: [{ coord: [mark[0], mark[1]] }],
    },
  };
}

function chartSvg(metric: string, history: readonly EpochRecord[]): string {
  const points = (of: (record: EpochRecord) => number | undefined) =>
    history.flatMap((record): [number, number][] => {
      const value = of(record);
      return value === undefined || !Number.isFinite(value) ? [] : [[record.epoch, value]];
    });
  const train = points((record) => record.train[metric]);
  const validation = points((record) => record.validation?.[metric]);
  const losses = points((record) => (record.validation ?? record.train).loss);
  const [bestEpoch] = losses.reduce((best, each) => (each[1] < best[1] ? each : best), losses[0]);
  const best = (validation.length > 0 ? validation : train).find(([epoch]) => epoch === bestEpoch);
  const title = TITLES[metric] ?? metric;
  const chart = init(null, null, { renderer: "svg", ssr: true, ...SIZE });
  const textStyle = { fontFamily: FONT, color: COLOURS.text };
  const axis = {
    nameLocation: "middle" as const,
    nameTextStyle: { ...textStyle, fontSize: 15 },
    axisLabel: { ...textStyle, fontSize: 13 },
  };
  chart.setOption({
    animation: false,
    backgroundColor: "#ffffff",
    textStyle,
    title: {
      text: title,
      left: "center",
      top: 12,
      textStyle: { ...textStyle, fontSize: 19, fontWeight: "normal" },
    },
    legend: { bottom: 10, itemGap: 28, textStyle: { ...textStyle, fontSize: 14 } },
    grid: { left: 90, right: 36, top: 64, bottom: 96 },
    xAxis: {
      type: "value",
      name: "Epoch",
      nameGap: 30,
      minInterval: 1,
      min: 1,
      max: history[history.length - 1].epoch,
      ...axis,
      splitLine: { show: false },
    },
    yAxis: {
      type: "value",
      name: title,
      nameGap: 62,
      scale: true,
      ...axis,
      splitLine: { lineStyle: { color: COLOURS.grid } },
    },
    series: [
      series("training", COLOURS.train, train, validation.length > 0 ? undefined : best),
      ...(validation.length > 0
        ? [series("validation (best epoch marked)", COLOURS.validation, validation, best)]
        : []),
    ],
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

/** Draws every metric of the training so far into `charts/<name>_<run>_<metric>.png`, and returns the files. */
export async function writeCharts(
  { charts, name, runId }: ResultTree,
  history: readonly EpochRecord[],
): Promise<string[]> {
  if (history.length === 0) return [];
  const font = await renderer();
  const files: string[] = [];
  for (const metric of Object.keys(history[history.length - 1].train)) {
    const picture = new Resvg(chartSvg(metric, history), {
      font: { fontBuffers: [font], defaultFontFamily: FONT },
    });
    const path = join(charts, `${name}_${runId}_${metric}.png`);
    await writeFileAtomically(path, picture.render().asPng());
    picture.free();
    files.push(path);
  }
  return files;
}
