/** Batches that are computed in parts, or that are larger than the number of patches. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { samples } from "../support/command.ts";
import { epochsOf, run } from "../support/in-process.ts";
import { messagesOf } from "../support/run-events.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { tinyConfig } from "../support/tiny-configuration.ts";

const configuration = (batch: number, epochs: number, patch = 64) =>
  tinyConfig(samples("2d/train"), { patch, batch, epochs });

test("an epoch in parts of a batch gives the losses of whole batches", async () => {
  const results = temporaryFolder();
  const [whole, parts] = [
    await run(results, 1, configuration(6, 2)),
    await run(results, 2, configuration(6, 2), { partSize: 2 }),
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
  const results = temporaryFolder();
  await assert.rejects(
    run(results, 1, configuration(6, 1), { partSize: 4 }),
    /--part_size 4 does not divide the batch of 6: 3 does/,
  );
});

test("a batch has at most all patches", async () => {
  const results = temporaryFolder();
  const given = await run(results, 1, configuration(1000, 1, 128));
  const log = messagesOf(given.events).join("\n");
  const [, count] = /(\d+) training patches,/.exec(log) ?? [];
  assert.match(log, new RegExp(`there are ${count} training patches, and a step takes all of them`));
});
