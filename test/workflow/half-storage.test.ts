/** Runs that store values in half precision between the forward and the backward pass. */
import assert from "node:assert/strict";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { samples } from "../support/command.ts";
import { epochsOf, run, stopAtStep } from "../support/in-process.ts";
import { messagesOf } from "../support/run-events.ts";
import { tinyConfig } from "../support/tiny-configuration.ts";

test("a run with half storage resumes with it, with the results of one that was not stopped", async () => {
  const config = tinyConfig(samples("2d/train"), { patch: 128, batch: 16, epochs: 2 });
  const folder = await mkdtemp(join(tmpdir(), "half-storage-"));
  const device = ({ events }: Awaited<ReturnType<typeof run>>) =>
    events.find((event) => event.event === "start")?.device;
  const whole = await run(folder, 1, config, { precision: "half-storage" });
  assert.match(device(whole) ?? "", /^CPU.*, half storage$/);
  const stopped = await run(folder, 2, config, { precision: "half-storage", watch: stopAtStep(1) });
  assert.equal(stopped.status, "stopped");
  const resumed = await run(folder, 2, config, { resume: true, precision: "single" });
  assert.equal(resumed.status, "finished");
  assert.match(device(resumed) ?? "", /, half storage$/);
  assert.match(messagesOf(resumed.events).join("\n"), /continues with --precision half-storage/);
  const last = (each: typeof whole) => epochsOf(each).at(-1)?.validation;
  assert.deepEqual(last(resumed), last(whole));
});
