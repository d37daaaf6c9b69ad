import assert from "node:assert/strict";
import { test } from "node:test";
import { TimeShare } from "../../src/facts/time-share.ts";

const nothing = async () => {};

test("what accompanies a work is done at once, and then in its share of the time", async () => {
  let clock = 5_000;
  const share = new TimeShare(0.1, { now: () => clock });
  const spent = share.spend(async () => {
    clock += 100;
  });
  assert.equal(await spent, true);
  assert.equal(await share.spend(() => assert.fail("there is no time left")), false);
  clock += 899;
  assert.equal(await share.spend(nothing), false);
  clock += 1;
  assert.equal(await share.spend(nothing), true);
});

test("the time of what fails counts too", async () => {
  let clock = 0;
  const share = new TimeShare(0.1, { now: () => clock });
  const failing = share.spend(async () => {
    clock += 10;
    throw new Error("no room on the disk");
  });
  await assert.rejects(failing, /no room/);
  assert.equal(await share.spend(nothing), false);
});

test("what is to wait begins after its wait", async () => {
  let clock = 0;
  const share = new TimeShare(0.1, { wait: 1000, now: () => clock });
  clock = 999;
  assert.equal(await share.spend(nothing), false);
  clock = 1000;
  assert.equal(await share.spend(nothing), true);
});
