// Compares whole runs with BiaPy 3.7.1, from the command to the results, with the same configuration, images and epochs:
// `npm run bench:runs`. Arguments select cases: `-- crappify_2d`. Measures the time, the peak memory of all processes together, and the
// embedded engine's shares of time in training steps, in validation and test predictions, and in everything else. BIAPY_PYTHON names a
// Python with biapy 3.7.1. BENCH_EPOCHS and BENCH_ROUNDS set the duration. Linux only: memory is read from /proc.
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const EPOCHS = Number(process.env.BENCH_EPOCHS ?? 10);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3);
const PYTHON = process.env.BIAPY_PYTHON;
/** BiaPy ignores MODEL.MAE_DEC_* and builds its default decoder, so both get that one. */
const DECODER = { MAE_DEC_HIDDEN_SIZE: 512, MAE_DEC_NUM_LAYERS: 8, MAE_DEC_NUM_HEADS: 16 };
const CASES = { mae: "demo", crappify_2d: "crappify-2d", crappify_3d: "crappify-3d" };

/** Writes a template with its own folders and EPOCHS epochs. Returns its path. */
async function configuration(template, folder) {
  const text = await readFile(join(root, "templates", `${template}.biapy.yaml`), "utf8");
  const file = join(folder, "job.yaml");
  const decoder = Object.entries(DECODER).reduce(
    (changed, [key, value]) => changed.replace(new RegExp(`${key}: \\d+`), `${key}: ${value}`),
    text,
  );
  const own = decoder
    .replaceAll("media/samples", join(folder, "samples"))
    .replaceAll("results/crappified", join(folder, "crappified"))
    .replace(/EPOCHS: \d+/, `EPOCHS: ${EPOCHS}`)
    .replace(/PATIENCE: \d+/, `PATIENCE: ${EPOCHS + 1}`);
  await writeFile(file, own);
  await cp(join(root, "media", "samples"), join(folder, "samples"), { recursive: true });
  return file;
}

/** Returns the resident bytes of a process and all of its children; 0 if it has ended. */
function residentBytes(pid) {
  try {
    const tasks = readdirSync(`/proc/${pid}/task`);
    const children = tasks.flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean),
    );
    const kilobytes = /Rss:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0;
    return children.reduce((sum, child) => sum + residentBytes(child), Number(kilobytes) * 1024);
  } catch {
    return 0;
  }
}

const POLL_MILLISECONDS = 250;

/** Runs a command to its end. Returns its time, its peak memory and its output. */
async function measured(command, args, cwd) {
  const started = performance.now();
  const child = spawn(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
  const output = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"]) child[stream].on("data", (data) => (output[stream] += data));
  let peak = 0;
  const poll = setInterval(() => {
    peak = Math.max(peak, residentBytes(child.pid));
  }, POLL_MILLISECONDS);
  const code = await new Promise((resolve) => child.on("close", resolve));
  clearInterval(poll);
  const seconds = (performance.now() - started) / 1000;
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${output.stderr.slice(-2000)}`);
  return { seconds, peak, stdout: output.stdout };
}

const common = (file, folder, name) => [
  ...["--config", file, "--result_dir", join(folder, name)],
  ...["--name", "job", "--run_id", "1", "--gpu", ""],
];

async function ours(file, folder) {
  const args = [join(root, "dist", "cli.mjs"), ...common(file, folder, "ours"), "--events"];
  const { stdout, ...run } = await measured(process.execPath, args, folder);
  const events = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const sum = (key) => events.reduce((total, { [key]: seconds = 0 }) => total + seconds, 0);
  const steps = sum("stepSeconds") / run.seconds;
  const predictions = (sum("validationSeconds") + sum("predictionSeconds")) / run.seconds;
  return { ...run, shares: { steps, predictions, others: 1 - steps - predictions } };
}

async function biapys(file, folder) {
  const command = join(dirname(PYTHON), "biapy");
  return measured(existsSync(command) ? command : "biapy", common(file, folder, "biapy"), folder);
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const cells = (runs) => {
  const times = runs.map(({ seconds }) => seconds);
  const spread = `${Math.min(...times).toFixed(1)}–${Math.max(...times).toFixed(1)}`;
  return [
    `${median(times).toFixed(1)} s (${spread})`,
    `${(median(runs.map(({ peak }) => peak)) / 1e6).toFixed(0)} MB`,
  ];
};

const words = process.argv.slice(2);
const unknown = words.find((word) => !(word in CASES));
if (unknown !== undefined)
  throw new Error(`No case is named ${unknown}; there are: ${Object.keys(CASES).join(", ")}.`);
console.log(
  `${cpus()[0]?.model}, ${cpus().length} cores; ${EPOCHS} epochs, medians of ${ROUNDS} rounds in turn\n`,
);
console.log(
  "| run | ours | peak memory | training steps | validation and test predictions | everything else | BiaPy 3.7.1 | peak memory |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
);
for (const [name, template] of Object.entries(CASES)) {
  if (words.length > 0 && !words.includes(name)) continue;
  const runs = { ours: [], biapy: [] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const [side, run] of Object.entries({ ours, biapy: PYTHON && biapys })) {
      if (!run) continue;
      const folder = await mkdtemp(join(tmpdir(), "bench-run-"));
      try {
        runs[side].push(await run(await configuration(template, folder), folder));
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    }
  }
  const shares = ["steps", "predictions", "others"].map(
    (share) => `${(100 * median(runs.ours.map((run) => run.shares[share]))).toFixed(0)} %`,
  );
  console.log(
    `| ${[name, ...cells(runs.ours), ...shares, ...(PYTHON ? cells(runs.biapy) : ["–", "–"])].join(" | ")} |`,
  );
}
