/** Charts as PNG: ECharts draws them as SVG, resvg renders that. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { setFlagsFromString } from "node:v8";
import { initWasm, Resvg } from "@resvg/resvg-wasm";
import { LineChart, ScatterChart } from "echarts/charts";
import { GridComponent, LegendComponent, MarkPointComponent, TitleComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";

use([
  LineChart,
  ScatterChart,
  GridComponent,
  LegendComponent,
  MarkPointComponent,
  TitleComponent,
  SVGRenderer,
]);

const SIZE = { width: 900, height: 560 };
const FONT = "Inter";
export const COLORS = { train: "#3b6fb6", validation: "#d1602f", text: "#333333", grid: "#e3e3e3" };

const textStyle = { fontFamily: FONT, color: COLORS.text };

/** Options of all charts. */
export const CHART = {
  animation: false,
  backgroundColor: "#ffffff",
  textStyle,
  title: {
    left: "center",
    top: 12,
    textStyle: { ...textStyle, fontSize: 19, fontWeight: "normal" as const },
  },
  legend: { bottom: 10, itemGap: 28, textStyle: { ...textStyle, fontSize: 14 } },
  grid: { left: 90, right: 36, top: 64, bottom: 96 },
};

/** Options of all axes. */
export const AXIS = {
  nameLocation: "middle" as const,
  nameTextStyle: { ...textStyle, fontSize: 15 },
  axisLabel: { ...textStyle, fontSize: 13 },
};

/** A chart as ECharts describes it. */
export type ChartOption = Parameters<ReturnType<typeof init>["setOption"]>[0];

/**
 * How long a function of WebAssembly runs before V8 optimizes it, in bytes executed (default: 1.8 million). resvg's largest functions take
 * V8 longer to optimize than all charts of a run take to draw without.
 */
const OPTIMIZED_AFTER = 1e9;

const packageFile = createRequire(import.meta.url);
let ready: Promise<Uint8Array> | undefined;

/** Returns the font; sets up the renderer's WebAssembly once. */
function renderer(): Promise<Uint8Array> {
  ready ??= (async () => {
    // It applies to modules that are instantiated from now on.
    setFlagsFromString(`--wasm-tiering-budget=${OPTIMIZED_AFTER}`);
    await initWasm(await readFile(packageFile.resolve("@resvg/resvg-wasm/index_bg.wasm")));
    return readFile(packageFile.resolve("@fontsource/inter/files/inter-latin-400-normal.woff2"));
  })();
  return ready;
}

/** Draws a chart whose axes span all of its points. Returns the PNG's bytes. */
export async function chartPng(option: ChartOption): Promise<Uint8Array> {
  const font = await renderer();
  const chart = init(null, null, { renderer: "svg", ssr: true, ...SIZE });
  chart.setOption(option);
  // ECharts clips lines at the axes, which changes nothing here. resvg would draw a layer and a mask of the chart's size for each clip.
  const svg = chart.renderToSVGString().replaceAll(/ clip-path="[^"]*"/g, "");
  chart.dispose();
  const picture = new Resvg(svg, { font: { fontBuffers: [font], defaultFontFamily: FONT } });
  try {
    return picture.render().asPng();
  } finally {
    picture.free();
  }
}
