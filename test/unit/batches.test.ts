import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { loadConfig } from "../../src/config/config.ts";
import { type ImagePreparation, ImageSet } from "../../src/data/image-set.ts";
import { PatchSet } from "../../src/data/patches.ts";
import { resultTree } from "../../src/facts/result-tree.ts";
import type { Batch } from "../../src/training/trainer.ts";
import { PatchBatches } from "../../src/workflow/batches.ts";
import { taskOf } from "../../src/workflow/run.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { tinyConfig, writeImages } from "../support/tiny-configuration.ts";

const IMAGES = 16;
const folder = await writeImages(join(temporaryFolder(), "images"), IMAGES);
const { config } = loadConfig("job.yaml", tinyConfig(folder, { epochs: 1, batch: 1, patch: 32 }));
const task = await taskOf({ config, tree: resultTree(folder, "job", 1), normalizePixels: false });

/** Batches of one image each. */
function batchesOf(preparation?: ImagePreparation) {
  const infos = Array.from({ length: IMAGES }, (_, image) => ({
    path: join(folder, `image-${image}.tif`),
    shape: [1, 32, 32, 1] as const,
    sampleType: "float32" as const,
  }));
  const images = new ImageSet(infos, { normalization: { type: "div" }, inMemory: false, preparation });
  const tiling = { patch: [1, 32, 32], overlap: [0, 0, 0], padding: [0, 0, 0] } as const;
  const patches = PatchSet.of({ images }, { tiling, randomPlaces: false, seed: 1, augmentation: [] });
  return { images, batches: new PatchBatches(patches, task, 1, true) };
}

test("images that are read as a whole are read for one batch ahead only", async () => {
  let read = 0;
  const preparation: ImagePreparation = {
    apply: (image) => {
      read++;
      return image;
    },
    result: (info) => info,
  };
  const { images, batches } = batchesOf(preparation);
  let taken = 0;
  for await (const _ of batches.batches(0, 0)) {
    // The first ones are waited for, as by a network that is faster than the disk.
    if (++taken < 6) continue;
    await wait(100);
    assert.ok(read <= taken + 1, `${read} images were read for ${taken} batches`);
    break;
  }
  await images.close();
});

test("an epoch that goes on at a later step has the same batches", async () => {
  const all = async (firstStep: number) => {
    const { images, batches } = batchesOf();
    const found: Batch[] = [];
    for await (const batch of batches.batches(3, firstStep)) found.push(batch);
    await images.close();
    return found;
  };
  const whole = await all(0);
  assert.equal(whole.length, IMAGES);
  assert.deepEqual(await all(5), whole.slice(5));
});
