/** A run's state on disk: starting, resuming and testing from it, also when it is damaged. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { CheckpointError } from "../../src/checkpoint/checkpoint-error.ts";
import { type ResultTree, resultTree } from "../../src/facts/result-tree.ts";
import type { NewRunEvent } from "../../src/facts/run-events.ts";
import { readRunState } from "../../src/facts/run-state.ts";
import { runsOf } from "../../src/results/run-folders.ts";
import { readTrainLog, trainLogPath } from "../../src/results/train-log.ts";
import { DivergedError } from "../../src/training/diverged-error.ts";
import { InputError } from "../../src/workflow/input-error.ts";
import { epochsOf, type RunOptions, run as runOrThrow } from "../support/in-process.ts";
import { messagesOf } from "../support/run-events.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { tinyConfig, writeImages } from "../support/tiny-configuration.ts";

const folder = temporaryFolder();

interface Attempt extends Pick<RunOptions, "resume" | "normalizePixels" | "precision"> {
  readonly run: number;
  /** Requests a stop at the first event for which it is true. */
  readonly stopAt?: (event: NewRunEvent) => boolean;
  readonly watch?: (event: NewRunEvent) => void;
}

/** Runs a configuration. The result of a run that throws has the error instead of a status. */
async function run(text: string, { run: number, stopAt, watch, ...options }: Attempt) {
  const events: NewRunEvent[] = [];
  const ended = await runOrThrow(folder, number, text, {
    ...options,
    watch: (event, stopping) => {
      events.push(event);
      watch?.(event);
      if (stopAt?.(event)) stopping.abort();
    },
  }).then(
    ({ status }) => ({ status, error: undefined }),
    (error: unknown) => ({ status: undefined, error }),
  );
  const tree = resultTree(folder, "job", number);
  return { ...ended, events, epochs: epochsOf({ events }), messages: messagesOf(events), tree };
}

const images = await writeImages(join(folder, "images"), 4);

let next = 1;
const newRun = () => ({ run: next++ });

async function stateOf(tree: ResultTree) {
  const state = await readRunState(tree);
  assert.ok(state !== undefined);
  const { status, epoch, step, trained, training } = state;
  return { status, epoch, step, trained, training };
}

async function logOf(tree: ResultTree) {
  return (await readTrainLog(trainLogPath(tree))).map((row) => ({ ...row, seconds: 0 }));
}

const isStepOf = (epoch: number) => (event: NewRunEvent) => event.event === "step" && event.epoch === epoch;

const problemKeys = (error: unknown) => {
  assert.ok(error instanceof InputError, String(error));
  return error.problems.map(({ key, message }) => key ?? message);
};

test("the state follows a run: training, stopped, training, finished", async () => {
  const own = newRun();
  const { stateFile } = resultTree(folder, "job", own.run);
  const text = tinyConfig(images, { epochs: 3, test: true });
  const during: string[] = [];
  const stopped = await run(text, {
    ...own,
    watch: ({ event }) => {
      if (event === "checkpoint") during.push(readFileSync(stateFile, "utf8"));
    },
    stopAt: (event) => event.event === "step" && event.epoch === 2 && event.step === 2,
  });
  assert.equal(stopped.status, "stopped");
  const first = await stateOf(stopped.tree);
  assert.deepEqual(
    { ...first, training: 0 },
    { status: "stopped", epoch: 1, step: 2, trained: false, training: 0 },
  );
  assert.ok(during.length > 0 && during.every((text) => text.includes('"status": "training"')));
  const resumed = await run(text, { ...own, resume: true });
  assert.equal(resumed.status, "finished");
  assert.deepEqual(await stateOf(resumed.tree), {
    ...first,
    status: "finished",
    epoch: 3,
    step: 0,
    trained: true,
  });
  const whole = await run(text, newRun());
  assert.deepEqual(await logOf(resumed.tree), await logOf(whole.tree));
  const [listed] = (await runsOf(whole.tree.jobDirectory)).filter(({ tree }) => tree.runId === own.run);
  assert.equal(listed.status, "finished");
});

