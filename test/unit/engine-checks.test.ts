/** What is said of a configuration depends on the engine that is to train it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { loadConfig } from "../../src/config/config.ts";
import { checkForEngine } from "../../src/config/engine-checks.ts";
import { samples } from "../workflow/command.ts";

const images = (phase: string) => JSON.stringify(join(samples("2d"), phase));

const INSTANCES = `
PROBLEM: {TYPE: INSTANCE_SEG, NDIM: 2D}
DATA:
  PATCH_SIZE: "(64,64,1)"
  TRAIN: {PATH: ${images("train")}, GT_PATH: ${images("train")}}
  TEST: {PATH: ${images("test")}}
  PREPROCESS: {TRAIN: True, CANNY: {ENABLE: True}}
MODEL: {ARCHITECTURE: unext_v1}
TRAIN: {ENABLE: True}
TEST: {ENABLE: True}
`;

function problems(engine: "embedded" | "biapy", text: string) {
  const { config, problems } = loadConfig("job.yaml", text);
  return [...problems, ...checkForEngine(engine, config, process.cwd())];
}

test("a workflow that BiaPy trains is clean for its engine, and the embedded one says who trains it", () => {
  assert.deepEqual(problems("biapy", INSTANCES), []);
  const [problem] = problems("embedded", INSTANCES).filter(({ key }) => key === "PROBLEM.TYPE");
  assert.match(problem.message, /embedded engine trains SELF_SUPERVISED.*INSTANCE_SEG needs BiaPy/);
  assert.equal(problem.ofEmbeddedEngine, true);
  // To change the workflow is no way to mend it.
  assert.equal(problem.suggestion, undefined);
});

test("BiaPy's engine is told what BiaPy refuses", () => {
  const wrong = INSTANCES.replace("(64,64,1)", "(64,64)").replace("test", "nowhere");
  assert.deepEqual(
    problems("biapy", wrong).map(({ key }) => key),
    ["DATA.PATCH_SIZE", "DATA.TEST.PATH"],
  );
  const mae = INSTANCES.replace("INSTANCE_SEG", "SELF_SUPERVISED").replace(
    "NDIM: 2D",
    "NDIM: 2D, SELF_SUPERVISED: {PRETEXT_TASK: masking}",
  );
  assert.deepEqual(
    problems("biapy", mae).map(({ key }) => key),
    ["MODEL.ARCHITECTURE"],
  );
});
