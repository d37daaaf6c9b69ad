/**
 * Checks this project on a GPU of a bare machine: devices, losses compared with the CPU's, mixed precision, a resumed run, memory that
 * runs out, and step times compared with PyTorch's. Started by run.sh in the bundle that bundle.mjs makes. Needs no npm and no network.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { CASES } from "./cases.ts";

const { values: options } = parseArgs({
  options: {
    small: { type: "boolean", default: false },
    out: { type: "string", default: "." },
    python: { type: "string", default: "python3" },
    storage: { type: "string", default: "" },
    limit: { type: "string", default: "150" },
    only: { type: "string", default: "devices,losses,resume,memory,pytorch" },
  },
});
const home = resolve(import.meta.dirname);
const cli = join(home, "dist", "cli.mjs");
const fixtures = join(home, "models");
const work = mkdtempSync(join(tmpdir(), "gpu-check-"));
/** Storage folders. A process that finds the CUDA build has no WebGPU, so WebGPU gets a folder without it. */
const storage = {
  cuda: options.storage || join(work, "none"),
  webgpu: join(work, "none"),
  cpu: join(work, "none"),
};
const wanted = new Set(options.only.split(","));
const lines: string[] = [];
const say = (line: string) => {
  lines.push(line);
  console.log(line);
};

interface Measured {
  readonly device: string;
  readonly losses: readonly number[];
  readonly seconds: readonly number[];
}

/** Runs a program that prints JSON. If it fails, returns the last line of its errors. */
function measured(
  command: string,
  args: readonly string[],
  folder: string,
): Measured | { readonly failed: string } {
  const { stdout, stderr, status, signal } = spawnSync(command, args, {
    encoding: "utf8",
    timeout: Number(options.limit) * 1000,
    env: { ...process.env, BIAPY_STORAGE: folder },
  });
  if (status === 0) return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
  const said = stderr.trim().split("\n");
  return {
    failed: signal ?? said.findLast((line) => /error/i.test(line)) ?? said.at(-1) ?? `code ${status}`,
  };
}

const steps = (order: object, route: keyof typeof storage) =>
  measured(
    process.execPath,
    [join(home, "gpu-steps.mjs"), JSON.stringify({ ...order, route, small: options.small, fixtures })],
    storage[route],
  );
const median = (numbers: readonly number[]) =>
  numbers.slice(numbers.length > 3 ? 2 : 0).toSorted((a, b) => a - b)[Math.floor((numbers.length - 2) / 2)] ??
  NaN;
const milliseconds = (numbers: readonly number[]) => `${(median(numbers) * 1000).toFixed(1)} ms`;

function devices(): void {
  for (const route of ["webgpu", "cuda"] as const) {
    const { stdout } = spawnSync(process.execPath, [cli, "--devices"], {
      encoding: "utf8",
      env: { ...process.env, BIAPY_STORAGE: storage[route] },
    });
    say(`\n## Devices (${route})\n\n${stdout.trim()}`);
  }
}

/** Largest relative difference from the CPU's losses, which comes from rounding. */
const TOLERANCE = { single: 1e-3, mixed: 5e-3 } as const;

function losses(): void {
  say(
    "\n## Losses and step times\n\n| network | device | precision | step | difference from the CPU's losses | |\n| --- | --- | --- | --- | --- | --- |",
  );
  for (const name of CASES) {
    const cpu = steps({ name, precision: "single" }, "cpu");
    say(row(name, "CPU", "single", cpu));
    for (const route of ["webgpu", "cuda"] as const)
      for (const precision of ["single", "mixed"] as const) {
        const found = steps({ name, precision }, route);
        say(
          row(name, route, precision, found, "failed" in cpu ? undefined : cpu.losses, TOLERANCE[precision]),
        );
      }
  }
}

function row(
  name: string,
  device: string,
  precision: string,
  found: Measured | { readonly failed: string },
  expected?: readonly number[],
  tolerance = 0,
): string {
  if ("failed" in found) return `| ${name} | ${device} | ${precision} | – | ${found.failed} | not run |`;
  const difference = Math.max(
    ...(expected ?? []).map((loss, step) => Math.abs((found.losses[step] ?? NaN) / loss - 1)),
  );
  const start = `| ${name} | ${found.device} | ${precision} | ${milliseconds(found.seconds)} |`;
  if (expected === undefined) return `${start} ${found.losses.map((loss) => loss.toFixed(4)).join(" ")} | |`;
  return `${start} ${difference.toExponential(1)} | ${difference <= tolerance ? "ok" : "WRONG"} |`;
}

