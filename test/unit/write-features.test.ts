/** Writing features: failures and stops. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { loadConfig } from "../../src/config/config.ts";
import { resultTree } from "../../src/facts/result-tree.ts";
import { openOnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import { writeFeatures } from "../../src/workflow/features/write-features.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { tinyConfig, writeImages } from "../support/tiny-configuration.ts";

const folder = temporaryFolder();
const images = await writeImages(join(folder, "images"), 2);
const { config } = loadConfig("job.yaml", tinyConfig(images, { epochs: 1 }));

test("a run without a checkpoint is a failure, even during a stop, and releases its device", async () => {
  const controller = new AbortController();
  let released = 0;
  const written = writeFeatures({
    config,
    tree: resultTree(folder, "untrained", 1),
    normalizePixels: false,
    report: () => {},
    signal: controller.signal,
    openRuntime: async () => {
      controller.abort();
      return Object.assign(openOnnxRuntime(1), { release: () => released++ });
    },
  });
  await assert.rejects(written, { name: "CheckpointError" });
  assert.equal(released, 1);
});

test("a stop while images are checked ends without a failure", async () => {
  const controller = new AbortController();
  const status = await writeFeatures({
    config,
    tree: resultTree(folder, "stopped", 1),
    normalizePixels: false,
    report: ({ event }) => event === "progress" && controller.abort(),
    signal: controller.signal,
    openRuntime: () => assert.fail("no device is opened"),
  });
  assert.equal(status, "stopped");
});
