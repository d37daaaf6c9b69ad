/** Following a run from its first event on, while it goes on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { followRun } from "../../src/extension/training/follow-run.ts";
import type { RunEvent } from "../../src/facts/run-events.ts";

const log = (time: number): RunEvent => ({ time, event: "log", level: "info", message: `event ${time}` });
const end: RunEvent = { time: 4, event: "end", status: "finished", runDirectory: "results" };

/** A run whose past is read when the test says so. */
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

test("events that come while the past is read are told after it, each once: the end too", async () => {
  const run = slowRun();
  const told: RunEvent[] = [];
  const following = followRun(run.source, "a", (event) => told.push(event));
  run.receive("a", log(2));
  run.receive("b", log(3));
  run.receive("a", log(3), end);
  run.read(log(1), log(2));
  await following.told;
  assert.deepEqual(told, [log(1), log(2), log(3), end]);
});

test("events go on to be told until it is stopped", async () => {
  const run = slowRun();
  const told: RunEvent[] = [];
  const following = followRun(run.source, "a", (event) => told.push(event));
  run.read(log(1));
  await following.told;
  run.receive("a", log(2));
  following.stop();
  run.receive("a", log(3));
  assert.deepEqual(told, [log(1), log(2)]);
});
