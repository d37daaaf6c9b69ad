// Training steps and predictions, ours beside PyTorch on the same machine and threads, in turn: `npm run bench:steps`.
// Words on the command line choose cases (step-cases.mjs): `npm run bench:steps -- unet_2d mae`, `-- all`, `-- 3d`, `-- templates`.
// BIAPY_PYTHON names a Python with biapy 3.7.1 and torch 2.13. BENCH_ROUNDS, BENCH_SECONDS, BENCH_STEPS and BENCH_THREADS say how long
// and on how many threads, BENCH_MODES which of training and prediction, BENCH_COMPILE=1 adds torch.compile, BENCH_JSON a file for the
// results.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { chosenCases, described } from "./step-cases.mjs";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const THREADS = Number(process.env.BENCH_THREADS ?? 2);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3);
/** How long a process repeats its step, in seconds, and how often at least. */
const DURATION = {
  seconds: Number(process.env.BENCH_SECONDS ?? 6),
  steps: Number(process.env.BENCH_STEPS ?? 5),
};
const MODES = (process.env.BENCH_MODES ?? "training,prediction").split(",");
const COMPILE = process.env.BENCH_COMPILE === "1";

async function bundled(name) {
  const outfile = here(`../.test-output/${name}.mjs`);
  await build({
    entryPoints: [here(`${name}.ts`)],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    mainFields: ["module", "main"],
    external: ["koffi", "onnxruntime-node", "node-fetch"],
    logLevel: "error",
    banner: {
      js: 'import { createRequire as _cr } from "node:module"; const require = _cr(import.meta.url);',
    },
  });
  return [process.execPath, outfile];
}
const OURS = await bundled("steps-ours");
const RATE = await bundled("matmul-rate");
const PYTORCH = [process.env.BIAPY_PYTHON ?? "python3", here("steps_pytorch.py")];

/** What a process measures; its error's last line where it fails. */
function measure([command, script], argument) {
  const { stdout, stderr, status, signal } = spawnSync(command, [script, argument], { encoding: "utf8" });
  if (status !== 0) return { failed: `${signal ?? stderr.trim().split("\n").at(-1)}` };
  return JSON.parse(stdout.trim().split("\n").at(-1));
}

const sorted = (values) => values.toSorted((a, b) => a - b);
const median = (values) => sorted(values)[Math.floor(values.length / 2)];
/** Medians over rounds, and how far the rounds' own medians lie apart; the first two steps of each warm up where there are more. */
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
    foretold: median(runs.map((run) => run.foretoldMegabytes ?? 0)),
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
  "foretold",
  "PyTorch",
  "ratio",
  "first step: ours",
  "PyTorch",
];
console.log(`| ${[...HEADS, ...MORE].join(" | ")} |`);
console.log(`|${[...HEADS, ...MORE].map(() => " --- |").join("")}`);

const results = [];
const notes = [];
// A network predicts the same whatever it has learned by.
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
      mode === "training" && ours?.foretold ? `${ours.foretold.toFixed(0)} MB` : "–",
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
  const { version } = JSON.parse(readFileSync(here("../package.json"), "utf8"));
  writeFileSync(process.env.BENCH_JSON, JSON.stringify({ version, threads: THREADS, results }, null, 1));
}