test("more epochs continue the training; with as many, a resumed run only tests", async () => {
  const own = newRun();
  await run(tinyConfig(images, { epochs: 2 }), own);
  const again = await run(tinyConfig(images, { epochs: 2, test: true }), { ...own, resume: true });
  assert.equal(again.status, "finished");
  assert.equal(again.epochs.length, 0);
  assert.ok(
    again.messages.includes("Nothing is left to train: all 2 epochs are done."),
    String(again.messages),
  );
  assert.ok(again.events.some(({ event }) => event === "test"));
  const longer = await run(tinyConfig(images, { epochs: 4 }), { ...own, resume: true });
  assert.deepEqual(
    longer.epochs.map(({ epoch }) => epoch),
    [3, 4],
  );
  const whole = await run(tinyConfig(images, { epochs: 4 }), newRun());
  assert.deepEqual(await logOf(longer.tree), await logOf(whole.tree));
});

test("a training tests with the weights of its best epoch, in memory or read back, as a resumed run does", async () => {
  const measured = ({ events }: { readonly events: readonly NewRunEvent[] }) =>
    events.flatMap((event) => (event.event === "test" ? [[event.image, event.metrics]] : []));
  for (const [rate, lastIsBest] of [
    ["1.E-2", true],
    ["1.E-1", false],
  ] as const) {
    const own = newRun();
    const text = tinyConfig(images, { epochs: 4, test: true }).replace("1.E-2", rate);
    const trained = await run(text, own);
    assert.equal(existsSync(trained.tree.lastCheckpoint), !lastIsBest);
    assert.ok(measured(trained).length > 0);
    assert.deepEqual(measured(await run(text, { ...own, resume: true })), measured(trained));
  }
});

test("a training that ended early continues with a larger patience", async () => {
  const own = newRun();
  // Nothing is learned at a learning rate of 0, so nothing improves after the first epoch.
  const text = (patience: number) =>
    tinyConfig(images, { epochs: 9, train: `PATIENCE: ${patience}` }).replace("1.E-2", "0.0");
  const ended = await run(text(2), own);
  assert.equal(ended.status, "finished");
  assert.equal(ended.epochs.length, 3);
  assert.ok(existsSync(ended.tree.lastCheckpoint));
  const longer = await run(text(4), { ...own, resume: true });
  assert.deepEqual(
    longer.epochs.map(({ epoch }) => epoch),
    [4, 5],
  );
});

test("another network, loss or other images are refused with the keys, and nothing is changed", async () => {
  const own = newRun();
  const text = tinyConfig(images, { epochs: 2 });
  const { tree } = await run(text, own);
  const before = readFileSync(tree.stateFile, "utf8");
  const resume = { ...own, resume: true };
  const wider = await run(text.replace("VIT_EMBED_DIM: 12", "VIT_EMBED_DIM: 24"), resume);
  assert.deepEqual(problemKeys(wider.error), ["MODEL.VIT_EMBED_DIM"]);
  const other = await run(
    text.replace("SPLIT_TRAIN: 0.25", "SPLIT_TRAIN: 0.5").replace("ADAMW", "SGD"),
    resume,
  );
  assert.deepEqual(problemKeys(other.error).sort(), ["DATA.VAL.SPLIT_TRAIN", "TRAIN.OPTIMIZER"]);
  const more = await writeImages(join(folder, "more"), 5);
  assert.deepEqual(problemKeys((await run(tinyConfig(more, { epochs: 2 }), resume)).error), [
    "DATA.TRAIN.PATH",
  ]);
  const pixels = await run(text, { ...resume, normalizePixels: true });
  assert.match(problemKeys(pixels.error)[0], /--norm_pix_loss/);
  assert.equal(readFileSync(tree.stateFile, "utf8"), before);
  // Images may move between two parts of a training, and a batch may become smaller.
  const moved = await writeImages(join(folder, "moved"), 4);
  const gone = await run(tinyConfig(moved, { epochs: 3, batch: 1 }), resume);
  assert.equal(gone.status, "finished", String(gone.error));
});

