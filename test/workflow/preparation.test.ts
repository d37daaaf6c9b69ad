/** What a configuration does to images before they train: preprocessing, three channels, filtered samples, cross-validation. */
import assert from "node:assert/strict";
import { copyFile, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { readImage } from "../../src/images/files.ts";
import { biapy, problemsOf, type Result, samples, workspace } from "./command.ts";

const logs = ({ events }: Result) =>
  events.flatMap((event) => (event.event === "log" ? [event.message] : [])).join("\n");

/** A workspace with three training images and one test image. */
async function images() {
  const space = await workspace("");
  const folders = { train: join(space.folder, "train"), test: join(space.folder, "test") };
  for (const [phase, names] of [
    ["train", ["nuclei-01", "nuclei-02", "nuclei-03"]],
    ["test", ["nuclei-01"]],
  ] as const) {
    await mkdir(folders[phase]);
    for (const name of names)
      await copyFile(join(samples(`2d/${phase}`), `${name}.tif`), join(folders[phase], `${name}.tif`));
  }
  const configure = (text: string) => writeFile(join(space.folder, "job.yaml"), text);
  return { ...space, folders, configure };
}

test("images of one channel train and are predicted in three, without the patches that a filter names", async () => {
  const { folders, configure, arguments: args, results } = await images();
  await configure(`
PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: 2D}
DATA:
  PATCH_SIZE: "(32,32,3)"
  FORCE_RGB: True
  TRAIN:
    PATH: ${JSON.stringify(folders.train)}
    FILTER_SAMPLES: {ENABLE: True, PROPS: [[max]], VALUES: [[60]], SIGNS: [[lt]]}
  VAL: {SPLIT_TRAIN: 0.2}
  TEST: {PATH: ${JSON.stringify(folders.test)}}
MODEL: {ARCHITECTURE: mae, VIT_TOKEN_SIZE: 8, VIT_EMBED_DIM: 24, VIT_NUM_LAYERS: 1, VIT_NUM_HEADS: 3, MAE_DEC_HIDDEN_SIZE: 16, MAE_DEC_NUM_LAYERS: 1, MAE_DEC_NUM_HEADS: 2}
TRAIN: {ENABLE: True, OPTIMIZER: ADAMW, LR: 1.E-3, BATCH_SIZE: 8, EPOCHS: 1}
TEST: {ENABLE: True}
`);
  const run = await biapy(args(1));
  assert.equal(run.code, 0, JSON.stringify(problemsOf(run)));
  assert.match(logs(run), /[1-9]\d* of 48 patches are left out by DATA.TRAIN.FILTER_SAMPLES/);
  const predicted = await readImage(join(results, "job/results/job_1/per_image/nuclei-01.tif"));
  assert.equal(predicted.shape[3], 3);
});

test("preprocessed images train in parts that take turns, and those kept apart are tested", async () => {
  const { folders, configure, arguments: args, results } = await images();
  await configure(`
PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: 2D, SELF_SUPERVISED: {PRETEXT_TASK: crappify}}
DATA:
  PATCH_SIZE: "(32,32,1)"
  PREPROCESS:
    TRAIN: True
    RESIZE: {ENABLE: True, OUTPUT_SHAPE: "(96, 64)"}
    GAUSSIAN_BLUR: {ENABLE: True}
  TRAIN: {PATH: ${JSON.stringify(folders.train)}}
  VAL: {CROSS_VAL: True, CROSS_VAL_NFOLD: 3, CROSS_VAL_FOLD: 2, RANDOM: False}
  TEST: {USE_VAL_AS_TEST: True}
MODEL: {ARCHITECTURE: unet, FEATURE_MAPS: [4, 8, 16]}
TRAIN: {ENABLE: True, OPTIMIZER: ADAMW, LR: 2.E-3, BATCH_SIZE: 4, EPOCHS: 1}
TEST: {ENABLE: True}
`);
  const run = await biapy(args(1));
  assert.equal(run.code, 0, JSON.stringify(problemsOf(run)));
  // Three images of 96 x 64 have six patches each; the second third is the second image.
  assert.match(logs(run), /12 training patches, 6 for validation/);
  const folder = join(results, "job/results/job_1/per_image");
  assert.deepEqual(await readdir(folder), ["nuclei-02.tif"]);
  assert.deepEqual((await readImage(join(folder, "nuclei-02.tif"))).shape, [1, 96, 64, 1]);
});
