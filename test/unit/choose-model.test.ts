/** The model that a command is called for. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, test } from "node:test";
import { chooseModel } from "../../src/extension/commands/apply-model.ts";
import type { Services } from "../../src/extension/commands/services.ts";
import type { KnownRun } from "../../src/extension/runs/known-run.ts";
import { resultTree } from "../../src/facts/result-tree.ts";
import { answers, shownMessages } from "../support/fake-vscode.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const configFile = join(folder, "cells.yaml");
writeFileSync(configFile, "");
beforeEach(() => {
  shownMessages.splice(0);
  answers.quickPick = answers.openDialog = () => undefined;
});

const tree = resultTree(folder, "cells", 1);

/** A run with these checkpoints, started with this configuration. */
function services(checkpoints: readonly string[], configuration: string): Services {
  const run = {
    summary: { id: tree.runDirectory, name: "cells", runId: 1, engine: "embedded" },
    order: { configFile: configuration, workingDirectory: folder },
    folder: { tree, files: { checkpoints, configuration: [] } },
  };
  const find = (id: string) => (id === tree.runDirectory ? run : undefined);
  const runs = { ready: async () => {}, find, known: [run as unknown as KnownRun] };
  return { runs } as unknown as Services;
}

for (const clicked of [tree.runDirectory, { kind: "run", run: tree.runDirectory }])
  test(`a run called by ${typeof clicked} is a model, or a message says what it lacks`, async () => {
    const choose = (checkpoints: readonly string[], configuration: string) =>
      chooseModel(services(checkpoints, configuration), clicked, "Which?");
    const model = await choose([tree.bestCheckpoint], configFile);
    assert.deepEqual([model?.checkpoint, model?.configuration], [tree.bestCheckpoint, configFile]);
    assert.deepEqual(shownMessages, []);
    assert.equal(await choose([], configFile), undefined);
    assert.equal(await choose([tree.bestCheckpoint], join(folder, "gone.yaml")), undefined);
    assert.deepEqual(shownMessages, [
      "cells, run 1, has no checkpoint.",
      "The configuration of cells, run 1, is gone.",
    ]);
  });

const choose = (clicked?: unknown) =>
  chooseModel(services([tree.bestCheckpoint], configFile), clicked, "Which?");

test("a clicked checkpoint is the model's, not the run's best one", async () => {
  const file = tree.bestCheckpoint.replace("best", "2");
  const model = await choose({ kind: "file", group: "checkpoints", run: tree.runDirectory, file });
  assert.deepEqual([model?.checkpoint, model?.name], [file, "cells_1"]);
});

test("a run that is gone is no model", async () => {
  assert.equal(await choose(join(folder, "gone")), undefined);
});

test("without a clicked run, the user picks one with a checkpoint, or files", async () => {
  let offered: readonly unknown[] = [];
  answers.quickPick = (items) => {
    offered = items;
    return items[0];
  };
  assert.equal((await choose())?.checkpoint, tree.bestCheckpoint);
  assert.equal(offered.length, 2);
  await chooseModel(services([], configFile), undefined, "Which?");
  assert.equal(offered.length, 1, "a run without a checkpoint is not offered");
  answers.quickPick = (items) => items.at(-1);
  const files = [join(folder, "my cells.pth"), configFile];
  const dialogs = [...files];
  answers.openDialog = () => dialogs.splice(0, 1).map((fsPath) => ({ fsPath }));
  assert.deepEqual(await choose(), {
    name: "my_cells",
    title: "my cells.pth",
    checkpoint: files[0],
    configuration: configFile,
    workingDirectory: folder,
  });
});

test("nothing is chosen where the user cancels the list or one of the dialogs", async () => {
  assert.equal(await choose(), undefined);
  answers.quickPick = (items) => items.at(-1);
  assert.equal(await choose(), undefined);
  let dialogs = 0;
  answers.openDialog = () => (dialogs++ === 0 ? [{ fsPath: join(folder, "a.pth") }] : undefined);
  assert.equal(await choose(), undefined);
  assert.equal(dialogs, 2);
});
