/** The tests of a run, with a tester that fails or is stopped. */
import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { loadConfig } from "../../src/config/config.ts";
import { ImageSet } from "../../src/data/image-set.ts";
import { resultTree } from "../../src/facts/result-tree.ts";
import { ImageTester } from "../../src/workflow/image-tester.ts";
import type { PatchModels } from "../../src/workflow/patch-models.ts";
import type { ResultTask } from "../../src/workflow/tasks/task.ts";
import { testImages } from "../../src/workflow/test-run.ts";

const unused = () => assert.fail("it is not reached");
const models: PatchModels = {
  batchSize: 1,
  takesOneSize: false,
  complete: unused,
  modelFor: unused,
  release: () => {},
};
const testing: ResultTask = {
  resultFiles: unused,
  reuse: unused,
  measurement: unused,
  writePictures: unused,
  imageKinds: { preview: "prediction", test: "prediction" },
  shown: unused,
};
const tree = resultTree(tmpdir(), "job", 1);
const infos = [{ path: "a.tif", shape: [1, 8, 8, 1], sampleType: "uint8" }] as const;

/** Tests an image while a stop is requested; `error` says what the test then throws. */
async function stopped(error: (signal: AbortSignal) => unknown): Promise<string> {
  const controller = new AbortController();
  const { signal } = controller;
  class Tester extends ImageTester {
    override async test(): Promise<never> {
      controller.abort();
      throw error(signal);
    }
  }
  const tester = new Tester(loadConfig("job.yaml", "PROBLEM: {}").config, tree, testing, models);
  const images = new ImageSet(infos, { normalization: { type: "div" }, inMemory: false });
  return testImages({ tree, report: () => {}, signal }, testing, tester, { images });
}

test("a stop ends the tests; a failure during a stop is still a failure", async () => {
  assert.equal(await stopped((signal) => signal.reason), "stopped");
  const failure = new Error("the disk is full");
  await assert.rejects(
    stopped(() => failure),
    (error) => error === failure,
  );
});
