/** Every network that restores images, in 2D and 3D: it learns on the sample images, is stopped, goes on, tests. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { loadBiapyCheckpoint } from "../../src/checkpoint/biapy-checkpoint.ts";
import { checkConfig } from "../../src/config/checks.ts";
import { loadConfig } from "../../src/config/config.ts";
import { type Dimensions, embeddedArchitectures } from "../../src/facts/architectures.ts";
import { resultTree } from "../../src/facts/result-tree.ts";
import type { NewRunEvent } from "../../src/facts/run-events.ts";
import { readRunState } from "../../src/facts/run-state.ts";
import { openImage, readImage } from "../../src/images/files.ts";
import { writeTiff } from "../../src/images/tiff-writer.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import { runWorkflow } from "../../src/workflow/run.ts";
import { smallModel, smallPatch } from "../support/small-networks.ts";
import { samples } from "./command.ts";

const folder = await mkdtemp(join(tmpdir(), "architectures-"));

/** A part of a sample image, which trains in a second. */
async function cut(
  from: string,
  to: string,
  size: readonly [z: number, y: number, x: number],
): Promise<void> {
  const source = await openImage(join(samples(from)));
  const part = await source.read({ start: [0, 0, 0], end: size });
  await source.close();
  await mkdir(join(folder, to), { recursive: true });
  await writeTiff(join(folder, to, "part.tif"), part);
}

before(async () => {
  await cut("2d/train/nuclei-01.tif", "2D/train", [1, 64, 64]);
  await cut("2d/test/nuclei-01.tif", "2D/test", [1, 40, 48]);
  await cut("3d/train/nuclei-train.tif", "3D/train", [16, 32, 32]);
  await cut("3d/test/nuclei-test.tif", "3D/test", [8, 24, 20]);
  await cut("3d/train/nuclei-train.tif", "3D/dfcan", [8, 16, 16]);
});

/** DFCAN in 3D is by far the slowest: it trains on a smaller image. */
function configuration(architecture: string, ndim: Dimensions, more = ""): string {
  const path = (phase: string) => JSON.stringify(join(folder, ndim, phase));
  const train = architecture === "dfcan" && ndim === "3D" ? "dfcan" : "train";
  const overlap = architecture === "multiresunet" && ndim === "2D" ? 'OVERLAP: "(0.5,0.5)",' : "";
  return `
PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: ${ndim}, SELF_SUPERVISED: {PRETEXT_TASK: crappify}}
DATA:
  PATCH_SIZE: (${smallPatch(architecture, ndim).join(",")},1)
  REFLECT_TO_COMPLETE_SHAPE: True
  TRAIN: {${overlap} PATH: ${path(train)}}
  VAL: {SPLIT_TRAIN: 0.25}
  TEST: {PATH: ${path("test")}}
MODEL: {ARCHITECTURE: ${architecture}, ${smallModel(architecture, ndim)}${more}}
TRAIN: {ENABLE: True, OPTIMIZER: ADAMW, LR: 1.E-3, BATCH_SIZE: ${ndim === "2D" ? 4 : 2}, EPOCHS: 4}
TEST: {ENABLE: True}
`;
}

const runtime = new OnnxRuntime(2);

/** Runs a configuration as the command does; `stopAt` asks it to stop when a training step of this number is done. */
async function run(
  name: string,
  text: string,
  { resume = false, stopAt = Infinity }: { readonly resume?: boolean; readonly stopAt?: number } = {},
) {
  const { config, problems } = loadConfig(`${name}.yaml`, text);
  assert.deepEqual([...problems, ...checkConfig(config)], []);
  const tree = resultTree(join(folder, "results"), name, 1);
  const events: NewRunEvent[] = [];
  const stopping = new AbortController();
  let steps = 0;
  const report = (event: NewRunEvent) => {
    events.push(event);
    if (event.event === "step" && ++steps === stopAt) stopping.abort();
  };
  const request = { config, configText: text, tree, resume, normalizePixels: false };
  const status = await runWorkflow({
    ...request,
    report,
    signal: stopping.signal,
    openRuntime: async () => runtime,
    fits: async () => true,
  });
  const epochs = events.flatMap((event) => (event.event === "epoch" ? [event] : []));
  return { status, tree, epochs, events };
}

