import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { readImage } from "../../src/images/files.ts";
import { writeTiff } from "../../src/images/tiff-writer.ts";
import { listEpochPictures } from "../../src/results/epoch-pictures.ts";
import { keepEpochPictures } from "../../src/workflow/epoch-pictures.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

async function reconstruction(folder: string): Promise<string> {
  const path = join(folder, "reconstruction.tif");
  const [height, width] = [400, 300];
  // Every second column is bright, so that means are half of it; only the middle slice counts.
  const data = Uint16Array.from({ length: 3 * height * width }, (_, at) =>
    Math.floor(at / (height * width)) === 1 ? (at % 2) * 1000 : 7,
  );
  await writeTiff(path, { shape: [3, height, width, 1], sampleType: "uint16", data });
  return path;
}

test("an epoch's pictures are small versions of the middle slice", async () => {
  const folder = temporaryFolder();
  await keepEpochPictures(folder, 1, "cells.tif", { reconstruction: await reconstruction(folder) });
  const [{ epoch, images }] = await listEpochPictures(folder);
  assert.equal(epoch, 1);
  const { shape, sampleType, data } = await readImage(images["cells.tif"].reconstruction ?? "");
  assert.deepEqual([shape, sampleType], [[1, 134, 100, 1], "uint16"]);
  // Squares of three columns hold one or two bright ones.
  assert.ok(data.every((value) => value === 333 || value === 667));
});

test("epochs are thinned out to about a hundred, and trained again where a run was resumed", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "small.tif");
  await writeTiff(path, { shape: [1, 2, 2, 1], sampleType: "uint8", data: new Uint8Array(4) });
  const keep = (epoch: number) => keepEpochPictures(folder, epoch, "cells.tif", { prediction: path });
  for (let epoch = 1; epoch <= 215; epoch++) await keep(epoch);
  const kept = (await listEpochPictures(folder)).map(({ epoch }) => epoch);
  assert.ok(kept.length <= 102, `${kept.length} epochs`);
  assert.deepEqual([kept[0], kept[1], kept[2], kept.at(-1)], [1, 4, 8, 215]);
  await keep(10);
  assert.deepEqual(
    (await listEpochPictures(folder)).map(({ epoch }) => epoch),
    [1, 4, 8, 10],
  );
});

test("epochs stay evenly spread where some had no pictures", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "small.tif");
  await writeTiff(path, { shape: [1, 2, 2, 1], sampleType: "uint8", data: new Uint8Array(4) });
  for (let epoch = 1; epoch <= 401; epoch += 5)
    await keepEpochPictures(folder, epoch, "cells.tif", { prediction: path });
  const kept = (await listEpochPictures(folder)).map(({ epoch }) => epoch);
  // Stretches of eight epochs: 1, 8 to 15, 16 to 23 …
  assert.deepEqual(kept.slice(0, 5), [1, 11, 16, 26, 36]);
  assert.equal(kept.length, 51);
  assert.equal(kept.at(-1), 401);
});
