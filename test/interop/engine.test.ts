/** Real BiaPy trains through the extension's engine, and the panel's events agree with what BiaPy logged. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pythonCommand } from "../../src/engines/biapy-command.ts";
import { trainingLogs } from "../../src/engines/biapy-files.ts";
import type { Dimensions } from "../../src/facts/architectures.ts";
import type { RunOrder } from "../../src/runs/record.ts";
import { smallModel } from "../support/small-networks.ts";
import { configuration, type FollowedRun, type Shape, Workplace } from "./engine-run.ts";
import { python, skip } from "./python.ts";

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
  assert.equal(steps.length, losses.length, "every step is reported once");
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

const SHAPES: Readonly<Record<Dimensions, Shape>> = { "2D": [1, 64, 64], "3D": [16, 32, 32] };

interface Training {
  readonly ndim: Dimensions;
  readonly task: "masking" | "crappify";
  readonly patch: string;
  /** Number of test images. */
  readonly tests: number;
  /** Keys of MODEL to override. */
  readonly model?: Readonly<Record<string, string>>;
}

/** Writes images and a configuration. Returns the order of a run that trains on them. */
async function orderOf(
  name: string,
  { ndim, task, patch, tests, model }: Training,
  changes?: Partial<RunOrder>,
): Promise<RunOrder> {
  const train = await place.images(`${name}/train`, 4, SHAPES[ndim]);
  const testing = await place.images(`${name}/test`, tests, SHAPES[ndim]);
  const network = smallModel(task === "masking" ? "mae" : "unet", ndim, model);
  const parts = { ndim, task, train, test: testing, model: network, patch };
  return place.order(name, configuration(parts), changes);
}

test("MAE masking in 2D", { skip }, async () => {
  const order = await orderOf("mae2d", { ndim: "2D", task: "masking", patch: "(32,32,1)", tests: 2 });
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
  const order = await orderOf("unet2d", { ndim: "2D", task: "crappify", patch: "(16,16,1)", tests: 2 });
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
  const order = await orderOf("mae3d", { ndim: "3D", task: "masking", patch: "(16,16,16,1)", tests: 1 });
  await agreesWithLogs(await place.train(order), order, 1);
});

test("crappify by U-Net in 3D", { skip }, async () => {
  const order = await orderOf("unet3d", { ndim: "3D", task: "crappify", patch: "(16,16,16,1)", tests: 1 });
  await agreesWithLogs(await place.train(order), order, 1);
});

test("two processes of torch.distributed.run train together on the CPU, by gloo", { skip }, async () => {
  // BiaPy itself refuses distributed training without CUDA; this stands in for its command and lets it.
  const scripts = join(place.folder, "scripts");
  mkdirSync(scripts, { recursive: true });
  writeFileSync(join(scripts, "biapy"), readFileSync(join(import.meta.dirname, "distributed-on-cpu.py")));
  const training = { ndim: "2D", task: "masking", patch: "(32,32,1)", tests: 1 } as const;
  const order = await orderOf("both", training, { gpu: "0,1" });
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

test("BiaPy's refusal of a configuration is reported in its words, with the key", { skip }, async () => {
  const model = { FEATURE_MAPS: "[4, 8]" };
  const order = await orderOf("refused", {
    ndim: "2D",
    task: "crappify",
    patch: "(16,16,1)",
    tests: 1,
    model,
  });
  const run = await place.train(order);
  const [{ problems }] = await run.of("problems");
  assert.equal(problems[0].key, "MODEL.FEATURE_MAPS");
  const [end] = await run.of("end");
  assert.equal(end.status, "failed");
  assert.match(end.message ?? "", /needs to have at least 3 values/);
});

test("BiaPy takes the long arguments only, although the documentation of its container has short ones", {
  skip,
}, () => {
  const short = ["-cfg", "a.yaml", "-rdir", ".", "-name", "a", "-rid", "1", "-gpu", ""];
  const refused = () =>
    execFileSync(python, ["-c", "import biapy; biapy.main()", ...short], { stdio: "pipe" });
  assert.throws(refused, /the following arguments are required: --config, --result_dir/);
});
