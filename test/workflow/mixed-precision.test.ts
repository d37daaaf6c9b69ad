import assert from "node:assert/strict";
import { test } from "node:test";
import { loadBiapyCheckpoint } from "../../src/checkpoint/biapy-checkpoint.ts";
import { biapy, samples, workspace } from "../support/command.ts";
import { smallRun } from "../support/mixed-run.ts";
import { messagesOf } from "../support/run-events.ts";

test("a run in mixed precision resumes in it, whatever precision is requested, with the results of one that was not stopped", async () => {
  const whole = await smallRun("whole", { precision: "mixed" });
  assert.deepEqual([whole.status, whole.device], ["finished", "CPU, mixed precision"]);
  const stopped = await smallRun("halved", { precision: "mixed", stopAt: 2 });
  assert.equal(stopped.status, "stopped");
  const resumed = await smallRun("halved", { precision: "single", resume: true });
  assert.deepEqual([resumed.status, resumed.device], ["finished", "CPU, mixed precision"]);
  assert.match(
    messagesOf(resumed.events).join("\n"),
    /continues with --precision mixed, with which it began/,
  );
  const last = ({ epochs }: typeof whole) => ({ ...epochs.at(-1)?.train, ...epochs.at(-1)?.validation });
  assert.deepEqual(last(resumed), last(whole));
  const checkpoint = await loadBiapyCheckpoint(whole.tree.bestCheckpoint);
  for (const [name, tensor] of checkpoint.weights) {
    assert.equal(tensor.dtype, "float32", name);
    assert.ok((await tensor.read()).every((value) => Number.isFinite(Number(value))));
  }
  await checkpoint.close();
});

test("a run in single precision stays in it, and ends near one in mixed", async () => {
  const stopped = await smallRun("single", { stopAt: 2 });
  assert.equal(stopped.device, "CPU");
  const single = await smallRun("single", { precision: "mixed", resume: true });
  assert.deepEqual([single.status, single.device], ["finished", "CPU"]);
  const mixed = await smallRun("other", { precision: "mixed" });
  const [one, other] = [single, mixed].map(({ epochs }) => epochs.at(-1)?.validation?.loss ?? 0);
  assert.ok(one > 0 && Math.abs(other / one - 1) < 0.03, `${other} in mixed precision, ${one} in single`);
});

test("--precision mixed on the CPU is refused before training", async () => {
  const { arguments: args } = await workspace(`
PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: 2D}
DATA: {PATCH_SIZE: "(64,64,1)", TRAIN: {PATH: ${JSON.stringify(samples("2d/train"))}}, VAL: {SPLIT_TRAIN: 0.2}}
MODEL: {ARCHITECTURE: mae}
TRAIN: {ENABLE: True, EPOCHS: 1}
`);
  const { code, events } = await biapy([...args(), "--gpu", "", "--precision", "mixed"]);
  assert.equal(code, 2);
  const [problem] = events.flatMap((event) => (event.event === "problems" ? event.problems : []));
  assert.match(problem.message, /--precision mixed: CPU.*gain nothing.*--gpu/);
  assert.ok(!events.some((event) => event.event === "start"));
});
