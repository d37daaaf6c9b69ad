/** Large image files as they are written, opened by tifffile, zarr and h5py. Needs BIAPY_PYTHON: a Python that has them. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openImage } from "../../src/images/files.ts";
import { createHdf5 } from "../../src/images/hdf5-writer.ts";
import type { Image, ImageShape } from "../../src/images/image.ts";
import { writeTiff } from "../../src/images/tiff-writer.ts";
import { createZarr } from "../../src/images/zarr-writer.ts";
import { python, skip } from "./python.ts";

function judged(path: string) {
  const script = join(import.meta.dirname, "images-judge.py");
  return JSON.parse(execFileSync(python, [script, path], { encoding: "utf8" }));
}

function image(shape: ImageShape): Image {
  const data = Uint16Array.from(
    { length: shape.reduce((product, size) => product * size, 1) },
    (_, at) => (at * 31) % 60_013,
  );
  return { shape, sampleType: "uint16", data };
}

/** The judge's number for values in the order in which they are stored. */
const total = (values: ArrayLike<number>) => {
  let sum = 0;
  for (let at = 0; at < values.length; at++) sum += values[at] * (at % 1013);
  return sum;
};

test("tifffile reads a plane of several strips", { skip }, async () => {
  const plane = image([1, 3000, 4001, 1]);
  const path = join(await mkdtemp(join(tmpdir(), "large-")), "plane.tif");
  await writeTiff(path, plane);
  assert.deepEqual(judged(path), {
    shape: [3000, 4001],
    dtype: "uint16",
    total: total(plane.data),
    axes: "YX",
    ome: { SizeX: 4001, SizeY: 3000, SizeC: 1, SizeZ: 1, SizeT: 1, Type: "uint16" },
    imagej: { channels: 1, slices: 1, unit: null, spacing: null },
    resolution: [],
    strips: 2,
    compression: "ADOBE_DEFLATE",
  });
});

test("tifffile finds axes, pixel size and unit in OME's metadata and in ImageJ's", { skip }, async () => {
  const stack = image([4, 20, 30, 2]);
  const path = join(await mkdtemp(join(tmpdir(), "sizes-")), "stack.tif");
  const size = { z: 0.5, y: 0.2, x: 0.1, unit: "µm" };
  await writeTiff(path, stack, size);
  const found = judged(path);
  assert.deepEqual(found.shape, [4, 2, 20, 30]);
  assert.equal(found.axes, "ZCYX");
  assert.deepEqual(found.ome, {
    SizeX: 30,
    SizeY: 20,
    SizeC: 2,
    SizeZ: 4,
    SizeT: 1,
    Type: "uint16",
    PhysicalSizeX: 0.1,
    PhysicalSizeXUnit: "µm",
    PhysicalSizeY: 0.2,
    PhysicalSizeYUnit: "µm",
    PhysicalSizeZ: 0.5,
    PhysicalSizeZUnit: "µm",
  });
  assert.deepEqual(found.imagej, { channels: 2, slices: 4, unit: "um", spacing: 0.5 });
  assert.deepEqual(found.resolution, [10, 5]);
  const source = await openImage(path);
  assert.deepEqual(source.info.pixelSize, size);
  await source.close();
});

for (const [name, create] of [
  ["zarr", createZarr],
  ["h5", createHdf5],
] as const) {
  test(`Python reads ${name} that was written part by part, with its axes`, { skip }, async () => {
    const whole = image([6, 20, 30, 2]);
    const path = join(await mkdtemp(join(tmpdir(), "large-")), `volume.${name}`);
    const writer = await create(path, { ...whole, chunk: [3, 8, 16], axes: "TZCYX" });
    const slice = 20 * 30 * 2;
    for (const z of [0, 3]) {
      const data = whole.data.slice(z * slice, (z + 3) * slice);
      await writer.write([z, 0, 0], { ...whole, shape: [3, 20, 30, 2], data });
    }
    await writer.close();
    const stored = Array.from(whole.data, (_, at) => {
      const [plane, pixel] = [Math.floor(at / 600), at % 600];
      return whole.data[(Math.floor(plane / 2) * 600 + pixel) * 2 + (plane % 2)];
    });
    assert.deepEqual(judged(path), {
      shape: [1, 6, 2, 20, 30],
      dtype: "uint16",
      total: total(stored),
      chunks: [1, 3, 2, 8, 16],
      names: ["t", "z", "c", "y", "x"],
    });
  });
}
