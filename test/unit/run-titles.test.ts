/** The names by which compared runs are shown. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runTitles } from "../../src/facts/run-titles.ts";

test("a run is shown by its title, and runs with the same title also by name and number", () => {
  const [first, second] = [
    { name: "cells", runId: 1 },
    { name: "cells", runId: 2 },
  ];
  assert.deepEqual(
    runTitles([
      { ...first, title: "Baseline" },
      { ...second, title: "" },
    ]),
    ["Baseline", "cells, run 2"],
  );
  const shared = [first, second].map((run) => ({ ...run, title: "Baseline" }));
  assert.deepEqual(runTitles(shared), ["Baseline (cells, run 1)", "Baseline (cells, run 2)"]);
});
