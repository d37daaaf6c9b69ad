/** Checked access to lists and records: what is missing is named. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { at, atLeast, entryOf, exactly, lastOf, zip } from "../../src/facts/checked-lists.ts";

test("elements that are there are returned", () => {
  assert.equal(at([1, 2], 1), 2);
  assert.equal(at(Float32Array.of(3), 0), 3);
  assert.equal(lastOf(["a", "b"]), "b");
  assert.equal(entryOf({ a: 0 }, "a"), 0);
  const [batch, tokens] = exactly([2, 5], 2);
  assert.deepEqual([batch, tokens], [2, 5]);
  const [outputs, ...kernel] = atLeast([8, 3, 3], 1);
  assert.deepEqual([outputs, kernel], [8, [3, 3]]);
  assert.deepEqual(zip([1, 2], [3, 4]), [
    [1, 3],
    [2, 4],
  ]);
});

test("elements that are missing are refused", () => {
  assert.throws(() => at([1], 1), /Index 1 is outside a list of 1/);
  assert.throws(() => at([1], -1), RangeError);
  assert.throws(() => lastOf([]), RangeError);
  assert.throws(() => entryOf({ loss: 1 }, "mse"), /There is no mse among loss/);
  assert.throws(() => exactly([1, 2, 3], 2, "A pair"), /A pair must have 2 elements, not 3/);
  assert.throws(() => atLeast([], 1, "The shape"), /The shape must have at least 1 elements, not 0/);
  assert.throws(() => zip([1], [1, 2]), /Lists of 1, 2 elements do not match/);
});
