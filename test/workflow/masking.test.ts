import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { loadBiapyCheckpoint } from "../../src/checkpoint/biapy-checkpoint.ts";
import { readNpy } from "../../src/checkpoint/npy.ts";
import { readImage } from "../../src/images/files.ts";
import { writeTiff } from "../../src/images/tiff-writer.ts";
import {
  biapy,
  logRows,
  problemsOf,
  samples,
  stop,
  validationLosses,
  workspace,
} from "../support/command.ts";

const CONFIG = `
PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: 2D}
DATA:
  PATCH_SIZE: (32,32,1)
  TRAIN: {PATH: ${JSON.stringify(samples("2d/train"))}}
  VAL: {SPLIT_TRAIN: 0.1}
  TEST: {PATH: ${JSON.stringify(samples("2d/test"))}, OVERLAP: "(0.25,0.25)"}
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

test("a run trains, tests, leaves the documented tree, and resumes exactly where it was stopped", async () => {
  const { results, arguments: args } = await workspace(CONFIG);
  const whole = await biapy(args(1));
  assert.equal(whole.code, 0);
  const losses = validationLosses(whole);
  assert.equal(losses.length, 4);
  assert.ok(losses[3] < losses[0], `the validation loss fell: ${losses}`);

  const run = join(results, "job/results/job_1");
  const checks = await readdir(join(run, "MAE_checks"));
  for (const suffix of ["original", "masked", "reconstruction", "reconstruction_and_visible"]) {
    assert.ok(checks.includes(`nuclei-01_${suffix}.tif`), `${suffix} among ${checks}`);
  }
  const source = await readImage(join(samples("2d/test"), "nuclei-01.tif"));
  assert.deepEqual(await readImage(join(run, "MAE_checks/nuclei-01_original.tif")), source);
  const predicted = await readImage(join(run, "per_image/nuclei-01.tif"));
  assert.deepEqual(predicted.shape, source.shape);
  // The image has 25 patches, which two batches of 13 predict.
  const masked = await readImage(join(run, "MAE_checks/nuclei-01_masked.tif"));
  const filled = await readImage(join(run, "MAE_checks/nuclei-01_reconstruction_and_visible.tif"));
  const visible = [...source.data.keys()].filter((at) => masked.data[at] === source.data[at]);
  assert.ok(visible.length > source.data.length / 8, `${visible.length} visible pixels`);
  const moved = visible.filter((at) => Math.abs(filled.data[at] - source.data[at]) > 1);
  // Pixels of the darkest value look masked.
  assert.ok(
    moved.length < visible.length / 50,
    `${moved.length} of ${visible.length} visible pixels changed`,
  );
  assert.deepEqual(
    (await readdir(join(run, "charts"))).sort(),
    ["loss", "mae", "mse", "psnr", "ssim"].map((metric) => `job_1_${metric}.png`),
  );
  assert.match(String(await readdir(join(run, "tensorboard"))), /^events\.out\.tfevents\./);
  assert.equal(await readFile(join(results, "job/config_files/job.yaml"), "utf8"), CONFIG);
  assert.equal(await readFile(join(results, "job/config_files/job_1.yaml"), "utf8"), CONFIG);
  const checkpoint = await loadBiapyCheckpoint(join(results, "job/checkpoints/job_1-checkpoint-best.pth"));
  assert.equal(checkpoint.epoch, "best");
  assert.deepEqual(checkpoint.weights.get("patch_embed.proj.weight")?.shape, [48, 1, 8, 8]);
  await checkpoint.close();

  const stopped = await biapy(args(2), (event, child) => {
    if (event.event === "step" && event.epoch === 2 && event.step === 3) stop(child);
  });
  assert.equal(stopped.code, 130);
  const end = stopped.events.at(-1);
  assert.ok(end?.event === "end" && end.status === "stopped" && end.resume?.includes("--resume"));
  assert.ok(existsSync(join(results, "job/checkpoints/job_2-checkpoint-last.pth")));
  const resumed = await biapy([...args(2), "--resume"]);
  assert.equal(resumed.code, 0);
  assert.deepEqual(await logRows(results, 2), await logRows(results, 1));
});

test("a run that was killed resumes from its last checkpoint, with the results of one that was not", async () => {
  const { results, arguments: args } = await workspace(CONFIG);
  assert.equal((await biapy(args(1))).code, 0);
  const killed = await biapy(args(2), (event, child) => {
    if (event.event === "step" && event.epoch === 3) child.kill("SIGKILL");
  });
  assert.equal(killed.code, null);
  assert.equal((await biapy([...args(2), "--resume"])).code, 0);
  assert.deepEqual(await logRows(results, 2), await logRows(results, 1));
});

test("training on the sample images gets well below predicting the mean", async () => {
  const longer = CONFIG.replace("EPOCHS: 4", "EPOCHS: 25").replace("LR: 1.E-3", "LR: 2.E-3");
  const { arguments: args } = await workspace(longer);
  const losses = validationLosses(await biapy(args()));
  // Normalized images have a variance of 1: so large is the error of whoever predicts the mean.
  assert.ok(Math.min(...losses) < 0.5, String(losses));
});

const VOLUME = `
PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: 3D}
DATA:
  PATCH_SIZE: (16,32,24,1)
  REFLECT_TO_COMPLETE_SHAPE: True
  TRAIN: {PATH: ${JSON.stringify(samples("3d/train"))}, OVERLAP: "(0.5,0.5,0.5)"}
  TEST: {PATH: ${JSON.stringify(samples("3d/test"))}}
