/** Running, stopping and resuming a training, and what it leaves, by the editor's API. */
import assert from "node:assert/strict";
import { before, describe, it } from "mocha";
import * as vscode from "vscode";
import type { RunEvent } from "../../src/facts/run-events.ts";
import { tinyModel } from "../vscode/configurations.ts";
import {
  extensionApi,
  folder,
  openConfiguration,
  trainWithoutAsking,
  until,
  untilStatus,
} from "./workspace.ts";

describe("Training", () => {
  before(trainWithoutAsking);

  let finished: string;

  it("runs to the end", async () => {
    finished = await train("finished.biapy.yaml", 3);
    await untilStatus(finished, "finished");
    const { runs } = await extensionApi();
    const events = await runs.events(finished);
    const epochs = events.filter(({ event }) => event === "epoch");
    assert.equal(epochs.length, 3);
    assert.equal(events.at(-1)?.event, "end");
    const checkpoint = vscode.Uri.joinPath(
      folder(),
      "results/finished/checkpoints/finished_1-checkpoint-best.pth",
    );
    assert.ok((await vscode.workspace.fs.stat(checkpoint)).size > 0);
  });

  it("is shown in the results with its files", async () => {
    const { runs, results } = await extensionApi();
    // The folder is read again after the run has ended: what was read before lacks what is written last, such as charts.
    await until(async () => runs.find(finished)?.folder?.status === "finished");
    const row = (await results.getChildren())?.find(({ run }) => run === finished);
    assert.ok(row !== undefined);
    const { label, contextValue } = await results.getTreeItem(row);
    assert.deepEqual([label, contextValue], ["finished, run 1", "run"]);
    const groups = (await results.getChildren(row)) ?? [];
    const labels = await Promise.all(groups.map(async (group) => (await results.getTreeItem(group)).label));
    assert.deepEqual(labels, [
      "Configuration",
      "Checkpoints",
      "Charts",
      "MAE_checks",
      "Images",
      "Previews during training",
      "Logs",
    ]);
    for (const group of groups) assert.ok(((await results.getChildren(group)) ?? []).length > 0);
  });

  it("stops after its step, and resumes from there", async () => {
    const run = await train("stopped.biapy.yaml", 2000);
    const { runs } = await extensionApi();
    await until(async () => lastEpoch(await runs.events(run)) >= 2);
    await vscode.commands.executeCommand("biapy.stopTraining", run);
    await untilStatus(run, "stopped");
    assert.equal(runs.find(run)?.summary.resumable, true);
    const before = lastEpoch(await runs.events(run));
    await vscode.commands.executeCommand("biapy.resumeTraining", run);
    await until(async () => lastEpoch(await runs.events(run)) > before + 1);
    const starts = (await runs.events(run)).filter((event) => event.event === "start");
    assert.equal(starts.length, 2);
    assert.ok(starts[1].firstEpoch > before);
    await vscode.commands.executeCommand("biapy.stopTraining", run);
    await untilStatus(run, "stopped");
  });

  it("waits for the run before it, and starts when that ends", async () => {
    const { runs } = await extensionApi();
    const first = await train("first.biapy.yaml", 2000);
    await untilStatus(first, "running");
    const second = await train("second.biapy.yaml", 1);
    assert.equal(runs.find(second)?.summary.status, "queued");
    await vscode.commands.executeCommand("biapy.stopTraining", first);
    await untilStatus(second, "finished");
  });
});

/** Starts a training of a new configuration. Returns the run's identity. */
async function train(name: string, epochs: number): Promise<string> {
  const { uri } = await openConfiguration(name, tinyModel(epochs));
  const run = await vscode.commands.executeCommand<string | undefined>("biapy.runTraining", uri);
  assert.ok(run !== undefined, "it was started");
  return run;
}

function lastEpoch(events: readonly RunEvent[]): number {
  const last = events.findLast((event) => event.event === "epoch");
  return last?.epoch ?? 0;
}
