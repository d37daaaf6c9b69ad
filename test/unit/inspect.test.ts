import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readNpy } from "../../src/checkpoint/npy.ts";
import type { Image } from "../../src/images/image.ts";
import { writeTiff } from "../../src/images/tiff-writer.ts";
import { TRAINER } from "../workflow/command.ts";

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

test("--inspect of a folder names every file, and ends with 2 where one cannot be read", async () => {
  const bad = join(folder, "bad.tif");
  await writeFile(bad, "this is text");
  const { status, stdout, stderr } = biapy(folder);
  assert.equal(status, 2);
  assert.match(stdout, /stack\.tif[\s\S]*axes +TZCYX[\s\S]*pixel size +0\.5 x 0\.1 x 0\.1 µm/);
  assert.ok(stderr.includes(bad), stderr);
  assert.doesNotMatch(stderr, /\n +at /);
});

test("--inspect ends without words where nobody reads its output", async () => {
  const child = spawn(process.execPath, [...INSPECT, join(folder, "stack.tif")]);
  let errors = "";
  child.stderr.on("data", (text: Buffer) => {
    errors += text;
  });
  child.stdout.destroy();
  const code = await new Promise((resolve) => child.once("close", resolve));
  assert.deepEqual([code, errors], [1, ""]);
});