test("a fresh start keeps the results of one earlier run, which a run without checkpoints does not replace", async () => {
  const own = newRun();
  const text = tinyConfig(images, { epochs: 2 });
  const first = await run(text, own);
  const { training } = await stateOf(first.tree);
  const weights = readFileSync(first.tree.bestCheckpoint);
  const second = await run(text.replace("1.E-2", "1.E-3"), own);
  const { earlier } = second.tree;
  assert.ok(second.messages.some((message) => message.includes(earlier)));
  assert.ok(readFileSync(join(earlier, `job_${own.run}-checkpoint-best.pth`)).equals(weights));
  assert.ok(existsSync(join(earlier, "results/train_logs")));
  assert.notEqual((await stateOf(second.tree)).training, training);
  // Without its checkpoints, the third run has nothing worth keeping.
  const third = await run(tinyConfig(images, { epochs: 2 }), own);
  const kept = readFileSync(join(earlier, `job_${own.run}-checkpoint-best.pth`));
  rmSync(third.tree.checkpoints, { recursive: true });
  await run(text, own);
  assert.ok(readFileSync(join(earlier, `job_${own.run}-checkpoint-best.pth`)).equals(kept));
});

test("a fresh start from its own earlier checkpoint reads it first", async () => {
  const own = newRun();
  const text = tinyConfig(images, { epochs: 3 });
  const first = await run(text, own);
  const again = await run(tinyConfig(images, { epochs: 1, model: "LOAD_CHECKPOINT: True" }), own);
  assert.equal(again.status, "finished", String(again.error));
  const losses = [first, again].map(({ epochs }) => epochs.at(-1)?.validation?.loss ?? Number.NaN);
  assert.ok(losses[1] < (first.epochs[0].validation?.loss ?? 0), String(losses));
  // What cannot be read leaves everything as it is.
  const { bestCheckpoint, stateFile, runDirectory } = again.tree;
  writeFileSync(bestCheckpoint, "no checkpoint");
  const before = readFileSync(stateFile, "utf8");
  const broken = await run(tinyConfig(images, { epochs: 1, model: "LOAD_CHECKPOINT: True" }), own);
  assert.ok(broken.error instanceof CheckpointError);
  assert.equal(readFileSync(stateFile, "utf8"), before);
  assert.ok(existsSync(runDirectory));
});

test("nothing to resume from starts from the beginning and says so", async () => {
  const never = await run(tinyConfig(images, { epochs: 1 }), { ...newRun(), resume: true });
  assert.equal(never.status, "finished");
  assert.ok(never.messages.some((message) => /has no checkpoint to resume from/.test(message)));
});

test("a new run that was killed while it replaced an old one is neither listed nor resumed as the old one", async () => {
  const own = newRun();
  const text = tinyConfig(images, { epochs: 2 });
  const { tree } = await run(text, own);
  // As a kill leaves it between naming the new training and moving the old one's files.
  const state = JSON.parse(readFileSync(tree.stateFile, "utf8"));
  const begun = {
    training: "00000000000000ff",
    status: "training",
    epoch: 0,
    step: 0,
    trained: false,
    settingAside: true,
  };
  writeFileSync(tree.stateFile, JSON.stringify({ ...state, best: undefined, ...begun }));
  const [listed] = (await runsOf(tree.jobDirectory)).filter(({ tree: { runId } }) => runId === own.run);
  assert.equal(listed.status, "interrupted");
  const tested = await run(text.replace("TRAIN: {ENABLE: True", "TRAIN: {ENABLE: False"), own);
  assert.match(problemKeys(tested.error)[0], /TRAIN.ENABLE|of an earlier training/);
  const resumed = await run(text, { ...own, resume: true });
  assert.equal(resumed.epochs.length, 2);
  assert.ok(resumed.messages.some((message) => /has no checkpoint to resume from/.test(message)));
  assert.ok(existsSync(join(tree.earlier, `job_${own.run}-checkpoint-best.pth`)));
});

test("a damaged last checkpoint is reported, and the best one is resumed from", async () => {
  const own = newRun();
  const text = tinyConfig(images, { epochs: 3 });
  const { tree } = await run(text, {
    ...own,
    stopAt: isStepOf(3),
  });
  const bytes = readFileSync(tree.lastCheckpoint);
  const values = bytes.lastIndexOf("archive/data/1", bytes.length - 4096);
  bytes.fill(0x55, values - 512, values - 256);
  writeFileSync(tree.lastCheckpoint, bytes);
  const resumed = await run(text, { ...own, resume: true });
  assert.equal(resumed.status, "finished", String(resumed.error));
  assert.ok(resumed.messages.some((message) => message.includes("-last.pth") && message.includes("damaged")));
  const whole = await run(text, newRun());
  assert.deepEqual(await logOf(tree), await logOf(whole.tree));
});

