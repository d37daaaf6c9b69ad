/** The embedded engine as the editor runs it: under a supervisor, stopped by a message, resumed with its checkpoint. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { embeddedEngine } from "../../src/extension/engines/embedded.ts";
import type { RunEvent } from "../../src/facts/run-events.ts";
import { LiveRun } from "../../src/runs/live-run.ts";
import type { RunOrder } from "../../src/runs/record.ts";
import { bundleProgram, startRun } from "../../src/runs/start-run.ts";
import { bundleProcess } from "../support/bundle.ts";
import {
  biapy,
  problemsOf,
  type Result,
  samples,
  stop,
  TRAINER,
  type Workspace,
  workspace,
} from "../support/command.ts";

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
    PATIENCE: 10000
TEST:
    ENABLE: True
`;

const settings = { nodePath: "", runtime: "", precision: "single", partSize: 0 };
const engine = embeddedEngine(TRAINER.at(-1) ?? "", () => settings);
let place: Workspace;
let supervisor: string;

const orderOf = ({ folder, results }: Workspace, runId: number): RunOrder => ({
  configFile: join(folder, "job.yaml"),
  resultDirectory: results,
  name: "job",
  runId,
  resume: false,
  gpu: "",
  workingDirectory: process.cwd(),
});

before(async () => {
  place = await workspace(CONFIGURATION);
  supervisor = join(place.folder, "supervisor.mjs");
  await bundleProcess("src/engines/supervisor.ts", supervisor);
});

/** Runs an order until it has ended or its supervisor is gone; `watch` sees each event and can ask the run to stop. */
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
      changed: (run: LiveRun) =>
        void ((run.record.ended !== undefined || run.status === "interrupted") && done(run)),
      received: (run: LiveRun, events: readonly RunEvent[]) => {
        for (const event of events) watch(event, run);
      },
    };
    LiveRun.open(files, listener, true).catch(fail);
  });
}

test("a run stops after its step when a window requests it, and resumes to its end", {
  timeout: 180_000,
}, async () => {
  const order = orderOf(place, 1);
  const stopped = await train(order, (event, run) => {
    if (event.event === "step" && event.epoch === 2) run.request("stop");
  });
  assert.equal(stopped.status, "stopped");
  assert.equal(engine.canResume(order), true);
  const finished = await train({ ...order, resume: true }, () => {});
  assert.equal(finished.status, "finished");
  const events = await finished.events();
  const ends = events.flatMap((event) => (event.event === "end" ? [event.status] : []));
  assert.deepEqual(ends, ["stopped", "finished"]);
  const epochs = events.flatMap((event) => (event.event === "epoch" ? [event.epoch] : []));
  assert.deepEqual(epochs, [1, 2, 3, 4]);
  stopped.close();
  finished.close();
});

test("a run trains once at a time: a terminal is refused while an editor trains it, and the other way round", {
  timeout: 180_000,
}, async () => {
  // Both trainings last until they are stopped, however long the other one takes to start.
  const endless = await workspace(CONFIGURATION.replace("EPOCHS: 4", "EPOCHS: 10000"));
  const order = orderOf(endless, 2);
  let fromTerminal: Promise<Result> | undefined;
  const run = await train(order, (event, live) => {
    if (event.event !== "epoch" || fromTerminal !== undefined) return;
    fromTerminal = biapy(endless.arguments(2)).finally(() => live.request("stop"));
  });
  run.close();
  assert.ok(fromTerminal !== undefined);
  const refused = await fromTerminal;
  assert.equal(refused.code, 2);
  assert.match(problemsOf(refused)[0].message, /^job, run 2, is already running/);
  let fromEditor: Promise<LiveRun> | undefined;
  const trained = await biapy(endless.arguments(3), (event, child) => {
    if (event.event !== "epoch" || fromEditor !== undefined) return;
    fromEditor = train({ ...order, runId: 3 }, () => {});
    void fromEditor.catch(() => {}).finally(() => stop(child));
  });
  assert.notEqual(trained.code, 2);
  await assert.rejects(fromEditor ?? Promise.resolve(), /^StartError: job, run 3, is already running/);
  // A run from a terminal leaves no record that an editor would follow.
  assert.ok(!existsSync(join(endless.results, "job/.biapy-studio/job_3/run.json")));
});

test("a run whose supervisor is killed can be started again at once", {
  timeout: 180_000,
  skip: process.platform === "win32",
}, async () => {
  const order = orderOf(place, 4);
  const killed = await train(order, (event, { record }) => {
    if (event.event === "step" && event.epoch === 2 && record.supervisor !== undefined)
      process.kill(record.supervisor, "SIGKILL");
  });
  assert.equal(killed.status, "interrupted");
  killed.close();
  const finished = await train({ ...order, resume: true }, () => {});
  assert.equal(finished.status, "finished", finished.record.ended?.message);
  const events = await finished.events();
  const epochs = events.flatMap((event) => (event.event === "epoch" ? [event.epoch] : []));
  assert.deepEqual([...new Set(epochs)], [1, 2, 3, 4]);
  assert.ok(
    events.some((event) => event.event === "start" && event.firstEpoch > 1),
    "it resumed from its checkpoint",
  );
  finished.close();
});

test("bad input ends a run with its first problem", { timeout: 180_000 }, async () => {
  const configFile = join(place.folder, "wrong.yaml");
  await writeFile(configFile, CONFIGURATION.replace("VIT_TOKEN_SIZE: 16", "VIT_TOKEN_SIZE: 7"));
  const run = await train({ ...orderOf(place, 1), configFile, name: "wrong" }, () => {});
  assert.equal(run.status, "failed");
  assert.match(
    run.record.ended?.message ?? "",
    /DATA\.PATCH_SIZE: 64, 64 cannot be divided into tokens of 7/,
  );
  run.close();
});
