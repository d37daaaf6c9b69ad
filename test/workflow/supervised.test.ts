/** The embedded engine as the editor runs it: under a supervisor, stopped by a message, resumed with its checkpoint. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { before, test } from "node:test";
import { embeddedEngine } from "../../src/extension/engines/embedded.ts";
import type { RunEvent } from "../../src/facts/run-events.ts";
import { LiveRun } from "../../src/runs/live-run.ts";
import type { RunOrder } from "../../src/runs/record.ts";
import { bundleProgram, startRun } from "../../src/runs/start-run.ts";
import { bundleProcess } from "../support/bundle.ts";
import { samples, TRAINER, type Workspace, workspace } from "./command.ts";

const CONFIGURATION = `
PROBLEM:
    TYPE: SELF_SUPERVISED
    NDIM: 2D
    SELF_SUPERVISED:
        PRETEXT_TASK: masking
DATA:
    PATCH_SIZE: (64,64,1)
    TRAIN:
        PATH: ${samples("2d/train")}
    VAL:
        SPLIT_TRAIN: 0.2
    TEST:
        PATH: ${samples("2d/test")}
MODEL:
    ARCHITECTURE: mae
    VIT_TOKEN_SIZE: 16
    VIT_EMBED_DIM: 32
    VIT_NUM_LAYERS: 1
    VIT_NUM_HEADS: 2
    MAE_DEC_HIDDEN_SIZE: 32
    MAE_DEC_NUM_LAYERS: 1
    MAE_DEC_NUM_HEADS: 2
TRAIN:
    ENABLE: True
    OPTIMIZER: ADAMW
    LR: 1.E-3
    BATCH_SIZE: 4
    EPOCHS: 4
    PATIENCE: 4
TEST:
    ENABLE: True
`;

const engine = embeddedEngine(TRAINER.at(-1) ?? "", () => "");
let place: Workspace;
let supervisor: string;

before(async () => {
  place = await workspace(CONFIGURATION);
  supervisor = join(place.folder, "supervisor.mjs");
  await bundleProcess("src/engines/supervisor.ts", supervisor);
});

/** Runs an order to its end; `watch` sees each event and can ask the run to stop. */
async function train(order: RunOrder, watch: (event: RunEvent, run: LiveRun) => void): Promise<LiveRun> {
  const command = await engine.command(order);
  const files = await startRun(
    {
      order,
      engine: engine.id,
      queue: join(place.folder, "queue"),
      command: { ...command, args: [...TRAINER.slice(0, -1), ...command.args] },
      stopSeconds: 60,
    },
    bundleProgram(supervisor),
  );
  return new Promise((done, fail) => {
    const listener = {
      changed: (run: LiveRun) => void (run.record.ended !== undefined && done(run)),
      received: (run: LiveRun, events: readonly RunEvent[]) => {
        for (const event of events) watch(event, run);
      },
    };
    LiveRun.open(files, listener, true).catch(fail);
  });
}

test("a run stops after its step when a window asks for it, and goes on to its end", {
  timeout: 180_000,
}, async () => {
  const order: RunOrder = {
    configFile: join(place.folder, "job.yaml"),
    resultDirectory: place.results,
    name: "job",
    runId: 1,
    resume: false,
    gpu: "",
    workingDirectory: dirname(resolve("package.json")),
  };
  const stopped = await train(order, (event, run) => {
    if (event.event === "step" && event.epoch === 2) run.request("stop");
  });
  assert.equal(stopped.status, "stopped");
  assert.equal(engine.canResume(order), true);
  const finished = await train({ ...order, resume: true }, () => {});
  assert.equal(finished.status, "finished");
  assert.equal(engine.canResume(order), false);
  const events = await finished.events();
  const ends = events.flatMap((event) => (event.event === "end" ? [event.status] : []));
  assert.deepEqual(ends, ["stopped", "finished"]);
  const epochs = events.flatMap((event) => (event.event === "epoch" ? [event.epoch] : []));
  assert.deepEqual(epochs, [1, 2, 3, 4]);
  stopped.close();
  finished.close();
});

test("bad input ends a run with its first problem in words", { timeout: 180_000 }, async () => {
  const configFile = join(place.folder, "wrong.yaml");
  await writeFile(configFile, CONFIGURATION.replace("VIT_TOKEN_SIZE: 16", "VIT_TOKEN_SIZE: 7"));
  const order: RunOrder = {
    configFile,
    resultDirectory: place.results,
    name: "wrong",
    runId: 1,
    resume: false,
    gpu: "",
    workingDirectory: place.folder,
  };
  const run = await train(order, () => {});
  assert.equal(run.status, "failed");
  assert.match(run.record.ended?.message ?? "", /VIT_TOKEN_SIZE|PATCH_SIZE/);
  run.close();
});
