/** The plan of a label study: which run numbers its trainings get. */
import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { loadConfig } from "../../src/config/config.ts";
import { resultTree } from "../../src/facts/result-tree.ts";
import { LabelStudy } from "../../src/workflow/label-study/study.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { writeImages } from "../support/tiny-configuration.ts";

const folder = temporaryFolder();
const images = await writeImages(join(folder, "images"), 2);
const checkpoint = join(folder, "pretrained.pth");
writeFileSync(checkpoint, "weights");
const path = JSON.stringify(images);
const text = `
PROBLEM: {TYPE: SEMANTIC_SEG, NDIM: 2D}
DATA:
  PATCH_SIZE: (16,16,1)
  TRAIN: {PATH: ${path}, GT_PATH: ${path}}
  TEST: {PATH: ${path}, GT_PATH: ${path}}
`;
const plan = (name: string) =>
  LabelStudy.plan({
    config: loadConfig("job.yaml", text).config,
    text,
    checkpoint,
    resultDirectory: folder,
    name,
    counts: [1],
    seeds: 1,
  });
const numbers = async (name: string) => (await plan(name)).runs.map(({ runId }) => runId);

test("a study keeps its run numbers when its runs have results", async () => {
  assert.deepEqual(await numbers("kept"), [1, 2]);
  for (const run of [1, 2]) mkdirSync(resultTree(folder, "kept", run).runDirectory, { recursive: true });
  assert.deepEqual(await numbers("kept"), [1, 2]);
});

test("numbers of the job's other runs are skipped: their results are not the study's", async () => {
  mkdirSync(resultTree(folder, "cells", 1).runDirectory, { recursive: true });
  mkdirSync(resultTree(folder, "cells", 3).recordFolder, { recursive: true });
  assert.deepEqual(await numbers("cells"), [2, 4]);
});

test("without its plan, a study does not take earlier results for those of other settings", async () => {
  await numbers("lost");
  mkdirSync(resultTree(folder, "lost", 1).runDirectory, { recursive: true });
  rmSync(join(resultTree(folder, "lost", 1).jobDirectory, "label_study", "plan.json"));
  assert.deepEqual(await numbers("lost"), [2, 3]);
});
