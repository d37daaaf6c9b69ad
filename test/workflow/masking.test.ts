import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { loadBiapyCheckpoint } from "../../src/checkpoint/biapy-checkpoint.ts";
import { readImage } from "../../src/images/files.ts";
import type { RunEvent } from "../../src/protocol/run-events.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const samples = (folder: string) => join(root, "media/samples/2d", folder);

interface Result {
  readonly code: number | null;
  readonly events: readonly RunEvent[];
}

/** Runs the command with `--events`; `watch` sees each event as it comes. */
function biapy(
  args: readonly string[],
  watch: (event: RunEvent, child: ChildProcess) => void = () => {},
): Promise<Result> {
  return new Promise((resolve) => {
    const command = [
      "--import",
      join(root, "test/register.mjs"),
      join(root, "src/cli/main.ts"),
      ...args,
      "--events",
    ];
    const child = spawn(process.execPath, command, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
    const events: RunEvent[] = [];
    let rest = "";
    child.stdout.on("data", (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const event = JSON.parse(line) as RunEvent;
        events.push(event);
        watch(event, child);
      }
    });
    child.on("close", (code) => resolve({ code, events }));
  });
}

const CONFIG = `
PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: 2D}
DATA:
  PATCH_SIZE: (32,32,1)
  TRAIN: {PATH: ${JSON.stringify(samples("train"))}}
  VAL: {SPLIT_TRAIN: 0.1}
  TEST: {PATH: ${JSON.stringify(samples("test"))}, OVERLAP: "(0.25,0.25)"}
MODEL:
  ARCHITECTURE: mae
  MAE_MASK_TYPE: random
  VIT_TOKEN_SIZE: 8
  VIT_EMBED_DIM: 48
  VIT_NUM_LAYERS: 2
  VIT_NUM_HEADS: 3
  MAE_DEC_HIDDEN_SIZE: 32
  MAE_DEC_NUM_LAYERS: 1
  MAE_DEC_NUM_HEADS: 2
TRAIN:
  ENABLE: True
  OPTIMIZER: ADAMW
  LR: 1.E-3
  BATCH_SIZE: 16
  EPOCHS: 4
TEST: {ENABLE: True}
`;

async function workspace(config = CONFIG): Promise<{ config: string; results: string }> {
  const folder = await mkdtemp(join(tmpdir(), "masking-"));
  await writeFile(join(folder, "job.yaml"), config);
  return { config: join(folder, "job.yaml"), results: join(folder, "results") };
}

/** An epoch's numbers without its times. */
const rows = async (results: string, run: number) =>
  (await readFile(join(results, `job/results/job_${run}/train_logs/job_${run}_log.jsonl`), "utf8"))
    .trim()
    .split("\n")
    .map((line) => ({ ...JSON.parse(line), seconds: 0 }));

test("a run trains, tests, leaves the documented tree, and goes on exactly where it was stopped", async () => {
  const { config, results } = await workspace();
  const args = (run: number) => [
    "--config",
    config,
    "--result_dir",
    results,
    "--name",
    "job",
    "--run_id",
    String(run),
  ];
  const whole = await biapy(args(1));
  assert.equal(whole.code, 0);
  const epochs = whole.events.filter((event) => event.event === "epoch");
  assert.equal(epochs.length, 4);
  const losses = epochs.map((event) => event.validation?.loss ?? Number.NaN);
  assert.ok(losses[3] < losses[0], `the validation loss fell: ${losses}`);

  const run = join(results, "job/results/job_1");
  const checks = await readdir(join(run, "MAE_checks"));
  for (const suffix of ["original", "masked", "reconstruction", "reconstruction_and_visible"]) {
    assert.ok(checks.includes(`nuclei-01_${suffix}.tif`), `${suffix} among ${checks}`);
  }
  const source = await readImage(join(samples("test"), "nuclei-01.tif"));
  assert.deepEqual(await readImage(join(run, "MAE_checks/nuclei-01_original.tif")), source);
  const predicted = await readImage(join(run, "per_image/nuclei-01.tif"));
  assert.deepEqual(predicted.shape, source.shape);
  assert.deepEqual(
    (await readdir(join(run, "charts"))).sort(),
    ["loss", "mae", "mse", "psnr", "ssim"].map((metric) => `job_1_${metric}.png`),
  );
  assert.match(String(await readdir(join(run, "tensorboard"))), /^events\.out\.tfevents\./);
  assert.equal(await readFile(join(results, "job/config_files/job.yaml"), "utf8"), CONFIG);
  const checkpoint = await loadBiapyCheckpoint(join(results, "job/checkpoints/job_1-checkpoint-best.pth"));
  assert.equal(checkpoint.epoch, "best");
  assert.deepEqual(checkpoint.weights.get("patch_embed.proj.weight")?.shape, [48, 1, 8, 8]);
  await checkpoint.close();

  const stopped = await biapy(args(2), (event, child) => {
    if (event.event === "step" && event.epoch === 2 && event.step === 3) child.kill("SIGINT");
  });
  assert.equal(stopped.code, 130);
  const end = stopped.events.at(-1);
  assert.ok(end?.event === "end" && end.status === "stopped" && end.resume?.includes("--resume"));
  assert.ok(existsSync(join(results, "job/checkpoints/job_2-checkpoint-last.pth")));
  const resumed = await biapy([...args(2), "--resume"]);
  assert.equal(resumed.code, 0);
  assert.deepEqual(await rows(results, 2), await rows(results, 1));
});

test("bad input is answered at once, in words, with exit code 2", async () => {
  const { config, results } = await workspace(
    CONFIG.replace("EPOCHS", "EPOCH").replace("(32,32,1)", "(30,32,1)"),
  );
  const { code, events } = await biapy(["-cfg", config, "-rdir", results, "-name", "my-job", "-rid", "1"]);
  assert.equal(code, 2);
  const problems = events.flatMap((event) => (event.event === "problems" ? event.problems : []));
  assert.deepEqual(
    problems.map(({ key }) => key),
    [undefined, "TRAIN.EPOCH", "DATA.PATCH_SIZE"],
  );
  assert.ok(!existsSync(results));
});

test("images that cannot be used are all named before training starts", async () => {
  const images = await mkdtemp(join(tmpdir(), "images-"));
  await writeFile(join(images, "empty.tif"), "");
  await writeFile(join(images, "notes.tif"), "not an image");
  const { config, results } = await workspace(
    CONFIG.replace(JSON.stringify(samples("train")), JSON.stringify(images)),
  );
  const { code, events } = await biapy(["--config", config, "--result_dir", results, "--name", "job"]);
  assert.equal(code, 2);
  const problems = events.flatMap((event) => (event.event === "problems" ? event.problems : []));
  assert.deepEqual(
    problems.map(({ file }) => file),
    [join(images, "empty.tif"), join(images, "notes.tif")],
  );
});
