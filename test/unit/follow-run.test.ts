/** Following a run from its first event, while it continues. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { followRun } from "../../src/extension/training/follow-run.ts";
import type { RunEvent } from "../../src/facts/run-events.ts";

const log = (time: number): RunEvent => ({ time, event: "log", level: "info", message: `event ${time}` });
const end: RunEvent = { time: 4, event: "end", status: "finished", runDirectory: "results" };

/** A run whose earlier events are read when the test says so. */
function slowRun() {
  const listeners = new Set<(message: { run: string; events: readonly RunEvent[] }) => void>();
  let read: (events: readonly RunEvent[]) => void = () => {};
  return {
    source: {
      events: () => new Promise<readonly RunEvent[]>((resolve) => (read = resolve)),
      onDidReceiveEvents: (listener: (message: { run: string; events: readonly RunEvent[] }) => unknown) => {
        listeners.add(listener);
        return { dispose: () => void listeners.delete(listener) };
      },
    },
    receive: (run: string, ...events: RunEvent[]) => {
      for (const listener of listeners) listener({ run, events });
    },
    read: (...events: RunEvent[]) => read(events),
  };
}

test("events that arrive while the earlier ones are read follow them, each once, the end included", async () => {
  const run = slowRun();
  const passed: RunEvent[] = [];
  const following = followRun(run.source, "a", (event) => passed.push(event));
  run.receive("a", log(2));
  run.receive("b", log(3));
  run.receive("a", log(3), end);
  run.read(log(1), log(2));
  await following.told;
  assert.deepEqual(passed, [log(1), log(2), log(3), end]);
});

test("later events are passed on until the following is stopped", async () => {
  const run = slowRun();
  const passed: RunEvent[] = [];
  const following = followRun(run.source, "a", (event) => passed.push(event));
  run.read(log(1));
  await following.told;
  run.receive("a", log(2));
  following.stop();
  run.receive("a", log(3));
  assert.deepEqual(passed, [log(1), log(2)]);
});

test("nothing is passed on after a stop while the earlier events are read", async () => {
  const run = slowRun();
  const passed: RunEvent[] = [];
  const following = followRun(run.source, "a", (event) => passed.push(event));
  following.stop();
  run.read(log(1));
  await following.told;
  assert.deepEqual(passed, []);
});
