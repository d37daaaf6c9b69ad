import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { readAhead } from "../../src/workflow/read-ahead.ts";

const places = Array.from({ length: 40 }, (_, place) => place);

/** Reads all places. Returns the results, and the most that were read at once. */
async function readAll(readMs: number, workMs: number, fitting?: () => number) {
  let [now, most] = [0, 0];
  const read = async (place: number) => {
    most = Math.max(most, ++now);
    await wait(readMs);
    now--;
    return place;
  };
  const results: number[] = [];
  for await (const result of readAhead(places, read, fitting)) {
    results.push(result);
    await wait(workMs);
  }
  return { results, most };
}

test("the next result is read while the caller works; further ones if the caller has to wait", async () => {
  const fast = await readAll(0, 5);
  assert.deepEqual(fast, { results: places, most: 1 });
  const slow = await readAll(20, 1);
  assert.deepEqual(slow.results, places);
  assert.equal(slow.most, 8);
  const few = await readAll(20, 1, () => 2);
  assert.equal(few.most, 2);
});

test("an error is thrown in its place, and nothing is read any more afterwards", async () => {
  let reading = 0;
  const read = async (place: number) => {
    reading++;
    await wait(2);
    reading--;
    if (place === 5) throw new Error("place 5");
    return place;
  };
  const results: number[] = [];
  await assert.rejects(async () => {
    for await (const result of readAhead(places, read)) results.push(result);
  }, /place 5/);
  assert.deepEqual(results, [0, 1, 2, 3, 4]);
  assert.equal(reading, 0);
  for await (const result of readAhead(places, read)) if (result === 2) break;
  assert.equal(reading, 0);
});