for (const ndim of ["2D", "3D"] as const)
  for (const architecture of embeddedArchitectures("crappify", ndim)) {
    test(`${architecture} in ${ndim} learns, is stopped, goes on and tests`, async () => {
      const name = `${architecture.replaceAll("+", "p")}_${ndim}`;
      const text = configuration(architecture, ndim);
      const stopped = await run(name, text, { stopAt: 2 });
      assert.equal(stopped.status, "stopped");
      const { status, tree, epochs, events } = await run(name, text, { resume: true });
      assert.equal(status, "finished");
      const all = [...stopped.epochs, ...epochs];
      assert.deepEqual(
        all.map(({ epoch }) => epoch),
        [1, 2, 3, 4],
      );
      const losses = all.map(({ train }) => train.loss);
      assert.ok(losses[3] < losses[0], `the loss fell: ${losses}`);

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

/** The weights of a run's best checkpoint, by name. */
async function weightsOf({ tree }: Awaited<ReturnType<typeof run>>) {
  const checkpoint = await loadBiapyCheckpoint(tree.bestCheckpoint);
  const values = new Map<string, unknown>();
  for (const [name, tensor] of checkpoint.weights) values.set(name, await tensor.read());
  await checkpoint.close();
  return values;
}

test("a stopped network with dropout and batch normalization ends up exactly where one that was not stopped does", async () => {
  const text = configuration("resunet", "2D", ", NORMALIZATION: bn, DROPOUT_VALUES: [0.1, 0.1, 0.2]");
  const whole = await run("whole", text);
  await run("halved", text, { stopAt: 5 });
  const resumed = await run("halved", text, { resume: true });
  const last = ({ epochs }: typeof whole) => epochs.at(-1);
  assert.deepEqual(
    { ...last(resumed)?.train, ...last(resumed)?.validation },
    { ...last(whole)?.train, ...last(whole)?.validation },
  );
  assert.deepEqual(await weightsOf(resumed), await weightsOf(whole));
});

test("frozen layers stay as they started while the others learn, and the log counts them", async () => {
  const text = (more: string, rate: string) =>
    configuration("unet", "2D", `, NORMALIZATION: bn${more}`).replace("LR: 1.E-3", `LR: ${rate}`);
  const start = await run("start", text("", "0."));
  const trained = await run("frozen", text(", FREEZE_LAYERS_MATCHING: ['^down_path', 'heads']", "1.E-3"));
  const [first, last] = await Promise.all([weightsOf(start), weightsOf(trained)]);
  assert.deepEqual([...first.keys()], [...last.keys()]);
  const isFrozen = (name: string) => /^down_path|heads/.test(name) && !/running|tracked/.test(name);
  for (const [name, values] of last)
    if (isFrozen(name)) assert.deepEqual(values, first.get(name), name);
    else if (name.endsWith("weight")) assert.notDeepEqual(values, first.get(name), name);
  const statistics = "down_path.0.block.0.block.1.running_mean";
  assert.notDeepEqual(last.get(statistics), new Float32Array(4), "running statistics go on");
  const said = trained.events.flatMap((event) => (event.event === "log" ? [event.message] : []));
  const count = [...last.keys()].filter(isFrozen).length;
  assert.ok(
    said.some((message) => message.startsWith(`${count} tensors stay as they are`)),
    said.join("\n"),
  );
  await assert.rejects(
    run("all", text(", FREEZE_LAYERS_MATCHING: ['.']", "1.E-3")),
    /nothing is left to train/,
  );
});

test("a network learns by correlation, edges and spectra", async () => {
  const text = `${configuration("unet", "2D")}LOSS: {TYPE: [PCC, LAPLACIAN, FFT, RFFT], WEIGHTS: [1., 1., 0.01, 0.1]}\n`;
  const { epochs, status } = await run("spectra", text);
  assert.equal(status, "finished");
  assert.ok(epochs[3].train.loss < epochs[0].train.loss, `${epochs.map(({ train }) => train.loss)}`);
});
