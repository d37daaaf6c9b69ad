// Training steps and predictions, ours beside PyTorch eager on the same machine and threads, in turn: `npm run bench:steps`.
// Words on the command line pick cases by name: `npm run bench:steps -- unet_2d mae`. Networks are those that BiaPy 3.7.1 builds by the
// arguments in test/fixtures/models. BIAPY_PYTHON names a Python with biapy 3.7.1 and torch 2.13.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const THREADS = Number(process.env.BENCH_THREADS ?? 2);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3);
/** How long a process repeats its step, in seconds, and how often at least. */
const DURATION = { seconds: Number(process.env.BENCH_SECONDS ?? 6), steps: 5 };
const MODES = ["training", "prediction"];

const mae = { reference: "mae_random_2d", space: [128, 128], batch: 4 };
const CASES = [
  { name: "mae", title: "MAE, ViT-B", ...mae, changes: { img_size: 128 } },
  {
    name: "mae_small",
    title: "MAE, small",
    ...mae,
    changes: { img_size: 128, embed_dim: 384, depth: 6, num_heads: 6 },
  },
  { name: "unet_2d", title: "U-Net", reference: "unet_2d", space: [256, 256], batch: 4 },
  {
    // Four halvings in z: BiaPy takes multiples of 16.
    name: "unet_3d",
    title: "U-Net",
    reference: "unet_3d",
    space: [48, 128, 128],
    batch: 1,
    changes: { image_shape: "(48, 128, 128, 1)" },
  },
  {
    name: "unet_2d_segmentation",
    title: "U-Net, segmentation (CE + Dice)",
    ...{ reference: "unet_2d", space: [256, 256], batch: 4, loss: "segmentation" },
  },
  {
    name: "unet_2d_noise2void",
    title: "U-Net, Noise2Void",
    ...{ reference: "unet_2d", space: [256, 256], batch: 4, loss: "noise2void" },
  },
  { name: "rcan_2d", title: "RCAN", reference: "rcan_2d", space: [128, 128], batch: 4 },
  { name: "unetr_2d", title: "UNETR", reference: "unetr_2d", space: [256, 256], batch: 4 },
];

/** What both sides are told: architecture, class in BiaPy, build arguments, sizes, loss. */
function described({ reference, space, batch, changes, loss = "mse" }, mode) {
  const file = new URL(`../test/fixtures/models/${reference}.json`, import.meta.url);
  const { architecture, class: className, build_args } = JSON.parse(readFileSync(file, "utf8"));
  const built = { ...build_args, ...changes };
  return JSON.stringify({
    architecture,
    className,
    build: built,
    space,
    batch,
    mode,
    loss,
    threads: THREADS,
    ...DURATION,
  });
}

const bundle = here("../.test-output/steps-ours.mjs");
await build({
  entryPoints: [here("steps-ours.ts")],
  outfile: bundle,
  bundle: true,
  platform: "node",
  format: "esm",
  mainFields: ["module", "main"],
  external: ["koffi", "onnxruntime-node", "node-fetch"],
  logLevel: "error",
  banner: { js: 'import { createRequire as _cr } from "node:module"; const require = _cr(import.meta.url);' },
});
const OURS = [process.execPath, bundle];
const PYTORCH = [process.env.BIAPY_PYTHON ?? "python3", here("steps_pytorch.py")];

function measure([command, script], description) {
  const { stdout, stderr, status, signal } = spawnSync(command, [script, description], { encoding: "utf8" });
  if (status !== 0)
    throw new Error(`${command} ${script} '${description}' ended with ${signal ?? status}:\n${stderr}`);
  return JSON.parse(stdout.trim().split("\n").at(-1));
}
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
/** Medians over rounds; the first steps of each warm up. */
const summary = (runs) => ({
  seconds: median(runs.flatMap((run) => run.seconds.slice(2))),
  megabytes: median(runs.map((run) => run.peakMegabytes)),
  firstStep: median(runs.map((run) => run.firstStep)),
});

const wanted = process.argv.slice(2);
const chosen = CASES.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
console.log(`${THREADS} threads, medians of ${ROUNDS} rounds in turn\n`);
console.log(
  "| network | | time: ours | PyTorch | ratio | peak memory: ours | PyTorch | ratio | first step: ours |",
);
console.log("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
// A network predicts the same whatever it has learned by.
for (const each of chosen)
  for (const mode of each.loss === undefined ? MODES : ["training"]) {
    const description = described(each, mode);
    const runs = { ours: [], pytorch: [] };
    for (let round = 0; round < ROUNDS; round++) {
      runs.ours.push(measure(OURS, description));
      runs.pytorch.push(measure(PYTORCH, description));
    }
    const [ours, pytorch] = [summary(runs.ours), summary(runs.pytorch)];
    const cells = [
      `${each.title} ${[...each.space, 1].join("x")}, batch ${each.batch}`,
      mode,
      `${ours.seconds.toFixed(3)} s`,
      `${pytorch.seconds.toFixed(3)} s`,
      (ours.seconds / pytorch.seconds).toFixed(2),
      `${ours.megabytes.toFixed(0)} MB`,
      `${pytorch.megabytes.toFixed(0)} MB`,
      (ours.megabytes / pytorch.megabytes).toFixed(2),
      `${ours.firstStep.toFixed(1)} s`,
    ];
    console.log(`| ${cells.join(" | ")} |`);
  }
