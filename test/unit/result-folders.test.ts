/** Runs whose files VS Code does not report: on a disk that reports nothing, they are found when the results browser looks again. */
import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type * as vscode from "vscode";
import { lookWhileVisible } from "../../src/extension/results/look-while-visible.ts";
import { ResultFolders } from "../../src/extension/runs/result-folders.ts";
import { resultTree } from "../../src/facts/result-tree.ts";
import { runsOf } from "../../src/results/run-folders.ts";
import { EventEmitter, Uri, workspace } from "../support/fake-vscode.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** Opens an empty folder until the test's end. Returns its folder of results, which is not there yet, and the runs that are found. */
function opened(context: TestContext) {
  const open = temporaryFolder();
  Object.assign(workspace, { workspaceFolders: [{ uri: Uri.file(open) }] });
  const workspaceState = { get: (_key: string, otherwise: unknown) => otherwise, update: async () => {} };
  const folders = new ResultFolders({ workspaceState } as unknown as vscode.ExtensionContext);
  context.after(() => {
    folders.dispose();
    Object.assign(workspace, { workspaceFolders: undefined });
  });
  const found = () =>
    [...folders.jobs.values()].flat().map(({ tree, status }) => `${tree.name}_${tree.runId}: ${status}`);
  return { results: join(open, "results"), folders, found };
}

function write(path: string, text = ""): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** Records the folders that are listed until the test's end. `before` is called with each and waited for. */
function listings(
  context: TestContext,
  before: (folder: string) => void | Promise<void> = () => {},
): string[] {
  const listed: string[] = [];
  const { readdir } = fs;
  const list = async (...args: Parameters<typeof readdir>) => {
    listed.push(String(args[0]));
    const names = await readdir(...args);
    await before(String(args[0]));
    return names;
  };
  const { mock } = context.mock.method(fs, "readdir", list as typeof readdir);
  syncBuiltinESMExports();
  context.after(() => {
    mock.restore();
    syncBuiltinESMExports();
  });
  return listed;
}

const state = (status: string) =>
  JSON.stringify({
    format: 1,
    training: "0123456789abcdef",
    status,
    epoch: 1,
    step: 0,
    epochs: 1,
    trained: true,
    time: 1,
  });

test("a job, its next run and the end of a run are found, and a job that was deleted is not", async (context) => {
  const { results, folders, found } = opened(context);
  await folders.refresh();
  assert.deepEqual(found(), []);
  const [first, second] = [1, 2].map((run) => resultTree(results, "cells", run));
  assert.ok(first !== undefined && second !== undefined);
  write(first.runConfigFile);
  write(first.stateFile, state("finished"));
  await folders.lookAgain();
  assert.deepEqual(found(), ["cells_1: finished"]);
  write(second.stateFile, state("training"));
  await folders.lookAgain();
  assert.deepEqual(found().sort(), ["cells_1: finished", "cells_2: interrupted"]);
  // As programs replace a file.
  write(`${second.stateFile}.tmp`, state("finished"));
  await fs.rename(`${second.stateFile}.tmp`, second.stateFile);
  await folders.lookAgain();
  assert.deepEqual(found().sort(), ["cells_1: finished", "cells_2: finished"]);
  rmSync(first.jobDirectory, { recursive: true });
  await folders.lookAgain();
  assert.deepEqual(found(), []);
});

test("the end of BiaPy's log is found", async (context) => {
  const { results, folders, found } = opened(context);
  const log = join(results, "nuclei/logs/nuclei_1_log_1_2026_11_24_23_04_59.txt");
  write(join(results, "nuclei/config_files/nuclei_1_2026_11_24_23_04_59.yaml"));
  write(log, "[23:05:01] Epoch 1\n");
  await folders.refresh();
  assert.deepEqual(found(), ["nuclei_1: interrupted"]);
  await fs.appendFile(log, "[23:05:24] FINISHED JOB nuclei_1 !!\n");
  await folders.lookAgain();
  assert.deepEqual(found(), ["nuclei_1: finished"]);
});

test("unchanged jobs are not read again, and no folder of images is listed", async (context) => {
  const { results, folders } = opened(context);
  const tree = resultTree(results, "cells", 1);
  write(tree.stateFile, state("finished"));
  write(join(tree.perImage, "a.tif"));
  await folders.refresh();
  let changes = 0;
  folders.onDidChange(() => changes++);
  const listed = listings(context);
  await folders.lookAgain();
  assert.equal(changes, 0);
  assert.ok(listed.includes(join(tree.jobDirectory, "results")));
  assert.deepEqual(
    listed.filter((folder) => folder.startsWith(tree.runDirectory)),
    [],
  );
});

test("what an earlier read found late does not replace what a later one found", async (context) => {
  const { results, folders, found } = opened(context);
  const { jobDirectory, checkpoints } = resultTree(results, "cells", 1);
  const checkpoint = (run: number) => write(join(checkpoints, `cells_${run}-checkpoint-best.pth`));
  checkpoint(1);
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  const reached = new Promise<void>((resolve) => {
    let first = true;
    listings(context, async (folder) => {
      if (!first || folder !== checkpoints) return;
      first = false;
      resolve();
      await held;
    });
  });
  const earlier = folders.add(results, jobDirectory);
  await reached;
  checkpoint(2);
  const later = folders.add(results, jobDirectory);
  // Time enough for a later read that does not wait for the earlier one.
  for (let time = 0; time < 3; time++) await runsOf(jobDirectory);
  release();
  await Promise.all([earlier, later]);
  assert.equal(found().length, 2);
});

test("looks while the view is visible, and at once when it becomes visible", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const changes = new EventEmitter<vscode.TreeViewVisibilityChangeEvent>();
  const view = { visible: true, onDidChangeVisibility: changes.event };
  const show = (visible: boolean) => {
    view.visible = visible;
    changes.fire({ visible });
    context.mock.timers.tick(0);
  };
  let looks = 0;
  let done = () => {};
  const looking = lookWhileVisible(view, () => {
    looks++;
    return new Promise((resolve) => (done = resolve));
  });
  const hourPasses = async () => {
    done();
    await nextTurn();
    context.mock.timers.tick(3_600_000);
  };
  context.mock.timers.tick(3_600_000);
  assert.equal(looks, 1);
  // A look that takes long is not joined by another.
  show(true);
  assert.equal(looks, 1);
  await hourPasses();
  assert.equal(looks, 2);
  show(false);
  await hourPasses();
  assert.equal(looks, 2);
  show(true);
  assert.equal(looks, 3);
  looking.dispose();
  await hourPasses();
  assert.equal(looks, 3);
});
