/** A recorded run of BiaPy 3.7.1 (U-Net, crappify, 2 epochs of 12 steps) read as run events while its files appear. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { BiapyOutput } from "../../src/engines/biapy-output.ts";
import type { NewRunEvent } from "../../src/facts/run-events.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const recorded = join(import.meta.dirname, "../fixtures/biapy-run");
const lines = readFileSync(join(recorded, "console.txt"), "utf8").split("\n");
const logRows = readFileSync(join(recorded, "training_log.json"), "utf8").trim().split("\n");

interface Replay {
  readonly folder: string;
  readonly events: NewRunEvent[];
}

/** Feeds the recorded lines. Writes each file before the line after which BiaPy had written it. */
function replay(from = lines, code: number | null = 0): Replay {
  const folder = temporaryFolder();
  const job = join(folder, "res/gt");
  const run = join(job, "results/gt_1");
  const put = (path: string, content: string | Buffer) => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  };
  const log = join(job, "logs/gt_1_log_2026_11_24_23_22_42_training_log.json");
  // An earlier run of the same number left its log.
  put(log.replace("2026_11_24", "2026_11_23"), logRows[1].replace('"epoch": 1', '"epoch": 0'));
  const output = new BiapyOutput({
    configFile: join(folder, "gt.yaml"),
    resultDirectory: join(folder, "res"),
    name: "gt",
    runId: 1,
    resume: false,
    gpu: "",
    workingDirectory: folder,
  });
  put(join(folder, "2d/test/im0.tif"), "clean");
  put(join(folder, "2d/test_ssl_source/im0.tif"), "worse");
  const events: NewRunEvent[] = [];
  let epochs = 0;
  let image = "";
  for (const line of from) {
    if (line.includes("[Time]")) {
      put(log, `${logRows.slice(0, ++epochs).join("\n")}\n`);
      put(
        join(run, "tensorboard/events.out.tfevents.1.host"),
        firstSteps(readFileSync(join(recorded, "events.tfevents")), epochs * 12),
      );
      put(join(run, `train_pred_samples/pred_epoch_000${epochs}/0.tif`), "prediction");
      put(join(run, "train_pred_samples/input/0.tif"), "input");
    }
    image = /Processing image: (\S+)/.exec(line)?.[1] ?? image;
    if (/Saving .* in folder: .*per_image$/.test(line)) put(join(run, "per_image", image), "restored");
    if (line.includes("FINISHED"))
      put(join(run, "test_results_metrics.csv"), readFileSync(join(recorded, "test_results_metrics.csv")));
    events.push(...output.line(line));
  }
  events.push(...(output.end(code) ?? []));
  return { folder, events };
}

/** Returns the bytes of an event file up to a number of steps, and half of the next frame: BiaPy is writing it. */
function firstSteps(bytes: Buffer, steps: number): Buffer {
  let losses = 0;
  for (let at = 0; at < bytes.length; at += Number(bytes.readBigUInt64LE(at)) + 16) {
    if (bytes.includes("loss/loss", at) && bytes.indexOf("loss/loss", at) < at + 60 && losses++ === steps)
      return bytes.subarray(0, at + 20);
  }
  return bytes;
}

const of = <K extends NewRunEvent["event"]>(events: readonly NewRunEvent[], kind: K) =>
  events.filter((event): event is Extract<NewRunEvent, { event: K }> => event.event === kind);

test("the start has the run's place, device, architecture, parameters and steps", () => {
  const { folder, events } = replay();
  const [start, ...more] = of(events, "start");
  assert.equal(more.length, 0);
  assert.deepEqual(
    { ...start, pid: 0 },
    {
      event: "start",
      name: "gt",
      runId: 1,
      pid: 0,
      jobDirectory: join(folder, "res/gt"),
      runDirectory: join(folder, "res/gt/results/gt_1"),
      configFile: join(folder, "gt.yaml"),
      engine: "biapy",
      device: "CPU",
      architecture: "unet",
      parameters: 7581,
      epochs: 2,
      stepsPerEpoch: 12,
      firstEpoch: 1,
    },
  );
});

test("every step is reported once, printed ones at once and the others with the loss of the TensorBoard file", () => {
  const { events } = replay();
  const steps = of(events, "step");
  for (const epoch of [1, 2]) {
    const numbers = steps.filter((step) => step.epoch === epoch).map(({ step }) => step);
    assert.deepEqual(
      [...numbers].sort((a, b) => a - b),
      Array.from({ length: 12 }, (_, index) => index + 1),
    );
    assert.deepEqual(numbers.slice(0, 3), [1, 11, 12], "printed ones come first");
  }
  const [first] = steps;
  assert.equal(first.metrics.loss, 1.1982);
  assert.equal(first.metrics.ssim, 0.0223);
  assert.equal(first.learningRate, 0.001);
  const second = steps.find(({ epoch, step }) => epoch === 1 && step === 2);
  assert.ok(second !== undefined && Math.abs(second.metrics.loss - 1.1575137376785278) < 1e-7);
  const last = steps.find(({ epoch, step }) => epoch === 2 && step === 10);
  assert.ok(last !== undefined && Math.abs(last.metrics.loss - 0.6309521794319153) < 1e-7);
});

