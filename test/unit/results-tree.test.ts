/** What the results view has drawn again when runs change. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { type ResultItem, ResultsTree } from "../../src/extension/results/results-view.ts";
import { type KnownRun, knownRun } from "../../src/extension/runs/known-run.ts";
import { runsOf } from "../../src/results/run-folders.ts";
import { EventEmitter } from "../support/fake-vscode.ts";

const folder = mkdtempSync(join(tmpdir(), "results-tree-"));
after(() => rmSync(folder, { recursive: true }));

function write(...files: readonly string[]): void {
  for (const file of files) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), "");
  }
}

/** The runs as they lie on disk now, read anew. */
async function runsOnDisk(): Promise<KnownRun[]> {
  const found = (await Promise.all(["a", "b"].map((name) => runsOf(join(folder, name))))).flat();
  return found.map((each) => knownRun({ id: each.tree.runDirectory, folder: each }, []));
}

test("only runs that have changed are drawn again, and nothing when none has", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  write("a/config_files/a_1.yaml", "a/results/a_1/per_image/x.tif", "b/results/b_1/per_image/x.tif");
  let known = await runsOnDisk();
  const changes = new EventEmitter<void>();
  const tree = new ResultsTree({
    get known() {
      return known;
    },
    find: (id) => known.find(({ summary }) => summary.id === id),
    onDidChangeRuns: changes.event,
  });
  const drawn: (readonly ResultItem[] | undefined)[] = [];
  tree.onDidChangeTreeData((items) => drawn.push(items));
  const announce = async () => {
    known = await runsOnDisk();
    changes.fire();
    context.mock.timers.tick(1000);
    return drawn.splice(0);
  };
  const runs = tree.getChildren();
  const a = runs.find(({ run }) => run.endsWith("a_1"));
  assert.ok(a !== undefined);
  assert.deepEqual(await announce(), [undefined]);
  assert.deepEqual(await announce(), []);
  write("a/results/a_1/per_image/y.tif");
  const [[again] = []] = await announce();
  // VS Code knows an item by its object.
  assert.equal(again, a);
  write("b/results/b_2/per_image/x.tif");
  assert.deepEqual(await announce(), [undefined]);
  assert.equal(tree.getChildren().length, 3);
});