test("after a power loss that emptied the last checkpoint the best one is resumed from; with both empty the error says what to do", async () => {
  const own = newRun();
  const text = tinyConfig(images, { epochs: 3 });
  const { tree } = await run(text, {
    ...own,
    stopAt: isStepOf(3),
  });
  writeFileSync(tree.lastCheckpoint, "");
  const resumed = await run(text, {
    ...own,
    resume: true,
    stopAt: isStepOf(3),
  });
  assert.equal(resumed.status, "stopped", String(resumed.error));
  assert.ok(resumed.messages.some((message) => message.includes("-last.pth")));
  for (const path of [tree.lastCheckpoint, tree.bestCheckpoint]) writeFileSync(path, "");
  const { error } = await run(text, { ...own, resume: true });
  assert.ok(error instanceof Error && error.message.includes(tree.lastCheckpoint), String(error));
  assert.match(error.message, /without --resume/);
  assert.equal((await run(text, own)).status, "finished");
});

test("a damaged state is named when the run is resumed, listed as damaged, and replaced by a fresh start", async () => {
  const own = newRun();
  const text = tinyConfig(images, { epochs: 1 });
  const { tree } = await run(text, own);
  for (const damage of ["", "null", "{}", "[1]", '{"format":1,"training":"../x"}', "x".repeat(100_000)]) {
    writeFileSync(tree.stateFile, damage);
    const { error } = await run(text, { ...own, resume: true });
    assert.ok(error instanceof InputError && error.message.includes(tree.stateFile), String(error));
    const [listed] = (await runsOf(tree.jobDirectory)).filter(({ tree: { runId } }) => runId === own.run);
    assert.ok(listed.status === "damaged" && listed.message?.includes(tree.stateFile));
  }
  assert.equal((await run(text, own)).status, "finished");
});

test("a stop takes effect with one step an epoch, at a checkpoint, in previews and in tests", async () => {
  const text = tinyConfig(images, { epochs: 3, batch: 16, test: true });
  const whole = await run(text, newRun());
  const moments: ((event: { event: string; kind?: string }) => boolean)[] = [
    ({ event }) => event === "step",
    ({ event, kind }) => event === "checkpoint" && kind === "best",
    ({ event, kind }) => event === "image" && kind === "mae-check",
    ({ event, kind }) => event === "image" && kind === "prediction",
  ];
  for (const [index, stopAt] of moments.entries()) {
    const own = newRun();
    const stopped = await run(text, { ...own, stopAt });
    assert.equal(stopped.status, "stopped", `moment ${index}`);
    assert.equal((await stateOf(stopped.tree)).status, "stopped");
    const resumed = await run(text, { ...own, resume: true });
    assert.equal(resumed.status, "finished", String(resumed.error));
    assert.deepEqual(await logOf(resumed.tree), await logOf(whole.tree), `moment ${index}`);
  }
});

test("previews that cannot be written give one warning; a log that cannot be written ends the run", async () => {
  const own = newRun();
  const block = (part: "charts" | "previews" | "tensorboard" | "trainLogs") => ({
    ...own,
    watch: ({ event }: { event: string }) => {
      if (event !== "start") return;
      mkdirSync(tree.runDirectory, { recursive: true });
      writeFileSync(tree[part], "a file where a folder is to be made");
    },
  });
  const { tree } = await run(tinyConfig(images, { epochs: 1 }), own);
  for (const part of ["charts", "previews", "tensorboard"] as const) {
    const { status, messages, error } = await run(tinyConfig(images, { epochs: 3 }), block(part));
    assert.equal(status, "finished", String(error));
    assert.equal(
      messages.filter((message) => /could not be written, which changes nothing else/.test(message)).length,
      1,
    );
  }
  const { error } = await run(tinyConfig(images, { epochs: 2 }), block("trainLogs"));
  assert.ok(error instanceof Error && error.message.includes("train_logs"), String(error));
  const state = await readRunState(tree);
  assert.equal(state?.status, "failed");
  assert.equal(state?.message, error.message);
});

