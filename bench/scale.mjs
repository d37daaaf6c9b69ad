// Draws how a training step grows with the patch, the batch and the threads, beside PyTorch, and how a run grows with its images and
// epochs: `npm run bench:scale`. Arguments select plots: `-- images`. Writes docs/pictures/scale-*.png and prints the figures.
// BENCH_SECONDS sets the duration of each process (default: 3).
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { resultTree } from "../src/facts/result-tree.ts";
import { AXIS, CHART, COLORS, chartPng } from "../src/results/chart-picture.ts";
import { drawnCharts } from "../src/results/charts.ts";
import { appendTrainLog, readTrainLog, trainLogPath, truncateTrainLog } from "../src/results/train-log.ts";
import { chosenCases, described } from "./step-cases.mjs";
import { bundled, measure, median, PYTORCH } from "./step-processes.mjs";
import { configuration, SIDE, NETWORKS as TRAINED, train, writeImages } from "./training-waits.ts";

const SECONDS = Number(process.env.BENCH_SECONDS ?? 3);
const THREADS = 2;
const OURS = await bundled("steps-ours");

/** Each plot of steps: its values, and the size of a step for each. */
const STEP_PLOTS = [
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

/** The series of a plot of steps: each network on each side. */
const stepSeries = (size) =>
  NETWORKS.flatMap((network) =>
    SIDES.map((side) => ({
      label: `${network.title}, ${side.title}`,
      color: side.color,
      line: network.line,
      measure: (value) => stepSeconds(network.name, side.command, size(value)),
    })),
  );

/** Returns the seconds until the first step of a training on so many images, and of a step. */
async function trained(count, inMemory) {
  const folder = mkdtempSync(join(tmpdir(), "bench-scale-"));
  try {
    await writeImages(join(folder, "images"), count);
    const file = join(folder, "job.yaml");
    const images = { images: "images", inMemory };
    writeFileSync(file, configuration(join(folder, "images"), images, TRAINED.tiny));
    return await train(file, SECONDS);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const RUNS = [
  { label: "in memory", inMemory: true, line: "solid" },
  { label: "part by part", inMemory: false, line: "dashed" },
];
const TIMES = [
  { label: "first step after", key: "firstStep", color: COLORS.validation },
  { label: "a step", key: "stepSeconds", color: COLORS.train },
];

/** The series of the plot of images. A training gives a value of two series. */
const imageSeries = () => {
  const known = new Map();
  return RUNS.flatMap((run) =>
    TIMES.map((time) => ({
      label: `${time.label}, ${run.label}`,
      color: time.color,
      line: run.line,
      measure: async (count) => {
        const key = `${count} ${run.inMemory}`;
        if (!known.has(key)) known.set(key, await trained(count, run.inMemory));
        return known.get(key)[time.key];
      },
    })),
  );
};

/** The metrics of a U-Net in an epoch. */
function epochRecord(epoch) {
  const metrics = { loss: 1 / epoch, mae: 1 / epoch, mse: 1 / epoch, psnr: 20, ssim: 0.5 };
  return { epoch, train: metrics, validation: metrics, learningRate: 1e-3, seconds: 1 };
}

/** Does something with the log of so many epochs. Returns its seconds: the median of three. */
async function withHistory(epochs, work) {
  const folder = mkdtempSync(join(tmpdir(), "bench-scale-"));
  try {
    const log = trainLogPath(resultTree(folder, "job", 1));
    await appendTrainLog(log, epochRecord(1));
    const row = JSON.parse(readFileSync(log, "utf8"));
    const rows = Array.from({ length: epochs }, (_, index) => JSON.stringify({ ...row, epoch: index + 1 }));
    writeFileSync(log, rows.map((line) => `${line}\n`).join(""));
    const seconds = [];
    for (let round = 0; round < 3; round++) {
      const started = performance.now();
      await work(log);
      seconds.push((performance.now() - started) / 1000);
    }
    return median(seconds);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The work with a log. */
const LOG_WORK = [
  {
    label: "five charts, drawn from the log",
    color: COLORS.validation,
    work: async (log) => drawnCharts(await readTrainLog(log)),
  },
  { label: "log read to resume", color: COLORS.train, work: (log) => truncateTrainLog(log, Infinity) },
  {
    label: "an epoch added to the log",
    color: COLORS.text,
    work: (log) => appendTrainLog(log, epochRecord(1)),
  },
];

const epochSeries = () =>
  LOG_WORK.map(({ work, ...shown }) => ({
    ...shown,
    line: "solid",
    measure: (epochs) => withHistory(epochs, work),
  }));

/** All plots, with the base of the logarithmic axis. */
const PLOTS = [
  ...STEP_PLOTS.map(({ size, ...plot }) => ({ ...plot, base: 2, series: () => stepSeries(size) })),
  {
    name: "images",
    title: `Images of ${SIDE} x ${SIDE}`,
    base: 10,
    values: [100, 1000, 10_000],
    series: imageSeries,
  },
  {
    name: "epochs",
    title: "Epochs in the log",
    base: 10,
    values: [10, 100, 1000, 10_000],
    series: epochSeries,
  },
];

const words = process.argv.slice(2);
const unknown = words.find((word) => !PLOTS.some(({ name }) => name === word));
if (unknown !== undefined)
  throw new Error(`No plot is named ${unknown}; there are: ${PLOTS.map(({ name }) => name).join(", ")}.`);
console.log(`${cpus()[0]?.model}, ${cpus().length} cores; seconds\n`);
for (const { name, title, values, base, series } of PLOTS) {
  if (words.length > 0 && !words.includes(name)) continue;
  console.log(`| ${title} | ${values.join(" | ")} |\n| --- |${values.map(() => " ---: |").join("")}`);
  const drawn = [];
  for (const { label, color, line, measure: measured } of series()) {
    const seconds = [];
    for (const value of values) seconds.push(await measured(value));
    console.log(`| ${[label, ...seconds.map((each) => each.toFixed(3))].join(" | ")} |`);
    drawn.push({
      name: label,
      type: "line",
      data: values.map((value, index) => [value, seconds[index] ?? Number.NaN]),
      symbolSize: 7,
      lineStyle: { width: 2, color, type: line },
      itemStyle: { color },
    });
  }
  console.log();
  const formatter = (value) => String(Number(value.toPrecision(2)));
  const logarithmic = { type: "log", ...AXIS, axisLabel: { ...AXIS.axisLabel, formatter } };
  const heading = STEP_PLOTS.some((plot) => plot.name === name) ? "Time of a training step" : "Time";
  const png = await chartPng({
    ...CHART,
    title: { ...CHART.title, text: heading },
    xAxis: { ...logarithmic, logBase: base, name: title, nameGap: 30, min: values.at(0), max: values.at(-1) },
    yAxis: { ...logarithmic, name: "Seconds", nameGap: 62 },
    series: drawn,
  });
  writeFileSync(new URL(`../docs/pictures/scale-${name}.png`, import.meta.url), png);
}
