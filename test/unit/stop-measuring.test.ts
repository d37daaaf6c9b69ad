/** A stop that is requested while images are measured ends the measurement, and what was trained is kept. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ImageSet } from "../../src/data/image-set.ts";
import type { ImageShape } from "../../src/images/image.ts";
import { writeTiff } from "../../src/images/tiff-writer.ts";
import { run } from "../support/in-process.ts";

/** Images of this shape are measured in two parts, one after the other. */
const SHAPE: ImageShape = [1, 8192, 4096, 1];
const NORMALIZATION = { type: "div" } as const;

let folder = "";
let path = "";

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "stop-measuring-"));
  path = join(folder, "train", "large.tif");
  await mkdir(join(folder, "train"));
  const data = new Uint8Array(SHAPE.reduce((product, size) => product * size));
  await writeTiff(path, { shape: SHAPE, sampleType: "uint8", data });
});
after(() => rm(folder, { recursive: true }));

test("images in memory and in files are measured until a stop is requested", async () => {
  for (const inMemory of [true, false]) {
    const stopping = new AbortController();
    const info = { path, shape: SHAPE, sampleType: "uint8" } as const;
    const { signal } = stopping;
    const set = new ImageSet([info], { normalization: NORMALIZATION, inMemory, signal });
    const image = await set.image(0);
    let late = 0;
    const measure = async () => {
      for await (const _ of image.parts()) {
        if (signal.aborted) late++;
        // As a signal's handler: it runs once the process waits.
        else setImmediate(() => stopping.abort());
      }
    };
    await assert.rejects(measure, (error) => error === signal.reason);
    assert.equal(late, 0, "no part is read after the stop");
    const other = new ImageSet([info], { normalization: NORMALIZATION, inMemory, signal });
    await assert.rejects(other.image(0), (error) => error === signal.reason);
    await Promise.all([set.close(), other.close()]);
  }
});

test("a training that is stopped while its first image is measured writes a checkpoint and takes no step", async () => {
  const text = `
PROBLEM: {TYPE: DENOISING, NDIM: 2D}
DATA:
  PATCH_SIZE: (64,64,1)
  TRAIN: {PATH: ${JSON.stringify(join(folder, "train"))}, IN_MEMORY: False}
  VAL: {FROM_TRAIN: True, SPLIT_TRAIN: 0.1}
MODEL: {ARCHITECTURE: unet, FEATURE_MAPS: [4, 8, 16], DROPOUT_VALUES: [0, 0, 0]}
TRAIN: {ENABLE: True, OPTIMIZER: ADAMW, LR: 1.E-3, BATCH_SIZE: 2, EPOCHS: 1}
TEST: {ENABLE: False}
`;
  const { status, events, tree } = await run(folder, 1, text, {
    watch: ({ event }, stopping) => {
      if (event === "start") setImmediate(() => stopping.abort());
    },
  });
  assert.equal(status, "stopped");
  assert.deepEqual(
    events.filter(({ event }) => event === "step"),
    [],
  );
  assert.ok(existsSync(tree.lastCheckpoint));
});