function configuration(file: string, batch: number, epochs: number): string {
  const text = `
PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: 2D, SELF_SUPERVISED: {PRETEXT_TASK: masking}}
DATA: {PATCH_SIZE: "(32,32,1)", TRAIN: {PATH: ${join(home, "samples", "2d", "train")}}, VAL: {SPLIT_TRAIN: 0.2}}
MODEL: {ARCHITECTURE: mae, MAE_MASK_TYPE: random, VIT_TOKEN_SIZE: 8, VIT_EMBED_DIM: 24, VIT_NUM_LAYERS: 1, VIT_NUM_HEADS: 3,
  MAE_DEC_HIDDEN_SIZE: 16, MAE_DEC_NUM_LAYERS: 1, MAE_DEC_NUM_HEADS: 2}
TRAIN: {ENABLE: True, OPTIMIZER: ADAMW, LR: 1.E-3, BATCH_SIZE: ${batch}, EPOCHS: ${epochs}}
TEST: {ENABLE: False}
`;
  writeFileSync(file, text);
  return file;
}

interface RunResult {
  readonly code: number | null;
  readonly losses: readonly number[];
  readonly said: string;
}

/** Runs the command. Stops it after the epoch `stopAfter`, if given. */
async function command(
  args: readonly string[],
  route: keyof typeof storage,
  stopAfter?: number,
  more = {},
): Promise<RunResult> {
  const child = spawn(process.execPath, [cli, ...args, "--events"], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, BIAPY_STORAGE: storage[route], ...more },
    timeout: Number(options.limit) * 2000,
  });
  const found: number[] = [];
  let said = "";
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line);
    if (event.event === "epoch") found.push(event.train.loss);
    if (event.event === "epoch" && event.epoch === stopAfter) child.kill("SIGINT");
    if (event.event === "problems")
      said = event.problems.map(({ message }: { message: string }) => message).join(" ");
    if (event.event === "end" && event.message) said ||= event.message;
  }
  const [code] =
    child.exitCode === null ? ((await once(child, "exit")) as [number | null]) : [child.exitCode];
  return { code, losses: found, said };
}

async function resume(): Promise<void> {
  say("\n## A run that is stopped and resumed\n");
  const config = configuration(join(work, "run.yaml"), 4, 3);
  const args = (name: string) => ["--config", config, "--result_dir", work, "--name", name];
  const cpu = await command([...args("cpu"), "--gpu", ""], "cpu");
  for (const route of ["webgpu", "cuda"] as const) {
    const first = await command([...args(route), "--gpu", "0"], route, 1);
    const second = await command([...args(route), "--gpu", "0", "--resume"], route);
    const all = [...first.losses, ...second.losses];
    if (second.code !== 0) {
      say(`- ${route}: not finished (codes ${first.code} and ${second.code}) ${second.said}`);
      continue;
    }
    const worst = Math.max(...cpu.losses.map((loss, epoch) => Math.abs((all[epoch] ?? NaN) / loss - 1)));
    say(
      `- ${route}: stopped with code ${first.code} after ${first.losses.length} of 3 epochs, resumed with ${second.code}; losses differ from the CPU's by ${worst.toExponential(1)} ${worst <= 1e-3 ? "ok" : "WRONG"}`,
    );
  }
}

async function memory(): Promise<void> {
  say("\n## Memory that runs out\n");
  const config = configuration(join(work, "large.yaml"), 64, 1);
  for (const route of ["webgpu", "cuda"] as const) {
    // A simulated limit of 20 patches of 32 x 32 float32 pixels.
    const args = ["--config", config, "--result_dir", work, "--name", `large_${route}`, "--gpu", "0"];
    const { code, said } = await command(args, route, undefined, {
      BIAPY_LARGEST_DEVICE_BUFFER: String(20 * 4096),
    });
    say(`- ${route}, simulated: code ${code}, ${said}`);
    if (options.small) continue;
    const order = { name: "unet", precision: "single", batch: 4096 };
    const real = steps(order, route);
    say(`- ${route}, U-Net with a batch of ${order.batch}: ${"failed" in real ? real.failed : "it fits"}`);
  }
}

function pytorch(): void {
  say("\n## PyTorch\n\n| network | how | step |\n| --- | --- | --- |");
  for (const name of CASES)
    for (const how of ["eager", "compile", "amp"]) {
      const found = measured(
        options.python,
        [join(home, "pytorch.py"), name, how, options.small ? "small" : "real"],
        work,
      );
      say(
        `| ${name} | ${"failed" in found ? how : `${how}, ${found.device}`} | ${"failed" in found ? found.failed : milliseconds(found.seconds)} |`,
      );
    }
}

const parts = { devices, losses, resume, memory, pytorch };
for (const [name, part] of Object.entries(parts)) {
  if (!wanted.has(name)) continue;
  try {
    await part();
  } catch (error) {
    say(`\n${name} failed: ${error instanceof Error ? error.message : String(error)}`);
  }
  mkdirSync(options.out, { recursive: true });
  writeFileSync(join(options.out, "gpu-check.md"), `${lines.join("\n")}\n`);
}
