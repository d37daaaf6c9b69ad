/** What a window announces of runs whose files change. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type * as vscode from "vscode";
import type { ResultFolders } from "../../src/extension/runs/result-folders.ts";
import { RunManager } from "../../src/extension/runs/run-manager.ts";
import { resultTree } from "../../src/facts/result-tree.ts";
import { runsOf } from "../../src/results/run-folders.ts";
import { recordFilesOf, writeRecord } from "../../src/runs/record.ts";
import { EventEmitter } from "../support/fake-vscode.ts";
import { runRecord } from "../support/run-record.ts";

const folder = mkdtempSync(join(tmpdir(), "run-manager-"));
after(() => rmSync(folder, { recursive: true }));

test("changes of a run's files and events are announced with its identity", async () => {
  const place = { resultDirectory: folder, name: "a", runId: 1 };
  const { runDirectory, jobDirectory } = resultTree(folder, place.name, place.runId);
  const files = recordFilesOf(place);
  mkdirSync(files.folder, { recursive: true });
  await writeRecord(files, { ...runRecord(folder, place), ended: { time: 2, status: "finished" } });
  const [changes, eventChanges] = [new EventEmitter<readonly string[]>(), new EventEmitter<string>()];
  const runs = new RunManager(
    {} as vscode.ExtensionContext,
    {
      jobs: new Map([[jobDirectory, await runsOf(jobDirectory)]]),
      onDidChange: changes.event,
      onDidChangeEvents: eventChanges.event,
    } as unknown as ResultFolders,
    [],
    Promise.resolve(),
    { error: assert.ifError } as unknown as vscode.LogOutputChannel,
  );
  const announced: string[] = [];
  runs.onDidChangeFiles((run) => announced.push(run));
  changes.fire([jobDirectory]);
  await runs.ready();
  assert.deepEqual(announced.splice(0), [runDirectory]);
  eventChanges.fire(files.events);
  assert.deepEqual(announced.splice(0), [runDirectory]);
  // Those of other runs.
  changes.fire([join(folder, "b")]);
  eventChanges.fire(join(folder, "b", ".biapy-studio", "b_1", "events.jsonl"));
  await runs.ready();
  assert.deepEqual(announced, []);
  runs.dispose();
});