test("a checkpoint that fails while training goes on ends the run, at the next one or at its end", async () => {
  for (const epochs of [1, 3]) {
    const own = newRun();
    const { bestCheckpoint, checkpoints } = resultTree(folder, "job", own.run);
    const {
      error,
      epochs: done,
      tree,
    } = await run(tinyConfig(images, { epochs }), {
      ...own,
      watch: ({ event }) => {
        // No file can be renamed to a folder: the checkpoint is written, but never gets its name.
        if (event === "start") mkdirSync(join(bestCheckpoint, "in the way"), { recursive: true });
      },
    });
    assert.ok(error instanceof Error && error.message.includes(bestCheckpoint), String(error));
    assert.equal(done.length, 1);
    const { status, epoch, trained } = await stateOf(tree);
    assert.deepEqual([status, epoch, trained], ["failed", 0, false]);
    assert.ok(!readdirSync(checkpoints).some((name) => name.endsWith(".tmp")));
  }
});

test("a loss that is not finite ends the run with advice, and the checkpoints before stay", async () => {
  const own = newRun();
  const text = tinyConfig(images, { epochs: 4 });
  const healthy = await run(text.replace("EPOCHS: 4", "EPOCHS: 1"), own);
  const best = readFileSync(healthy.tree.bestCheckpoint);
  // Far too high a rate, with SGD's plain steps.
  const wild = text.replace("ADAMW", "SGD").replace("1.E-2", "1.E+30");
  const diverged = await run(wild, newRun());
  assert.ok(diverged.error instanceof DivergedError, String(diverged.error));
  assert.match(diverged.error.message, /epoch \d+, step \d+.*TRAIN.LR.*TRAIN.GRADIENT_CLIP_NORM/);
  assert.ok(!diverged.error.message.includes("half-storage"), diverged.error.message);
  const rounded = await run(wild, { ...newRun(), precision: "half-storage" });
  assert.ok(rounded.error instanceof DivergedError, String(rounded.error));
  assert.match(rounded.error.message, /above 65504 infinite.*without --precision half-storage/);
  const state = await readRunState(diverged.tree);
  assert.equal(state?.status, "failed");
  assert.equal(state?.best, undefined);
  const later = await run(text.replace("1.E-2", "1.E+30"), { ...own, resume: true });
  assert.ok(later.error instanceof DivergedError, String(later.error));
  assert.ok(later.error.message.includes("The last good checkpoint is"), later.error.message);
  assert.ok(readFileSync(healthy.tree.bestCheckpoint).equals(best));
  const mended = await run(text, { ...own, resume: true });
  assert.equal(mended.status, "finished", String(mended.error));
});

test("a blank image has no PSNR: the metric is absent where it is not finite, and the others are averaged", async () => {
  const blank = await writeImages(join(folder, "blank"), 4, (image, at) => (image < 3 ? 7 : at % 32));
  const { status, events, error } = await run(tinyConfig(blank, { epochs: 2, test: true }), newRun());
  assert.equal(status, "finished", String(error));
  const metrics = events.flatMap((event) => {
    if (event.event === "step" || event.event === "test") return [event.metrics];
    return event.event === "epoch" ? [event.train, event.validation ?? {}] : [];
  });
  assert.ok(metrics.length > 8);
  for (const values of metrics)
    for (const [name, value] of Object.entries(values)) assert.ok(Number.isFinite(value), `${name} ${value}`);
  assert.ok(metrics.some((values) => !("psnr" in values)));
});

test("the log of a resumed run keeps its rows up to the checkpoint, once each", async () => {
  const own = newRun();
  const text = tinyConfig(images, { epochs: 2 });
  const { tree } = await run(text, { ...own, stopAt: ({ event }) => event === "epoch" });
  const log = trainLogPath(tree);
  const [row] = readFileSync(log, "utf8").split("\n");
  // Rows of epochs that are to be trained again, a row twice, and one that was cut off.
  writeFileSync(log, `${row}\n${row.replace('"epoch":1', '"epoch":2')}\n${row}\n{"epoch": 3, "tr`);
  const resumed = await run(text, { ...own, resume: true });
  assert.equal(resumed.status, "finished", String(resumed.error));
  assert.deepEqual(
    readFileSync(log, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).epoch),
    [1, 2],
  );
});
