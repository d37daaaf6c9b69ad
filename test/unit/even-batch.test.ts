import assert from "node:assert/strict";
import { test } from "node:test";
import { evenBatch } from "../../src/workflow/batches.ts";

test("patches are divided into as few batches as possible, of the smallest size that allows", () => {
  for (let most = 1; most <= 12; most++)
    for (let patches = 1; patches <= 40; patches++) {
      const size = evenBatch(patches, most);
      const fewest = Math.ceil(patches / most);
      const given = `${patches} patches in batches of at most ${most}: ${size}`;
      assert.ok(size <= most, given);
      assert.equal(Math.ceil(patches / size), fewest, given);
      assert.ok(size === 1 || Math.ceil(patches / (size - 1)) > fewest, given);
    }
});
