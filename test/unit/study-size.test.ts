/** The size of a label study as a person types it, and as the command line gets it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readLabels, readSeeds, sizeArguments, USUAL_SIZE } from "../../src/extension/commands/study-size.ts";

test("numbers of labeled images are read in any order, without repetitions; an empty text means the default", () => {
  assert.deepEqual(readLabels(" 4,1  2, 4,"), { value: [1, 2, 4] });
  assert.deepEqual(readLabels(" "), { value: [] });
  for (const text of ["0", "1, two", "-1", "1.5", "1e3", "9999999999"])
    assert.ok("problem" in readLabels(text), text);
});

test("a number of seeds is a whole number that can be trained", () => {
  assert.deepEqual(readSeeds(" 5 "), { value: 5 });
  for (const text of ["", "0", "-3", "2.5", "3,4", "101"]) assert.ok("problem" in readSeeds(text), text);
});

test("the command line gets the chosen size", () => {
  assert.deepEqual(sizeArguments(USUAL_SIZE), ["--seeds", "3"]);
  assert.deepEqual(sizeArguments({ labels: [1, 8], seeds: 2 }), ["--labels", "1,8", "--seeds", "2"]);
});
