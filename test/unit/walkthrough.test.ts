/** Which steps of the walkthrough are ticked. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { KnownRun } from "../../src/extension/runs/known-run.ts";
import { registerWalkthrough } from "../../src/extension/training/walkthrough.ts";
import { resultTree } from "../../src/facts/result-tree.ts";
import type { RunStatus } from "../../src/facts/run-status.ts";
import { EventEmitter, executedCommands } from "../support/fake-vscode.ts";
import { runRecord } from "../support/run-record.ts";

const folder = mkdtempSync(join(tmpdir(), "walkthrough-"));
after(() => rmSync(folder, { recursive: true }));

function run(name: string, configFile: string, status: RunStatus = "finished"): KnownRun {
  const place = { resultDirectory: join(folder, "results"), name, runId: 1 };
  return {
    summary: { id: name, name, runId: 1, status, engine: "embedded", started: 0, resumable: false },
    order: { ...runRecord(folder, place).order, configFile },
  };
}

const SAMPLE = join(folder, "biapy-sample", "sample.biapy.yaml");

/** Registers the ticks for a window that knows some runs. Returns the event of runs that end. */
async function walkthrough(known: readonly KnownRun[]): Promise<EventEmitter<KnownRun>> {
  const [ends, changes, visibility] = [
    new EventEmitter<KnownRun>(),
    new EventEmitter<void>(),
    new EventEmitter<never>(),
  ];
  registerWalkthrough(
    {
      known,
      runs: known.map(({ summary }) => summary),
      ready: async () => {},
      onDidEndRun: ends.event,
      onDidChangeRuns: changes.event,
    },
    { visible: false, onDidChangeVisibility: visibility.event },
  );
  await Promise.resolve();
  return ends;
}

const ticked = () => executedCommands.splice(0).map(([, key]) => key);

test("the step of the sample is done when the sample is trained, not another configuration", async () => {
  const ends = await walkthrough([]);
  ends.fire(run("mine", join(folder, "mine.biapy.yaml")));
  ends.fire(run("sample", SAMPLE, "stopped"));
  assert.deepEqual(ticked(), []);
  ends.fire(run("sample", SAMPLE));
  assert.deepEqual(ticked(), ["biapy.done.sample"]);
});

test("a segmentation of any images is the step of segmenting", async () => {
  const ends = await walkthrough([]);
  mkdirSync(resultTree(join(folder, "results"), "cells", 1).perImageBinarized, { recursive: true });
  ends.fire(run("cells", join(folder, "cells.biapy.yaml")));
  assert.deepEqual(ticked(), ["biapy.done.segment"]);
});

test("a sample that was trained to its end while no window was open is done", async () => {
  await walkthrough([run("mine", join(folder, "mine.biapy.yaml")), run("sample", SAMPLE)]);
  assert.deepEqual(ticked(), ["biapy.done.sample"]);
});
