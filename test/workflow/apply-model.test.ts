/** A trained model applied to a folder of images, as the editor does it. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { ApplyError, applyModel, predicting } from "../../src/engines/apply-model.ts";
import { readImage } from "../../src/images/files.ts";
import type { RunCommand, RunOrder } from "../../src/runs/record.ts";
import { biapy, samples, TRAINER } from "./command.ts";

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

let trained: { readonly configuration: string; readonly checkpoint: string };
before(async () => {
  const folder = await mkdtemp(join(tmpdir(), "trained-"));
  const configuration = join(folder, "cells.yaml");
  await writeFile(configuration, CONFIGURATION);
  const { code } = await biapy([
    ...["--config", configuration, "--result_dir", folder, "--name", "cells", "--gpu", ""],
  ]);
  assert.equal(code, 0);
  trained = { configuration, checkpoint: join(folder, "cells/checkpoints/cells_1-checkpoint-best.pth") };
});

/** What the extension orders for a folder of images. */
async function ordered(images: string): Promise<{ order: RunOrder; command: RunCommand }> {
  const work = await mkdtemp(join(tmpdir(), "apply-"));
  const configFile = join(work, "apply.yaml");
  const text = await readFile(trained.configuration, "utf8");
  await writeFile(configFile, predicting(text, trained.checkpoint, images));
  const place = { resultDirectory: join(work, "results"), name: "apply", runId: 1 };
  const order = { configFile, ...place, resume: false, gpu: "", workingDirectory: work };
  const args = [
    ...[...TRAINER, "--config", configFile, "--result_dir", place.resultDirectory],
    ...["--name", "apply", "--run_id", "1", "--gpu", "", "--events"],
  ];
  return { order, command: { command: process.execPath, args, cwd: process.cwd(), output: "events" } };
}

const running = new AbortController().signal;

test("predictions of all images lie beside them, as large as they are", async () => {
  const images = await mkdtemp(join(tmpdir(), "images-"));
  await cp(samples("2d/test"), images, { recursive: true });
  const target = join(images, "predictions_cells_1");
  const seen: string[] = [];
  const found = await applyModel({
    ...(await ordered(images)),
    images,
    target,
    progress: (label) => seen.push(label),
    signal: running,
  });
  const names = (await readdir(images)).filter((name) => name.endsWith(".tif")).sort();
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
  assert.deepEqual(
    (await readdir(images)).filter((name) => name.endsWith(".tmp")),
    [],
  );
});

test("what keeps images from being predicted is said, and nothing is left beside them", async () => {
  const images = await mkdtemp(join(tmpdir(), "images-"));
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
  assert.ok(!existsSync(target));
});

test("an aborted application ends, and leaves nothing", async () => {
  const images = await mkdtemp(join(tmpdir(), "images-"));
  await mkdir(images, { recursive: true });
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
  assert.ok(!existsSync(target));
});
