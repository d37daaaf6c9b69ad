import assert from "node:assert/strict";
import { test } from "node:test";
import { condense, eventsAfter } from "../../src/extension/panel/run-history.ts";
import type { RunEvent, StartEvent } from "../../src/facts/run-events.ts";
import { manySteps, recordedEvents } from "../webview/recorded-runs.ts";

test("steps become columns with all their values", () => {
  const { steps, events } = condense("long", manySteps(250, 100));
  assert.equal(steps.position.length, 250);
  assert.deepEqual([steps.position[0], steps.position[99], steps.position[249]], [0.01, 1, 2.5]);
  const loss = manySteps(250, 100).map(({ metrics }) => metrics.loss);
  assert.deepEqual([...steps.metrics.loss], loss);
  assert.deepEqual(
    events.map(({ event }) => event),
    ["step"],
  );
});

test("steps and epochs that were done again after a resume are there once", () => {
  const events = recordedEvents("cells");
  const start = events.find((event): event is StartEvent => event.event === "start");
  assert.ok(start !== undefined);
  const until = events.findIndex((event) => event.event === "epoch" && event.epoch === 12);
  const from = events.findIndex((event) => event.event === "step" && event.epoch === 11);
  const again: RunEvent[] = [
    ...events.slice(0, until + 1),
    { ...start, firstEpoch: 11 },
    ...events.slice(from),
  ];
  const [once, twice] = [condense("cells", events), condense("cells", again)];
  assert.deepEqual(twice.steps, once.steps);
  const epochs = (all: readonly RunEvent[]) => all.filter(({ event }) => event === "epoch");
  assert.deepEqual(epochs(twice.events), epochs(once.events));
});

test("of images, progress and tests only the last word is kept", () => {
  const { events } = condense("cells", recordedEvents("cells"));
  const images = events.filter((event) => event.event === "image" && event.kind === "mae-check");
  assert.deepEqual(
    images.map((event) => event.event === "image" && event.epoch),
    [40],
  );
  assert.equal(events.filter(({ event }) => event === "progress").length, 1);
});

test("events that came while the history was read are neither lost nor doubled", () => {
  const events = recordedEvents("cells").slice(0, 60);
  assert.deepEqual(eventsAfter(events.slice(0, 50), events.slice(40)), events.slice(50));
  assert.deepEqual(eventsAfter([], events), events);
});
