// A training step of MAE, ours beside PyTorch eager on the same machine and threads, in turn: `npm run bench:mae`.
// BIAPY_PYTHON names a Python with biapy 3.7.1 and torch 2.13.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const THREADS = process.env.BENCH_THREADS ?? "2";
const STEPS = "12";
const ROUNDS = 3;
const MODELS = [
  { name: "ViT-B (768/12/12), 128x128x1, batch 4", shape: ["768", "12", "12"] },
  { name: "small (384/6/6), 128x128x1, batch 4", shape: ["384", "6", "6"] },
];

const bundle = here("../.test-output/mae-ours.mjs");
await build({
  entryPoints: [here("mae-ours.ts")],
  outfile: bundle,
  bundle: true,
  platform: "node",
  format: "esm",
  mainFields: ["module", "main"],
  external: ["koffi", "onnxruntime-node", "node-fetch"],
  logLevel: "error",
  banner: { js: 'import { createRequire as _cr } from "node:module"; const require = _cr(import.meta.url);' },
});

function measure(command, args) {
  const { stdout, stderr, status } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed:\n${stderr}`);
  return JSON.parse(stdout.trim().split("\n").at(-1));
}
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

for (const { name, shape } of MODELS) {
  const ours = [];
  const theirs = [];
  for (let round = 0; round < ROUNDS; round++) {
    ours.push(measure(process.execPath, [bundle, ...shape, THREADS, STEPS]));
    theirs.push(
      measure(process.env.BIAPY_PYTHON ?? "python3", [here("mae_pytorch.py"), ...shape, THREADS, STEPS]),
    );
  }
  const step = (runs) => median(runs.flatMap((run) => run.seconds.slice(3)));
  const peak = (runs) => median(runs.map((run) => run.peakMegabytes));
  console.log(`${name}, ${THREADS} threads`);
  console.log(
    `  step    ours ${step(ours).toFixed(3)} s   PyTorch ${step(theirs).toFixed(3)} s   ratio ${(step(ours) / step(theirs)).toFixed(2)}`,
  );
  console.log(
    `  memory  ours ${peak(ours).toFixed(0)} MB   PyTorch ${peak(theirs).toFixed(0)} MB   ratio ${(peak(ours) / peak(theirs)).toFixed(2)}`,
  );
  console.log(
    `  first step done ${median(ours.map((run) => run.firstStep)).toFixed(2)} s after our process started`,
  );
}
