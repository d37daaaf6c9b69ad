import assert from "node:assert/strict";
import { test } from "node:test";
import { EventOutbox } from "../../src/extension/panel/event-outbox.ts";
import type { RunEvent } from "../../src/facts/run-events.ts";
import { manySteps } from "../webview/recorded-runs.ts";

const steps = manySteps(6, 3);

function outbox() {
  const sent: [string, readonly RunEvent[]][] = [];
  return { sent, outbox: new EventOutbox((run, events) => sent.push([run, events])) };
}

test("events that come while a page draws go together when it has drawn", () => {
  const { outbox: box, sent } = outbox();
  box.add("cells", steps.slice(0, 1));
  box.add("cells", steps.slice(1, 3));
  box.add("cube", steps.slice(0, 2));
  box.add("cells", steps.slice(3));
  assert.deepEqual(sent.splice(0), [["cells", steps.slice(0, 1)]]);
  box.drawn();
  assert.deepEqual(sent.splice(0), [
    ["cells", steps.slice(1)],
    ["cube", steps.slice(0, 2)],
  ]);
  box.drawn();
  assert.deepEqual(sent, []);
  box.add("cube", steps.slice(2));
  assert.deepEqual(sent, [["cube", steps.slice(2)]]);
});

test("events that a history holds are not sent after it, nor to a page that was loaded again", () => {
  const { outbox: box, sent } = outbox();
  box.add("cells", steps.slice(0, 1));
  box.add("cells", steps.slice(1));
  box.drop("cells");
  box.drawn();
  box.add("cube", steps.slice(0, 1));
  box.add("cube", steps.slice(1, 2));
  box.clear();
  box.add("cube", steps.slice(2));
  assert.deepEqual(sent, [
    ["cells", steps.slice(0, 1)],
    ["cube", steps.slice(0, 1)],
    ["cube", steps.slice(2)],
  ]);
});
