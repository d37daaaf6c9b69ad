/** Preparing a run's images: no file stays open if they cannot be used. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { loadConfig } from "../../src/config/config.ts";
import { prepareImages } from "../../src/workflow/run-images.ts";
import { openFiles, withoutOpenFiles } from "../support/open-files.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { tinyConfig, writeImages } from "../support/tiny-configuration.ts";

test("images whose patches are all left out are refused, and no file of them stays open", {
  skip: withoutOpenFiles,
}, async () => {
  const folder = await writeImages(join(temporaryFolder(), "images"), 3);
  const { config } = loadConfig("job.yaml", tinyConfig(folder, { epochs: 1 }));
  const filter = "DATA.TRAIN.FILTER_SAMPLES";
  const leavesOutAll = config
    .with("DATA.TRAIN.IN_MEMORY", false)
    .with(`${filter}.ENABLE`, true)
    .with(`${filter}.PROPS`, [["mean"]])
    .with(`${filter}.VALUES`, [[1e6]])
    .with(`${filter}.SIGNS`, [["lt"]]);
  const prepared = prepareImages(leavesOutAll, { sources: async (_, images) => ({ images }) }, () => {});
  await assert.rejects(prepared, { name: "InputError", message: /leaves out all 12 patches/ });
  assert.deepEqual(
    openFiles().filter((path) => path.startsWith(folder)),
    [],
  );
});

test("patches are filtered by normalized values where NORM_BEFORE says so", async () => {
  const folder = await writeImages(join(temporaryFolder(), "images"), 3);
  const filter = "DATA.TRAIN.FILTER_SAMPLES";
  const count = async (before: boolean) => {
    const { config } = loadConfig("job.yaml", tinyConfig(folder, { epochs: 1 }));
    const filtering = config
      .with(`${filter}.ENABLE`, true)
      .with(`${filter}.NORM_BEFORE`, before)
      .with(`${filter}.PROPS`, [["mean"]])
      // Normalized values of an image have the mean 0, stored ones a larger one.
      .with(`${filter}.VALUES`, [[0]])
      .with(`${filter}.SIGNS`, [["lt"]]);
    const messages: string[] = [];
    const { training, close } = await prepareImages(
      filtering,
      { sources: async (_, images) => ({ images }) },
      (event) => {
        if (event.event === "log") messages.push(event.message);
      },
    );
    await close();
    assert.ok(training);
    return messages.join();
  };
  assert.match(await count(false), /\b0 of 12 patches are left out/);
  assert.match(await count(true), /\b[1-9]\d* of 12 patches are left out/);
});
