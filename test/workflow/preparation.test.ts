/** What a configuration does to images before they train: preprocessing, three channels, filtered samples, cross-validation. */
import assert from "node:assert/strict";
import { copyFile, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { readImage } from "../../src/images/files.ts";
import { samples } from "../support/command.ts";
import { refusedProblems, run } from "../support/in-process.ts";
import { messagesOf } from "../support/run-events.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** Copies of three training images and one test image, and a folder for results. */
async function images() {
  const folder = temporaryFolder();
  const folders = { train: join(folder, "train"), test: join(folder, "test") };
  for (const [phase, names] of [
    ["train", ["nuclei-01", "nuclei-02", "nuclei-03"]],
    ["test", ["nuclei-01"]],
  ] as const) {
    await mkdir(folders[phase]);
    for (const name of names)
      await copyFile(join(samples(`2d/${phase}`), `${name}.tif`), join(folders[phase], `${name}.tif`));
  }
  return { folders, results: join(folder, "results") };
}

test("images of one channel train and are predicted in three, without the patches that a filter names", async () => {
  const { folders, results } = await images();
  const text = `
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
`;
  const { events, tree } = await run(results, 1, text);
  assert.match(
    messagesOf(events).join("\n"),
    /[1-9]\d* of 48 patches are left out by DATA.TRAIN.FILTER_SAMPLES/,
  );
  const predicted = await readImage(join(tree.perImage, "nuclei-01.tif"));
  assert.equal(predicted.shape[3], 3);
});

test("preprocessed images train in parts that take turns, and those kept apart are tested", async () => {
  const { folders, results } = await images();
  const text = `
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
`;
  const { events, tree } = await run(results, 1, text);
  // Three images of 96 x 64 have six patches each; the second third is the second image.
  assert.match(messagesOf(events).join("\n"), /12 training patches, 6 for validation/);
  assert.deepEqual(await readdir(tree.perImage), ["nuclei-02.tif"]);
  assert.deepEqual((await readImage(join(tree.perImage, "nuclei-02.tif"))).shape, [1, 96, 64, 1]);
});

test("a damaged image in a folder that trains and tests is named once", async () => {
  const { folders, results } = await images();
  await writeFile(join(folders.train, "damaged.tif"), "II*");
  const folder = JSON.stringify(folders.train);
  const text = `
PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: 2D, SELF_SUPERVISED: {PRETEXT_TASK: crappify}}
DATA: {PATCH_SIZE: "(32,32,1)", TRAIN: {PATH: ${folder}}, TEST: {PATH: ${folder}}}
MODEL: {ARCHITECTURE: unet, FEATURE_MAPS: [4, 8, 16]}
TRAIN: {ENABLE: True, EPOCHS: 1}
TEST: {ENABLE: True}
`;
  const problems = await refusedProblems(results, 1, text);
  const messages = problems.map(({ message }) => message);
  assert.equal(problems.length, 1, messages.join("\n"));
  assert.match(messages[0] ?? "", /damaged\.tif/);
});
