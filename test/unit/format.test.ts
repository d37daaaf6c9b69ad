import assert from "node:assert/strict";
import { test } from "node:test";
import { SteadyTimeLeft, timeLeft } from "../../src/facts/format.ts";

test("the time left is rounded as people say it", () => {
  const said = [10, 70, 400, 1130, 3500, 4300, 2.6 * 3600, 5.2 * 3600, 60 * 3600].map(timeLeft);
  assert.deepEqual(said, [
    "less than a minute",
    "about 1 min",
    "about 7 min",
    "about 20 min",
    "about 1 h",
    "about 1 h 10 min",
    "about 2 h 40 min",
    "about 5 h",
    "about 3 d",
  ]);
});

test("an estimate that wavers around a limit does not change what is shown", () => {
  const left = new SteadyTimeLeft();
  const shown = new Set([1040, 1060, 1045, 1055, 1041, 1059].map((seconds) => left.update(seconds)));
  assert.equal(shown.size, 1);
  assert.equal(left.update(700), "about 10 min");
  assert.equal(left.update(undefined), undefined);
});
