/** Batches that are computed in parts, or that are larger than the patches that there are. */
import assert from "node:assert/strict";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { smallMae } from "../support/small-mae.ts";
import { epochsOf, run } from "./in-process.ts";

const messages = ({ events }: Awaited<ReturnType<typeof run>>) =>
  events.flatMap((event) => (event.event === "log" ? [event.message] : [])).join("\n");

test("an epoch in parts of a batch gives the losses of whole batches", async () => {
  const results = await mkdtemp(join(tmpdir(), "parts-"));
  const [whole, parts] = [
    await run(results, 1, smallMae(64, 6, 2)),
    await run(results, 2, smallMae(64, 6, 2), { partSize: 2 }),
  ];
  const losses = (of: typeof whole) =>
    epochsOf(of).flatMap(({ train, validation }) => [train.loss, validation?.loss]);
  assert.equal(losses(whole).length, 4);
  for (const [at, loss = NaN] of losses(whole).entries()) {
    const other = losses(parts)[at] ?? NaN;
    assert.ok(Math.abs(loss - other) < 1e-4 * loss, `${other} is not ${loss}`);
  }
});

test("parts that do not divide the batch are refused, with some that do", async () => {
  const results = await mkdtemp(join(tmpdir(), "parts-"));
  await assert.rejects(
    run(results, 1, smallMae(64, 6, 1), { partSize: 4 }),
    /--part_size 4 does not divide the batch of 6: 3 does/,
  );
});

test("a batch is no larger than the patches that there are", async () => {
  const results = await mkdtemp(join(tmpdir(), "parts-"));
  const given = await run(results, 1, smallMae(128, 1000, 1));
  const [, count] = /(\d+) training patches,/.exec(messages(given)) ?? [];
  assert.match(
    messages(given),
    new RegExp(`there are ${count} training patches, and a step takes all of them`),
  );
});
