import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readNpy } from "../../src/checkpoint/npy.ts";
import type { Image } from "../../src/images/image.ts";
import { checkApart, inspectApart } from "../../src/images/inspection-thread.ts";
import { writeTiff } from "../../src/images/tiff-writer.ts";
import { TRAINER } from "../support/command.ts";
import { type Entry, tiff, tiffBytes } from "../support/tiff.ts";

let folder = "";
const image: Image = {
  shape: [3, 8, 9, 2],
  sampleType: "uint16",
  data: Uint16Array.from({ length: 3 * 8 * 9 * 2 }, (_, at) => at * 7),
};

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "inspect-"));
  await writeTiff(join(folder, "stack.tif"), image, { z: 0.5, y: 0.1, x: 0.1, unit: "µm" });
});

after(() => rm(folder, { recursive: true }));

const INSPECT = [...TRAINER, "--inspect"];

function biapy(...args: readonly string[]) {
  return spawnSync(process.execPath, [...INSPECT, ...args], { encoding: "utf8" });
}

test("--inspect prints how a file is read, and --save writes its pixels", async () => {
  const out = join(folder, "out.npy");
  const { status, stdout, stderr } = biapy(join(folder, "stack.tif"), "--json", "--save", out);
  assert.equal(status, 0, stderr);
  const { axes, axesReason, shape, type, range, pixelSize, compression } = JSON.parse(stdout);
  assert.deepEqual(
    { axes, axesReason, shape, type, range, pixelSize, compression },
    {
      axes: "TZCYX",
      axesReason: "its OME-XML says so",
      shape: [3, 8, 9, 2],
      type: "uint16",
      range: [0, 431 * 7],
      pixelSize: { z: 0.5, y: 0.1, x: 0.1, unit: "µm" },
      compression: "deflate",
    },
  );
  assert.deepEqual(await readNpy(out), { shape: [3, 8, 9, 2], data: image.data });
  await rm(out);
  assert.deepEqual(await readdir(folder), ["stack.tif"]);
});

test("--inspect of a folder names every file, and exits with 2 if one cannot be read", async () => {
  const bad = join(folder, "bad.tif");
  await writeFile(bad, "this is text");
  const { status, stdout, stderr } = biapy(folder);
  assert.equal(status, 2);
  assert.match(stdout, /stack\.tif[\s\S]*axes +TZCYX[\s\S]*pixel size +0\.5 x 0\.1 x 0\.1 µm/);
  assert.ok(stderr.includes(bad), stderr);
  assert.doesNotMatch(stderr, /\n +at /);
});

test("--inspect ends silently when its output is closed", async () => {
  const child = spawn(process.execPath, [...INSPECT, join(folder, "stack.tif")]);
  let errors = "";
  child.stderr.on("data", (text: Buffer) => {
    errors += text;
  });
  child.stdout.destroy();
  const code = await new Promise((resolve) => child.once("close", resolve));
  assert.deepEqual([code, errors], [1, ""]);
});

/** Writes a TIFF of 16 bits whose pixels are a hole in the file: zeros that take no space. */
async function writeSparse(path: string, side: number, tile?: number): Promise<void> {
  const [short, long] = [3, 4];
  const stored = 2 * (tile ?? side) ** 2;
  const start = tiffBytes(tile === undefined ? 9 : 10);
  const pixels: readonly Entry[] =
    tile === undefined
      ? [
          [273, long, 1, start],
          [277, short, 1, 1],
          [278, long, 1, side],
          [279, long, 1, stored],
        ]
      : [
          [277, short, 1, 1],
          [322, long, 1, tile],
          [323, long, 1, tile],
          [324, long, 1, start],
          [325, long, 1, stored],
        ];
  const head = tiff([
    [256, long, 1, side],
    [257, long, 1, side],
    [258, short, 1, 16],
    [259, short, 1, 1],
    [262, short, 1, 1],
    ...pixels,
  ]);
  await writeFile(path, head);
  await truncate(path, start + stored);
}

const withoutHoles = process.platform !== "linux" && "files have no holes here";

test("a plane of 2.2 GB is checked and inspected in parts", { skip: withoutHoles }, async () => {
  const path = join(folder, "large.tif");
  await writeSparse(path, 33_000);
  assert.deepEqual((await checkApart(path)).info.shape, [1, 33_000, 33_000, 1]);
  const { scan } = await inspectApart(path, undefined, 100);
  assert.deepEqual([scan.range, scan.complete], [[0, 0], false]);
  await rm(path);
});

test("a file that takes too much memory is refused by name", { skip: withoutHoles }, async () => {
  const path = join(folder, "tile.tif");
  // Its only tile is half a gigabyte, and the part of it inside of the image as much.
  await writeSparse(path, 16_383, 16_384);
  await assert.rejects(inspectApart(path), (error: Error) => {
    assert.match(error.message, /tile\.tif: .* takes more than 800 MB of memory/);
    return true;
  });
  await rm(path);
});
