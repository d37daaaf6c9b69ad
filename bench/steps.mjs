// Times training steps and predictions of the embedded engine and of PyTorch in turn, on the same machine: `npm run bench:steps`.
// Arguments select cases (step-cases.mjs): `npm run bench:steps -- unet_2d mae`, `-- all`, `-- 3d`, `-- templates`.
// BIAPY_PYTHON names a Python with biapy 3.7.1 and torch 2.13. BENCH_ROUNDS, BENCH_SECONDS and BENCH_STEPS set the duration,
// BENCH_THREADS the threads, BENCH_MODES training, prediction or both. BENCH_COMPILE=1 adds torch.compile. BENCH_JSON names a file for
// the results.
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { chosenCases, described } from "./step-cases.mjs";
import { bundled, measure, median, PYTORCH } from "./step-processes.mjs";

const THREADS = Number(process.env.BENCH_THREADS ?? 2);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3);
/** Minimum duration of a process in seconds, and minimum number of its steps. */
const DURATION = {
  seconds: Number(process.env.BENCH_SECONDS ?? 6),
  steps: Number(process.env.BENCH_STEPS ?? 5),
};
const MODES = (process.env.BENCH_MODES ?? "training,prediction").split(",");
const COMPILE = process.env.BENCH_COMPILE === "1";

const OURS = await bundled("steps-ours");
const RATE = await bundled("matmul-rate");

/** Returns medians over rounds, with the fastest and slowest round. The first two of many steps in a round are a warm-up. */
function summary(runs) {
  const failed = runs.find((run) => run.failed !== undefined);
  if (failed !== undefined || runs.length === 0) return failed;
  const rounds = runs.map(({ seconds }) => median(seconds.length > 3 ? seconds.slice(2) : seconds.slice(-1)));
  return {
    seconds: median(rounds),
    fastest: Math.min(...rounds),
    slowest: Math.max(...rounds),
    megabytes: median(runs.map((run) => run.peakMegabytes)),
    firstStep: median(runs.map((run) => run.firstStep)),
    estimate: median(runs.map((run) => run.estimatedMegabytes ?? 0)),
    gigaflops: runs[0].gigaflops,
  };
}

const time = (of) =>
  of?.seconds === undefined
    ? "–"
    : `${of.seconds.toFixed(3)} s (${of.fastest.toFixed(3)}–${of.slowest.toFixed(3)})`;
const ratio = (a, b, key) => (a?.[key] && b?.[key] ? (a[key] / b[key]).toFixed(2) : "–");
const megabytes = (of) => (of?.megabytes === undefined ? "–" : `${of.megabytes.toFixed(0)} MB`);

console.log(
  `${cpus()[0]?.model ?? "unknown CPU"}, ${cpus().length} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB; ${THREADS} threads, ` +
    `medians of ${ROUNDS} rounds in turn (fastest and slowest round)\n`,
);
const HEADS = [
  "network",
  "",
  "time: ours",
  "PyTorch",
  "ratio",
  ...(COMPILE ? ["torch.compile", "ratio"] : []),
];
const MORE = [
  "of the limit",
  "peak memory: ours",
  "estimated",
  "PyTorch",
  "ratio",
  "first step: ours",
  "PyTorch",
];
console.log(`| ${[...HEADS, ...MORE].join(" | ")} |`);
console.log(`|${[...HEADS, ...MORE].map(() => " --- |").join("")}`);

const results = [];
const notes = [];
// The loss does not change how a network predicts.
for (const each of chosenCases(process.argv.slice(2)))
  for (const mode of each.loss === undefined ? MODES : ["training"]) {
    const settings = { mode, threads: THREADS, ...DURATION };
    const runs = { ours: [], pytorch: [], compiled: [], rate: [] };
    for (let round = 0; round < ROUNDS; round++) {
      runs.rate.push(measure(RATE, String(THREADS)));
      runs.ours.push(measure(OURS, described(each, settings)));
      runs.pytorch.push(measure(PYTORCH, described(each, settings)));
      if (COMPILE) runs.compiled.push(measure(PYTORCH, described(each, { ...settings, compile: true })));
    }
    const [ours, pytorch, compiled] = [runs.ours, runs.pytorch, runs.compiled].map(summary);
    const rate = median(runs.rate.map(({ gigaflopsPerSecond }) => gigaflopsPerSecond));
    const title = `${each.title} ${each.space.join("x")}, batch ${each.batch}`;
    for (const [side, of] of Object.entries({ ours, PyTorch: pytorch, "torch.compile": compiled }))
      if (of?.failed !== undefined) notes.push(`${title}, ${mode}, ${side}: ${of.failed}`);
    const limit =
      ours?.seconds === undefined ? "–" : `${((100 * ours.gigaflops) / ours.seconds / rate).toFixed(0)} %`;
    const first = (of) => (of?.firstStep === undefined ? "–" : `${of.firstStep.toFixed(1)} s`);
    const cells = [
      title,
      mode,
      time(ours),
      time(pytorch),
      ratio(ours, pytorch, "seconds"),
      ...(COMPILE ? [time(compiled), ratio(ours, compiled, "seconds")] : []),
      limit,
      megabytes(ours),
      mode === "training" && ours?.estimate ? `${ours.estimate.toFixed(0)} MB` : "–",
      megabytes(pytorch),
      ratio(ours, pytorch, "megabytes"),
      first(ours),
      first(pytorch),
    ];
    console.log(`| ${cells.join(" | ")} |`);
    results.push({ name: each.name, mode, rate, ours, pytorch, compiled });
  }
const rates = results.map(({ rate }) => rate);
console.log(
  `\nThe limit is onnxruntime's own product of two 2048 x 2048 matrices, between the steps: ${Math.min(...rates).toFixed(0)} to ` +
    `${Math.max(...rates).toFixed(0)} GFLOP/s.`,
);
for (const note of notes) console.log(`- ${note}`);
if (process.env.BENCH_JSON) {
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  writeFileSync(process.env.BENCH_JSON, JSON.stringify({ version, threads: THREADS, results }, null, 1));
}
