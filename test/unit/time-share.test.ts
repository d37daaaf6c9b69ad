import assert from "node:assert/strict";
import { test } from "node:test";
import { TimeShare } from "../../src/workflow/time-share.ts";

test("what accompanies a work takes its free time and then its share", async () => {
  let clock = 5_000;
  const share = new TimeShare(0.1, 100, () => clock);
  const spend = (milliseconds: number) =>
    share.spend(async () => {
      clock += milliseconds;
    });
  await spend(100);
  assert.equal(share.isLeft, true);
  await spend(100);
  // 200 of 200 ms are spent: 100 free, and a tenth of the time.
  assert.equal(share.isLeft, false);
  clock += 799;
  assert.equal(share.isLeft, false);
  clock += 1;
  assert.equal(share.isLeft, true);
});

test("the time of what fails counts too", async () => {
  let clock = 0;
  const share = new TimeShare(0.1, 0, () => clock);
  const failing = share.spend(async () => {
    clock += 10;
    throw new Error("no room on the disk");
  });
  await assert.rejects(failing, /no room/);
  assert.equal(share.isLeft, false);
});
