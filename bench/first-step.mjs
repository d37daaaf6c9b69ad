// Measures the seconds from the command to the end of the first training step of a default masked autoencoder (ViT-B), reading of files
// included: `npm run bench:first-step`.
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3);
const root = fileURLToPath(new URL("..", import.meta.url));
const CONFIGURATION = `
PROBLEM:
    TYPE: SELF_SUPERVISED
    NDIM: 2D
    SELF_SUPERVISED:
        PRETEXT_TASK: masking
DATA:
    PATCH_SIZE: (128,128,1)
    TRAIN:
        PATH: ${join(root, "media/samples/2d/train")}
    VAL:
        SPLIT_TRAIN: 0.1
MODEL:
    ARCHITECTURE: mae
TRAIN:
    ENABLE: True
    OPTIMIZER: ADAMW
    LR: 1.E-4
    BATCH_SIZE: 4
    EPOCHS: 1
TEST:
    ENABLE: False
`;

/** Returns when the first event of each kind came, in seconds after the command. */
async function timeline(folder, round) {
  const started = performance.now();
  const times = {};
  const child = spawn(
    process.execPath,
    [
      resolve(root, "dist/cli.mjs"),
      ...["--config", join(folder, "config.yaml"), "--result_dir", folder],
      ...["--name", "first", "--run_id", String(round), "--events"],
    ],
    // With an IPC channel the program starts no process of its own, so that SIGKILL ends all of it.
    { stdio: ["ignore", "pipe", "inherit", "ipc"] },
  );
  for await (const line of createInterface({ input: child.stdout })) {
    const { event } = JSON.parse(line);
    times[event] ??= (performance.now() - started) / 1000;
    if (event === "step") break;
  }
  child.kill("SIGKILL");
  return times;
}

const folder = await mkdtemp(join(tmpdir(), "first-step-"));
try {
  await writeFile(join(folder, "config.yaml"), CONFIGURATION);
  for (let round = 1; round <= ROUNDS; round++) {
    const times = Object.entries(await timeline(folder, round));
    console.log(times.map(([event, seconds]) => `${event} ${seconds.toFixed(2)} s`).join(", "));
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
