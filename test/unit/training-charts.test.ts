import assert from "node:assert/strict";
import { test } from "node:test";
import { resultTree } from "../../src/facts/result-tree.ts";
import { SideResults } from "../../src/workflow/side-results.ts";
import { TrainingCharts } from "../../src/workflow/training-charts.ts";

test("a training does not wait while charts are drawn", async (context) => {
  let clock = 0;
  context.mock.method(performance, "now", () => clock);
  let finish = () => {};
  const drawing = new Promise<void>((resolve) => {
    finish = resolve;
  });
  let begun = 0;
  class SlowResults extends SideResults {
    override attempt() {
      begun++;
      return drawing;
    }
  }
  const results = new SlowResults({ report: () => {}, signal: new AbortController().signal });
  const charts = new TrainingCharts(resultTree("results", "job", 1), results);
  clock = 60_000;
  await charts.update();
  await charts.update();
  charts.begin();
  assert.ok(begun <= 1);
  finish();
  await charts.drawn();
  assert.equal(begun, 3);
});
