/** A trained model applied to a folder of images, as the editor does it. */
import assert from "node:assert/strict";
import { cp, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { ApplyError, applyModel, predicting } from "../../src/engines/apply-model.ts";
import { readImage } from "../../src/images/files.ts";
import type { RunCommand, RunOrder } from "../../src/runs/record.ts";
import { samples, TRAINER } from "../support/command.ts";
import { run } from "../support/in-process.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const CONFIGURATION = `# Trained on nuclei.
PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: 2D}
DATA:
  PATCH_SIZE: (32,32,1)
  TRAIN: {PATH: ${JSON.stringify(samples("2d/train"))}}
MODEL: {ARCHITECTURE: mae, MAE_MASK_TYPE: random, VIT_TOKEN_SIZE: 8, VIT_EMBED_DIM: 24, VIT_NUM_LAYERS: 1, VIT_NUM_HEADS: 2,
  MAE_DEC_HIDDEN_SIZE: 24, MAE_DEC_NUM_LAYERS: 1, MAE_DEC_NUM_HEADS: 2}
TRAIN: {ENABLE: True, EPOCHS: 1, BATCH_SIZE: 64}
TEST: {ENABLE: False}
`;

/** The checkpoint of a trained model. */
let checkpoint = "";
before(async () => {
  const { tree } = await run(temporaryFolder(), 1, CONFIGURATION);
  checkpoint = tree.bestCheckpoint;
});

/** What the extension orders for a folder of images. */
async function ordered(images: string): Promise<{ order: RunOrder; command: RunCommand }> {
  const work = temporaryFolder();
  const configFile = join(work, "apply.yaml");
  await writeFile(configFile, predicting(CONFIGURATION, checkpoint, images));
  const place = { resultDirectory: join(work, "results"), name: "apply", runId: 1 };
  const order = { configFile, ...place, resume: false, gpu: "", workingDirectory: work };
  const args = [
    ...[...TRAINER, "--config", configFile, "--result_dir", place.resultDirectory],
    ...["--name", "apply", "--run_id", "1", "--gpu", "", "--events"],
  ];
  return { order, command: { command: process.execPath, args, cwd: process.cwd(), output: "events" } };
}

const running = new AbortController().signal;

test("predictions of all images are written beside them, in their size", async () => {
  const images = temporaryFolder();
  await cp(samples("2d/test"), images, { recursive: true });
  const target = join(images, "predictions");
  const seen: string[] = [];
  const found = await applyModel({
    ...(await ordered(images)),
    images,
    target,
    progress: (label) => seen.push(label),
    signal: running,
  });
  const names = (await readdir(samples("2d/test"))).sort();
  assert.deepEqual((await readdir(images)).sort(), [...names, "predictions"]);
  assert.ok(seen.length > 0);
  assert.deepEqual((await readdir(target)).sort(), names);
  assert.deepEqual(
    found?.map(({ original }) => original).sort(),
    names.map((name) => join(images, name)),
  );
  for (const name of names) {
    const [image, prediction] = [await readImage(join(images, name)), await readImage(join(target, name))];
    assert.deepEqual(prediction.shape, image.shape);
    assert.ok(new Set(prediction.data).size > 10, "The prediction is a picture.");
  }
});

test("an image that cannot be read is named, and nothing is left beside it", async () => {
  const images = temporaryFolder();
  await writeFile(join(images, "broken.tif"), "no image");
  const target = join(images, "predictions");
  const applied = applyModel({
    ...(await ordered(images)),
    images,
    target,
    progress: () => {},
    signal: running,
  });
  await assert.rejects(applied, (error) => error instanceof ApplyError && /broken\.tif/.test(error.message));
  assert.deepEqual(await readdir(images), ["broken.tif"]);
});

test("a prediction that is canceled ends, and leaves nothing", async () => {
  const images = temporaryFolder();
  await cp(samples("2d/test"), images, { recursive: true });
  const abort = new AbortController();
  const target = join(images, "predictions");
  const application = {
    ...(await ordered(images)),
    images,
    target,
    progress: () => {},
    signal: abort.signal,
  };
  const applied = applyModel(application);
  abort.abort();
  assert.equal(await applied, undefined);
  assert.deepEqual((await readdir(images)).sort(), (await readdir(samples("2d/test"))).sort());
});