MODEL: {ARCHITECTURE: mae, MAE_MASK_TYPE: grid, VIT_TOKEN_SIZE: 8, VIT_EMBED_DIM: 48, VIT_NUM_LAYERS: 2, VIT_NUM_HEADS: 3,
  MAE_DEC_HIDDEN_SIZE: 32, MAE_DEC_NUM_LAYERS: 1, MAE_DEC_NUM_HEADS: 2}
TRAIN: {ENABLE: True, OPTIMIZER: ADAMW, LR: 1.E-3, BATCH_SIZE: 4, EPOCHS: 6, LR_SCHEDULER: {NAME: onecycle}}
TEST: {ENABLE: True}
`;

test("volumes train too, with normalized pixels as well", async () => {
  const { results, arguments: args } = await workspace(VOLUME);
  for (const more of [[], ["--norm_pix_loss"]]) {
    const result = await biapy([...args(more.length + 1), ...more]);
    assert.equal(result.code, 0);
    const losses = validationLosses(result);
    assert.ok(losses[5] < losses[0], String(losses));
    const rebuilt = await readImage(
      join(results, "job/results/job_1/MAE_checks/nuclei-test_reconstruction.tif"),
    );
    assert.deepEqual(rebuilt.shape, [31, 61, 24, 1]);
  }
});

test("several channels, own validation images read part by part, augmentation and a given normalization", async () => {
  const images = await mkdtemp(join(tmpdir(), "channels-"));
  for (const name of ["nuclei-01", "nuclei-02", "nuclei-03"]) {
    const { shape, data, sampleType } = await readImage(join(samples("2d/train"), `${name}.tif`));
    const two = Uint8Array.from({ length: 2 * data.length }, (_, at) =>
      at % 2 === 0 ? data[at / 2] : 255 - data[(at - 1) / 2],
    );
    await writeTiff(join(images, `${name}.tif`), {
      shape: [shape[0], shape[1], shape[2], 2],
      sampleType,
      data: two,
    });
  }
  const folder = JSON.stringify(images);
  const configuration = CONFIG.replace("(32,32,1)", "(32,32,2)")
    .replace("SPLIT_TRAIN: 0.1", `FROM_TRAIN: False, PATH: ${folder}, IN_MEMORY: False`)
    .replace(JSON.stringify(samples("2d/train")), `${folder}, IN_MEMORY: False`)
    .replace(JSON.stringify(samples("2d/test")), folder)
    .replace(
      "MODEL:",
      "  NORMALIZATION: {ZERO_MEAN_UNIT_VAR: {MEAN_VAL: [40, 215], STD_VAL: [30, 30]}}\nMODEL:",
    )
    .concat("AUGMENTOR: {ENABLE: True, ROT90: True, ELASTIC: True, AUG_NUM_SAMPLES: 3}\n");
  const { results, arguments: args } = await workspace(configuration);
  const result = await biapy(args());
  assert.equal(result.code, 0, JSON.stringify(problemsOf(result)));
  const losses = validationLosses(result);
  assert.ok(losses[3] < losses[0], String(losses));
  assert.equal((await readdir(join(results, "job/results/job_1/aug"))).length, 6);
  const mean = await readNpy(join(results, "job/checkpoints/normalization_mean_value.npy"));
  assert.deepEqual([...mean.data], [40, 215]);
  const rebuilt = await readImage(join(results, "job/results/job_1/per_image/nuclei-01.tif"));
  assert.deepEqual(rebuilt.shape, [1, 128, 128, 2]);
  const inMemory = await workspace(configuration.replaceAll("IN_MEMORY: False", "IN_MEMORY: True"));
  await biapy(inMemory.arguments());
  assert.deepEqual(await logRows(results, 1), await logRows(inMemory.results, 1));
});

test("bad input is answered at once, in words, with exit code 2", async () => {
  const { folder, results } = await workspace(
    CONFIG.replace("EPOCHS", "EPOCH").replace("(32,32,1)", "(30,32,1)"),
  );
  const config = join(folder, "job.yaml");
  const result = await biapy(["-cfg", config, "-rdir", results, "-name", "my-job", "-rid", "1"]);
  assert.equal(result.code, 2);
  assert.deepEqual(
    problemsOf(result).map(({ key }) => key),
    [undefined, "TRAIN.EPOCH", "DATA.PATCH_SIZE"],
  );
  assert.ok(!existsSync(results));
});

test("images that cannot be used are all named before training starts", async () => {
  const images = await mkdtemp(join(tmpdir(), "images-"));
  await writeFile(join(images, "empty.tif"), "");
  await writeFile(join(images, "notes.tif"), "not an image");
  const { arguments: args } = await workspace(
    CONFIG.replace(JSON.stringify(samples("2d/train")), JSON.stringify(images)),
  );
  const result = await biapy(args());
  assert.equal(result.code, 2);
  assert.deepEqual(
    problemsOf(result).map(({ file }) => file),
    [join(images, "empty.tif"), join(images, "notes.tif")],
  );
});
