// Draws how a training step grows with the patch, the batch and the threads, beside PyTorch: `npm run bench:scale`. Writes
// docs/pictures/scale-*.png and prints the figures. BENCH_SECONDS sets the duration of each process (default: 3).
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { AXIS, CHART, COLORS, chartPng } from "../src/results/chart-picture.ts";
import { chosenCases, described } from "./step-cases.mjs";
import { bundled, measure, median, PYTORCH } from "./step-processes.mjs";

const SECONDS = Number(process.env.BENCH_SECONDS ?? 3);
const THREADS = 2;
const OURS = await bundled("steps-ours");

/** Each plot: its values, and the size of a step for each. */
const PLOTS = [
  {
    name: "patch",
    title: "Side of the patch (pixels), batch 1",
    values: [64, 128, 256, 512],
    size: (side) => ({ side, batch: 1, threads: THREADS }),
  },
  {
    name: "batch",
    title: "Batch (patches of 128 x 128)",
    values: [1, 2, 4, 8, 16],
    size: (batch) => ({ side: 128, batch, threads: THREADS }),
  },
  {
    name: "threads",
    title: `Threads on ${cpus().length} cores (patches of 256 x 256, batch 2)`,
    values: [1, 2, 4],
    size: (threads) => ({ side: 256, batch: 2, threads }),
  },
];

const NETWORKS = [
  { name: "unet_2d", title: "U-Net", line: "solid" },
  { name: "mae_small", title: "MAE", line: "dashed" },
];

const SIDES = [
  { title: "embedded engine", command: OURS, color: COLORS.train },
  { title: "PyTorch", command: PYTORCH, color: COLORS.validation },
];

/** Returns the seconds of a training step. */
function stepSeconds(network, command, { side, batch, threads }) {
  const [each] = chosenCases([network]);
  const changes = network === "mae_small" ? { ...each.changes, img_size: side } : each.changes;
  const settings = { mode: "training", threads, seconds: SECONDS, steps: 4 };
  const found = measure(command, described({ ...each, changes, space: [side, side], batch }, settings));
  if (found.failed !== undefined)
    throw new Error(`${network}, ${side} x ${side}, batch ${batch}: ${found.failed}`);
  return median(found.seconds.slice(1));
}

console.log(`${cpus()[0]?.model}, ${cpus().length} cores; median seconds of a training step\n`);
for (const { name, title, values, size } of PLOTS) {
  console.log(`| ${title} | ${values.join(" | ")} |\n| --- |${values.map(() => " ---: |").join("")}`);
  const series = NETWORKS.flatMap((network) =>
    SIDES.map((side) => {
      const seconds = values.map((value) => stepSeconds(network.name, side.command, size(value)));
      const label = `${network.title}, ${side.title}`;
      console.log(`| ${[label, ...seconds.map((each) => each.toFixed(3))].join(" | ")} |`);
      return {
        name: label,
        type: "line",
        data: values.map((value, index) => [value, seconds[index] ?? Number.NaN]),
        symbolSize: 7,
        lineStyle: { width: 2, color: side.color, type: network.line },
        itemStyle: { color: side.color },
      };
    }),
  );
  console.log();
  const logarithmic = { type: "log", ...AXIS };
  const png = await chartPng({
    ...CHART,
    title: { ...CHART.title, text: "Time of a training step" },
    xAxis: { ...logarithmic, logBase: 2, name: title, nameGap: 30, min: values.at(0), max: values.at(-1) },
    yAxis: { ...logarithmic, name: "Seconds", nameGap: 62 },
    series,
  });
  writeFileSync(new URL(`../docs/pictures/scale-${name}.png`, import.meta.url), png);
}