test("epochs have the numbers of BiaPy's training log", () => {
  const { folder, events } = replay();
  const epochs = of(events, "epoch");
  assert.equal(epochs.length, 2);
  for (const [index, { epoch, train, validation, learningRate, best }] of epochs.entries()) {
    const row = JSON.parse(logRows[index]);
    assert.equal(epoch, index + 1);
    for (const name of ["loss", "MAE", "MSE", "SSIM", "PSNR"]) {
      assert.equal(train[name.toLowerCase()], row[`train_${name}`]);
      assert.equal(validation?.[name.toLowerCase()], row[`test_${name}`]);
    }
    assert.equal(learningRate, row.train_lr);
    assert.equal(Object.hasOwn(train, "lr"), false);
    assert.equal(best, true);
  }
  const [checkpoint] = of(events, "checkpoint");
  assert.equal(checkpoint.kind, "best");
  assert.equal(checkpoint.path, join(folder, "res/gt/checkpoints/gt_1-checkpoint-best.pth"));
});

test("images and test metrics are reported with their files", () => {
  const { folder, events } = replay();
  const previews = of(events, "image").filter(({ kind }) => kind === "mae-check");
  assert.deepEqual(
    previews.map(({ epoch, files }) => [epoch, files.masked, files.prediction]),
    [1, 2].map((epoch) => [
      epoch,
      join(folder, "res/gt/results/gt_1/train_pred_samples/input/0.tif"),
      join(folder, `res/gt/results/gt_1/train_pred_samples/pred_epoch_000${epoch}/0.tif`),
    ]),
  );
  const predictions = of(events, "image").filter(({ kind }) => kind === "prediction");
  assert.deepEqual(
    predictions.map(({ image, files }) => [image, files.prediction]),
    ["im0.tif", "im1.tif"].map((image) => [image, join(folder, "res/gt/results/gt_1/per_image", image)]),
  );
  const [first] = predictions;
  assert.equal(first.files.original, join(folder, "2d/test/im0.tif"));
  assert.equal(first.files.masked, join(folder, "2d/test_ssl_source/im0.tif"));
  const tests = of(events, "test");
  assert.deepEqual(
    tests.map(({ image, metrics }) => [image, metrics.psnr]),
    [
      ["im0.tif", 11.117281913757324],
      ["im1.tif", 12.117250442504883],
      [undefined, 11.617266178131104],
    ],
  );
  assert.deepEqual(
    of(events, "end").map(({ status }) => status),
    ["finished"],
  );
});

test("a refused configuration is a problem with its key, in BiaPy's words", () => {
  const traceback = [
    "Traceback (most recent call last):",
    '  File "biapy/engine/check_configuration.py", line 2727, in check_configuration',
    "    assert len(cfg.MODEL.FEATURE_MAPS) > 2",
    "AssertionError: 'MODEL.FEATURE_MAPS' needs to have at least 3 values",
  ];
  const { folder, events } = replay([...lines.slice(0, 8), ...traceback], 1);
  assert.deepEqual(of(events, "problems")[0].problems, [
    {
      severity: "error",
      key: "MODEL.FEATURE_MAPS",
      file: join(folder, "gt.yaml"),
      message: "BiaPy: 'MODEL.FEATURE_MAPS' needs to have at least 3 values",
    },
  ]);
  assert.equal(of(events, "end").length, 0);
});

test("of several processes that fail, the first error is the problem", () => {
  const failures = [
    "[rank1]: Traceback (most recent call last):",
    '[rank1]:   File "biapy/engine/train_engine.py", line 90, in train_one_epoch',
    "[rank1]: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",
    "[rank0]: Traceback (most recent call last):",
    "[rank0]: RuntimeError: Connection closed by peer",
  ];
  const { events } = replay([...lines.slice(0, 8), ...failures], 1);
  const [problem, ...more] = of(events, "problems").flatMap(({ problems }) => problems);
  assert.match(problem.message, /graphics card's memory is full/);
  assert.deepEqual(more, []);
});

test("another version of BiaPy is named as untested; a run that broke off has no end of its own", () => {
  const older = lines.slice(0, 400).map((line) => line.replace("BiaPy    : 3.7.1", "BiaPy    : 3.6.0"));
  const { events } = replay(older, 137);
  const [warning] = of(events, "log").filter(({ level }) => level === "warning");
  assert.match(warning.message, /3\.6\.0.*3\.7\.1/);
  assert.deepEqual(of(events, "end"), []);
});

test("a loss that is not a number breaks nothing", () => {
  const broken = lines.map((line) => line.replace("loss: 1.1982 (1.1982)", "loss: nan (nan)"));
  const [first] = of(replay(broken).events, "step");
  assert.equal(Object.hasOwn(first.metrics, "loss"), false);
  assert.equal(first.metrics.mae, 1.1982);
});

test("a run that is interrupted after it has finished is finished", () => {
  assert.deepEqual(
    of(replay(lines, null).events, "end").map(({ status }) => status),
    ["finished"],
  );
});
