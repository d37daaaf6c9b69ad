/** Real BiaPy trains through the extension's engine, and what the panel is told agrees with what BiaPy logged. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pythonCommand } from "../../src/engines/biapy-command.ts";
import { trainingLogs } from "../../src/engines/biapy-files.ts";
import type { RunOrder } from "../../src/runs/record.ts";
import {
  configuration,
  type FollowedRun,
  python,
  type Shape,
  SMALL_MAE,
  SMALL_UNET,
  skip,
  Workplace,
} from "./engine-run.ts";

let place: Workplace;
before(async () => {
  if (!skip) place = await Workplace.make();
});

after(() => place?.remove());

/** What TensorBoard itself reads in a run's event files: the loss of each step. */
function tensorboardLosses(run: string): number[] {
  const script = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0})
events.Reload()
print(json.dumps([scalar.value for scalar in events.Scalars("loss/loss")]))`;
  const output = execFileSync(python, ["-c", script, join(run, "tensorboard")], { encoding: "utf8" });
  return JSON.parse(output.trim().split("\n").at(-1) ?? "[]");
}

/** The events of a finished run against BiaPy's training log, TensorBoard file and result files. */
async function agreesWithLogs(run: FollowedRun, order: RunOrder, images: number): Promise<void> {
  const [end] = await run.of("end");
  assert.equal(end.status, "finished", end.message);
  const [start] = await run.of("start");
  const [log] = trainingLogs(order);
  const rows = readFileSync(log, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const epochs = await run.of("epoch");
  assert.equal(start.epochs, rows.length);
  assert.equal(epochs.length, rows.length);
  for (const [index, { epoch, train, validation, learningRate }] of epochs.entries()) {
    assert.equal(epoch, index + 1);
    for (const [name, value] of Object.entries<number>(rows[index])) {
      const metric = name.replace(/^(train|test)_/, "").toLowerCase();
      if (metric === "lr") assert.equal(learningRate, value);
      else if (name.startsWith("train_")) assert.equal(train[metric], value);
      else if (name.startsWith("test_")) assert.equal(validation?.[metric], value);
    }
  }
  const losses = tensorboardLosses(start.runDirectory);
  const steps = await run.of("step");
  assert.equal(losses.length, start.epochs * start.stepsPerEpoch);
  assert.equal(steps.length, losses.length, "every step is told once");
  for (const { epoch, step, metrics } of steps) {
    const logged = losses[(epoch - 1) * start.stepsPerEpoch + step - 1];
    // What was printed is the median of the last 20 steps; of the first step that is itself, to four decimals.
    if (step === 1) assert.ok(Math.abs(metrics.loss - logged) < 1e-3, `${metrics.loss} ${logged}`);
    else if (!("psnr" in metrics)) assert.equal(metrics.loss, logged);
  }
  const [best] = (await run.of("checkpoint")).filter(({ kind }) => kind === "best");
  assert.ok(existsSync(best.path));
  const predictions = (await run.of("image")).filter(({ kind }) => kind === "prediction");
  assert.equal(predictions.length, images);
  for (const { files } of predictions) {
    assert.ok(files.original !== undefined && files.masked !== undefined && files.prediction !== undefined);
    for (const path of Object.values(files)) assert.ok(existsSync(path), path);
  }
}

const FLAT: Shape = [1, 64, 64];
const DEEP: Shape = [16, 32, 32];

test("MAE masking in 2D", { skip }, async () => {
  const train = await place.images("flat/train", 4, FLAT);
  const testing = await place.images("flat/test", 2, FLAT);
  const order = place.order(
    "mae2d",
    configuration({
      ndim: "2D",
      task: "masking",
      train,
      test: testing,
      model: SMALL_MAE,
      patch: "(32,32,1)",
    }),
  );
  const run = await place.train(order);
  await agreesWithLogs(run, order, 2);
  const [start] = await run.of("start");
  assert.equal(start.architecture, "mae");
  assert.match(start.device, /CPU/);
  const summary = readFileSync(run.live?.files.log ?? "", "utf8");
  assert.equal(start.parameters, Number(/Total params: ([\d,]+)/.exec(summary)?.[1].replaceAll(",", "")));
});

test("crappify by U-Net in 2D, with a sample after every epoch and the test's metrics", {
  skip,
}, async () => {
  const train = await place.images("worse/train", 4, FLAT);
  const testing = await place.images("worse/test", 2, FLAT);
  const order = place.order(
    "unet2d",
    configuration({
      ndim: "2D",
      task: "crappify",
      train,
      test: testing,
      model: SMALL_UNET,
      patch: "(16,16,1)",
    }),
  );
  const run = await place.train(order);
  await agreesWithLogs(run, order, 2);
  const samples = (await run.of("image")).filter(({ kind }) => kind === "mae-check");
  assert.deepEqual(
    samples.map(({ epoch }) => epoch),
    [1, 2],
  );
  for (const { files } of samples)
    assert.ok(files.masked !== undefined && existsSync(files.prediction ?? ""));
  const tests = await run.of("test");
  const printed = readFileSync(run.live?.files.log ?? "", "utf8");
  const [all] = tests.filter(({ image }) => image === undefined);
  assert.equal(all.metrics.psnr, Number(/Test PSNR \(merge patches\): (\S+)/.exec(printed)?.[1]));
  const each = tests.filter(({ image }) => image !== undefined).map(({ metrics }) => metrics.psnr);
  assert.equal(each.length, 2);
  assert.ok(Math.abs((each[0] + each[1]) / 2 - all.metrics.psnr) < 1e-4);
});

test("MAE masking in 3D", { skip }, async () => {
  const train = await place.images("deep/train", 4, DEEP);
  const testing = await place.images("deep/test", 1, DEEP);
  const order = place.order(
    "mae3d",
    configuration({
      ndim: "3D",
      task: "masking",
      train,
      test: testing,
      model: SMALL_MAE,
      patch: "(16,16,16,1)",
    }),
  );
  await agreesWithLogs(await place.train(order), order, 1);
});

test("crappify by U-Net in 3D", { skip }, async () => {
  const train = await place.images("deepworse/train", 4, DEEP);
  const testing = await place.images("deepworse/test", 1, DEEP);
  const order = place.order(
    "unet3d",
    configuration({
      ndim: "3D",
      task: "crappify",
      train,
      test: testing,
      model: SMALL_UNET,
      patch: "(16,16,16,1)",
    }),
  );
  await agreesWithLogs(await place.train(order), order, 1);
});

test("two processes of torch.distributed.run train together on the CPU, by gloo", { skip }, async () => {
  // BiaPy itself refuses distributed training without CUDA; this stands in for its command and lets it.
  const scripts = join(place.folder, "scripts");
  mkdirSync(scripts, { recursive: true });
  writeFileSync(join(scripts, "biapy"), readFileSync(join(import.meta.dirname, "distributed-on-cpu.py")));
  const train = await place.images("both/train", 4, FLAT);
  const testing = await place.images("both/test", 1, FLAT);
  const order = place.order(
    "both",
    configuration({
      ndim: "2D",
      task: "masking",
      train,
      test: testing,
      model: SMALL_MAE,
      patch: "(32,32,1)",
    }),
    { gpu: "0,1" },
  );
  const program = pythonCommand({ python, scripts }, order);
  assert.equal(program.args[2], "torch.distributed.run");
  const run = await place.train(order, { ...program, cwd: place.folder, output: "biapy" });
  const [end] = await run.of("end");
  assert.equal(end.status, "finished", end.message);
  const [start] = await run.of("start");
  assert.match(start.device, /2 processes/);
  // Twelve patches, four at a time, on two processes.
  assert.equal(start.stepsPerEpoch, 2);
  assert.equal((await run.of("epoch")).length, 2);
});

test("BiaPy's refusal of a configuration is told in its words, with the key", { skip }, async () => {
  const train = await place.images("refused/train", 1, FLAT);
  const text = configuration({
    ndim: "2D",
    task: "crappify",
    train,
    test: train,
    model: SMALL_UNET.replace("[4, 8, 16]", "[4, 8]"),
    patch: "(16,16,1)",
  });
  const run = await place.train(place.order("refused", text));
  const [{ problems }] = await run.of("problems");
  assert.equal(problems[0].key, "MODEL.FEATURE_MAPS");
  const [end] = await run.of("end");
  assert.equal(end.status, "failed");
  assert.match(end.message ?? "", /needs to have at least 3 values/);
});

test("BiaPy takes the long arguments only, in spite of its documentation of the container", { skip }, () => {
  const short = ["-cfg", "a.yaml", "-rdir", ".", "-name", "a", "-rid", "1", "-gpu", ""];
  const refused = () =>
    execFileSync(python, ["-c", "import biapy; biapy.main()", ...short], { stdio: "pipe" });
  assert.throws(refused, /the following arguments are required: --config, --result_dir/);
});
