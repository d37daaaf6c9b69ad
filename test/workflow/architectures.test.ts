/** Every network that restores images, in 2D and 3D: it trains on the sample images, is stopped, resumes and tests. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { loadBiapyCheckpoint } from "../../src/checkpoint/biapy-checkpoint.ts";
import { checkConfig } from "../../src/config/checks.ts";
import { loadConfig } from "../../src/config/config.ts";
import {
  type Dimensions,
  type EmbeddedArchitecture,
  embeddedArchitectures,
} from "../../src/facts/architectures.ts";
import { readRunState } from "../../src/facts/run-state.ts";
import { readImage } from "../../src/images/files.ts";
import { weightsOf } from "../support/checkpoint-weights.ts";
import { epochsOf, run, stopAtStep } from "../support/in-process.ts";
import { messagesOf } from "../support/run-events.ts";
import { samplePart, writePart } from "../support/sample-parts.ts";
import { hasEncoder, isSlow, smallModel, smallPatch } from "../support/small-networks.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();

before(async () => {
  for (const [from, to, end] of [
    ["2d/train/nuclei-01.tif", "2D/train", [1, 64, 64]],
    ["2d/test/nuclei-01.tif", "2D/test", [1, 40, 48]],
    ["3d/train/nuclei-train.tif", "3D/train", [16, 32, 32]],
    ["3d/test/nuclei-test.tif", "3D/test", [8, 24, 20]],
    ["2d/train/nuclei-01.tif", "2D/few", [1, 32, 32]],
    ["3d/train/nuclei-train.tif", "3D/few", [8, 16, 16]],
  ] as const)
    await writePart(join(folder, to, "part.tif"), await samplePart(from, end));
});

/** The slowest networks train on a smaller image. */
function configuration(
  architecture: EmbeddedArchitecture,
  ndim: Dimensions,
  model: Readonly<Record<string, string>> = {},
): string {
  const path = (phase: string) => JSON.stringify(join(folder, ndim, phase));
  const train = isSlow(architecture) ? "few" : "train";
  const patch = smallPatch(architecture, ndim);
  // More than four patches of the training image.
  const overlap = String(patch) === "32,32" ? 'OVERLAP: "(0.5,0.5)",' : "";
  return `
PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: ${ndim}, SELF_SUPERVISED: {PRETEXT_TASK: crappify}}
DATA:
  PATCH_SIZE: (${patch.join(",")},1)
  REFLECT_TO_COMPLETE_SHAPE: True
  TRAIN: {${overlap} PATH: ${path(train)}}
  VAL: {SPLIT_TRAIN: 0.25}
  TEST: {PATH: ${path("test")}}
MODEL: {${smallModel(architecture, ndim, model)}}
TRAIN: {ENABLE: True, OPTIMIZER: ADAMW, LR: 1.E-3, BATCH_SIZE: ${ndim === "2D" ? 4 : 2}, EPOCHS: 4}
TEST: {ENABLE: True}
`;
}

let runs = 0;

