/** What the runs table is told when runs change. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type * as vscode from "vscode";
import type { TrainingPanel } from "../../src/extension/panel/index.ts";
import type { KnownRun } from "../../src/extension/runs/known-run.ts";
import type { RunManager } from "../../src/extension/runs/run-manager.ts";
import { showRunsTable } from "../../src/extension/table/index.ts";
import { EventEmitter, openedPages, Uri } from "../support/fake-vscode.ts";
import { runRecord } from "../support/run-record.ts";

const folder = mkdtempSync(join(tmpdir(), "runs-table-"));
mkdirSync(join(folder, "dist", "webview"), { recursive: true });
for (const name of ["table.js", "table.css"]) writeFileSync(join(folder, "dist", "webview", name), "");
after(() => rmSync(folder, { recursive: true }));

/** A run that trains, with an estimate of the time left. */
function running(timeLeft: string, started = 0): KnownRun {
  const place = { resultDirectory: folder, name: "a", runId: 1 };
  return {
    summary: {
      id: "a",
      name: "a",
      runId: 1,
      status: "running",
      engine: "embedded",
      started,
      resumable: false,
      timeLeft,
    },
    order: runRecord(folder, place).order,
  };
}

test("the table is drawn again when its rows change, not with the time left, which it does not show", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  let known = [running("about 2 min")];
  const [changes, annotations] = [new EventEmitter<void>(), new EventEmitter<string>()];
  const runs = {
    get known() {
      return known;
    },
    ready: async () => {},
    onDidChangeRuns: changes.event,
    onDidAnnotateRun: annotations.event,
  };
  showRunsTable(
    {
      extensionUri: Uri.file(folder),
      asAbsolutePath: (path: string) => join(folder, path),
    } as unknown as vscode.ExtensionContext,
    runs as unknown as RunManager,
    {} as TrainingPanel,
  );
  const [page] = openedPages;
  assert.ok(page !== undefined);
  page.send({ type: "ready" });
  while (page.sent.length === 0) await setImmediate();
  const announce = async (changed: KnownRun) => {
    known = [changed];
    page.sent.splice(0);
    changes.fire();
    context.mock.timers.tick(1000);
    for (let turn = 0; turn < 5; turn++) await setImmediate();
    return page.sent.length;
  };
  assert.equal(await announce(running("about 1 min")), 0);
  assert.equal(await announce(running("about 1 min", 1)), 1);
});