for (const ndim of ["2D", "3D"] as const)
  for (const architecture of embeddedArchitectures("crappify", ndim)) {
    test(`${architecture} in ${ndim} trains, is stopped, resumes and tests`, async () => {
      const number = ++runs;
      const text = configuration(architecture, ndim);
      assert.deepEqual(checkConfig(loadConfig("job.yaml", text).config), []);
      const stopped = await run(folder, number, text, { watch: stopAtStep(2) });
      assert.equal(stopped.status, "stopped");
      const finished = await run(folder, number, text, { resume: true });
      const { status, tree, events } = finished;
      assert.equal(status, "finished");
      const all = [...epochsOf(stopped), ...epochsOf(finished)];
      assert.deepEqual(
        all.map(({ epoch }) => epoch),
        [1, 2, 3, 4],
      );
      const losses = all.map(({ train }) => train.loss);
      assert.ok(losses[3] < losses[0], `the loss fell: ${losses}`);
      const drawn = [...stopped.events, ...events].flatMap((event) =>
        event.event === "image" && event.kind === "features" ? (event.epoch ?? 0) : [],
      );
      const firstAndLast = [drawn.at(0), drawn.at(-1)];
      assert.deepEqual(firstAndLast, hasEncoder(architecture) ? [1, 4] : [undefined, undefined]);

      const source = await readImage(join(folder, ndim, "test/part.tif"));
      const restored = await readImage(join(tree.perImage, "part.tif"));
      assert.deepEqual([restored.shape, restored.sampleType], [source.shape, source.sampleType]);
      const tested = events.filter((event) => event.event === "test").at(-1);
      assert.deepEqual(Object.keys(tested?.metrics ?? {}).sort(), ["mae", "mse", "psnr", "ssim"]);
      assert.equal((await readdir(tree.charts)).length, 5);
      for (const part of [tree.tensorboard, tree.trainLogs, tree.configFile])
        assert.ok(existsSync(part), part);
      assert.ok(existsSync(join(tree.runDirectory, "test_results_metrics.csv")));
      const state = await readRunState(tree);
      assert.deepEqual([state?.status, state?.epoch, state?.trained], ["finished", 4, true]);
      // What a later run with more epochs resumes from: the last checkpoint, or the best where that is the last epoch's.
      assert.equal(existsSync(tree.lastCheckpoint), state?.best?.epoch !== 4);
      const checkpoint = await loadBiapyCheckpoint(tree.bestCheckpoint);
      assert.ok(checkpoint.weights.size > 0 && checkpoint.modelBuildArguments !== undefined);
      await checkpoint.close();
    });
  }

test("a network with dropout and batch normalization that is stopped gets the weights of one that is not", async () => {
  const text = configuration("resunet", "2D", { NORMALIZATION: "bn", DROPOUT_VALUES: "[0.1, 0.1, 0.2]" });
  const whole = await run(folder, ++runs, text);
  const halved = ++runs;
  await run(folder, halved, text, { watch: stopAtStep(5) });
  const resumed = await run(folder, halved, text, { resume: true });
  assert.deepEqual(epochsOf(resumed).at(-1), epochsOf(whole).at(-1));
  const [found, wanted] = await Promise.all(
    [resumed, whole].map(({ tree }) => weightsOf(tree.bestCheckpoint)),
  );
  assert.deepEqual(found, wanted);
});

test("frozen layers keep their weights while the others learn, and the log counts them", async () => {
  const unet = (model: Readonly<Record<string, string>> = {}) =>
    configuration("unet", "2D", { NORMALIZATION: "bn", ...model });
  const start = await run(folder, ++runs, unet().replace("LR: 1.E-3", "LR: 0."));
  const frozen = { FREEZE_LAYERS_MATCHING: "['^down_path', 'heads']" };
  const trained = await run(folder, ++runs, unet(frozen));
  const [first, last] = await Promise.all([start, trained].map(({ tree }) => weightsOf(tree.bestCheckpoint)));
  assert.deepEqual([...first.keys()], [...last.keys()]);
  const isFrozen = (name: string) => /^down_path|heads/.test(name) && !/running|tracked/.test(name);
  for (const [name, values] of last)
    if (isFrozen(name)) assert.deepEqual(values, first.get(name), name);
    else if (name.endsWith("weight")) assert.notDeepEqual(values, first.get(name), name);
  const statistics = last.get("down_path.0.block.0.block.1.running_mean");
  assert.ok(
    statistics?.some((value) => value !== 0),
    "running statistics are updated",
  );
  const messages = messagesOf(trained.events);
  const count = [...last.keys()].filter(isFrozen).length;
  assert.ok(
    messages.some((message) => message.startsWith(`${count} tensors stay as they are`)),
    messages.join("\n"),
  );
  await assert.rejects(
    run(folder, ++runs, unet({ FREEZE_LAYERS_MATCHING: "['.']" })),
    /nothing is left to train/,
  );
});

test("a network learns by correlation, edges and spectra", async () => {
  const text = `${configuration("unet", "2D")}LOSS: {TYPE: [PCC, LAPLACIAN, FFT, RFFT], WEIGHTS: [1., 1., 0.01, 0.1]}\n`;
  const losses = epochsOf(await run(folder, ++runs, text)).map(({ train }) => train.loss);
  assert.equal(losses.length, 4);
  assert.ok(losses[3] < losses[0], `${losses}`);
});
