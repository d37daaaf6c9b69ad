import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ImageSet, type NormalizedImage } from "../../src/data/image-set.ts";
import { opposite, orientations, oriented } from "../../src/data/orientation.ts";
import type { Box, TilingSettings } from "../../src/data/tiling.ts";
import { readImage } from "../../src/images/files.ts";
import { createHdf5 } from "../../src/images/hdf5-writer.ts";
import { type Image, type ImageShape, type SampleType, sampleArray } from "../../src/images/image.ts";
import { storedParts } from "../../src/images/parts.ts";
import { writeTiff } from "../../src/images/tiff-writer.ts";
import { createZarr } from "../../src/images/zarr-writer.ts";
import { type PartFile, predictByChunks } from "../../src/workflow/by-chunks.ts";
import { type PatchModel, predictImage, predictParts, type Watch } from "../../src/workflow/predict.ts";
import { augmentedModel } from "../../src/workflow/test-time-augmentation.ts";
import { inOwnRange } from "../../src/workflow/write-image.ts";

function noise(shape: ImageShape, sampleType: SampleType): Image {
  const data = sampleArray(
    sampleType,
    shape.reduce((product, size) => product * size, 1),
  );
  for (let at = 0; at < data.length; at++) data[at] = (at * 7919 + (at % 13) * 104729) % 251;
  return { shape, sampleType, data };
}

async function stored(name: string, image: Image, chunk: Box): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), "predict-")), name);
  if (name.endsWith(".tif")) await writeTiff(path, image);
  else {
    const create = name.endsWith(".h5") ? createHdf5 : createZarr;
    const writer = await create(path, { ...image, chunk, axes: "TZCYX" });
    await writer.write([0, 0, 0], image);
    await writer.close();
  }
  return path;
}

const sets: ImageSet[] = [];
after(async () => {
  for (const set of sets) await set.close();
});

function imageSet(path: string, { shape, sampleType }: Image, inMemory: boolean): ImageSet {
  const set = new ImageSet([{ path, shape, sampleType }], { normalization: { type: "div" }, inMemory });
  sets.push(set);
  return set;
}

/** A model whose predictions of overlapping patches differ: they depend on the patch's number and the pixel's place in it. */
const MODEL: PatchModel = {
  batchSize: 3,
  outputs: ["twice", "place"],
  run: async (patches, tiles) => ({
    twice: patches.map((values, sample) => values.map((value) => 2 * value + (tiles[sample] % 5) / 50)),
    place: patches.map((values) => values.map((_, at) => (at % 97) / 97)),
  }),
};

/** A file of the model's output `twice`, in the image's own range and pixel type. */
const twiceFile = (path: string, image: NormalizedImage): PartFile => ({
  path,
  channels: image.info.shape[3],
  sampleType: image.info.sampleType,
  values: ({ values }) => inOwnRange(values.twice, image),
});

const WATCH: Watch = { progress: () => {}, signal: new AbortController().signal };

const CASES: [string, string, ImageShape, TilingSettings][] = [
  [
    "a stack in Zarr",
    "stack.zarr",
    [21, 45, 50, 1],
    { patch: [8, 16, 16], overlap: [0.25, 0.5, 0.25], padding: [1, 2, 0] },
  ],
  [
    "a stack of two channels in HDF5",
    "stack.h5",
    [17, 40, 41, 2],
    { patch: [8, 16, 16], overlap: [0, 0, 0.5], padding: [0, 1, 1] },
  ],
  [
    "a stack in TIFF",
    "stack.tif",
    [13, 33, 50, 1],
    { patch: [4, 16, 16], overlap: [0.5, 0, 0], padding: [0, 3, 2] },
  ],
  [
    "a plane in TIFF",
    "plane.tif",
    [1, 120, 90, 1],
    { patch: [1, 16, 24], overlap: [0, 0.5, 0.5], padding: [0, 2, 4] },
  ],
  [
    "an image smaller than a patch",
    "small.tif",
    [1, 13, 11, 3],
    { patch: [1, 16, 16], overlap: [0, 0, 0], padding: [0, 1, 0] },
  ],
];

for (const [what, name, shape, tiling] of CASES) {
  test(`${what} predicted part by part in little memory equals the whole image's prediction`, async () => {
    const image = noise(shape, "uint8");
    const path = await stored(name, image, [5, 12, 20]);
    const whole = await predictImage(MODEL, await imageSet(path, image, true).image(0), { tiling });
    const byParts = await imageSet(path, image, false).image(0);
    const workingBytes = 40_000;
    assert.deepEqual(await predictImage(MODEL, byParts, { tiling, workingBytes }), whole);
    const middle = { start: [0, 3, 5], end: [Math.min(9, shape[0]), 10, 9] } as const;
    const part = await predictImage(MODEL, byParts, { tiling, region: middle });
    let at = 0;
    for (let z = 0; z < middle.end[0]; z++)
      for (let y = 3; y < 10; y++)
        for (let x = 5; x < 9; x++)
          for (let channel = 0; channel < shape[3]; channel++)
            assert.equal(
              part.twice[at++],
              whole.twice[((z * shape[1] + y) * shape[2] + x) * shape[3] + channel],
            );
  });
}

test("little memory makes several blocks, whose parts begin at chunks and cover the image once", async () => {
  const shape: ImageShape = [21, 45, 50, 1];
  const image = noise(shape, "uint8");
  const path = await stored("stack.zarr", image, [5, 12, 20]);
  const tiling: TilingSettings = { patch: [8, 16, 16], overlap: [0.25, 0.5, 0.25], padding: [1, 2, 0] };
  const chunk: Box = [6, 12, 16];
  const seen = new Uint8Array(shape[0] * shape[1] * shape[2]);
  const columns = new Set<string>();
  const source = await imageSet(path, image, false).image(0);
  for await (const { region } of predictParts(MODEL, source, { tiling, chunk, workingBytes: 40_000 })) {
    columns.add(`${region.start[1]} ${region.start[2]}`);
    for (const axis of [0, 1, 2]) assert.equal(region.start[axis] % chunk[axis], 0);
    for (let z = region.start[0]; z < region.end[0]; z++)
      for (let y = region.start[1]; y < region.end[1]; y++)
        for (let x = region.start[2]; x < region.end[2]; x++) seen[(z * shape[1] + y) * shape[2] + x]++;
  }
  assert.ok(columns.size > 3, String(columns.size));
  assert.ok(seen.every((times) => times === 1));
});

for (const name of ["out.zarr", "out.h5"]) {
  test(`${name} holds the prediction in the image's own range, and a TIFF beside it the same`, async () => {
    const image = noise([12, 40, 44, 2], "uint16");
    const folder = await mkdtemp(join(tmpdir(), "predict-"));
    const tiling: TilingSettings = { patch: [4, 16, 16], overlap: [0, 0.25, 0.25], padding: [1, 0, 2] };
    const source = await imageSet(await stored("in.zarr", image, [4, 16, 16]), image, false).image(0);
    const settings = { chunk: [2, 16, 12], axes: "TZCYX", alsoTiff: true } as const;
    const path = join(folder, name);
    await predictByChunks({
      model: MODEL,
      image: source,
      tiling,
      settings,
      watch: WATCH,
      workingBytes: 1e5,
      files: [twiceFile(path, source)],
    });
    const { twice } = await predictImage(MODEL, source, { tiling });
    const written = await readImage(path);
    assert.deepEqual(written.shape, image.shape);
    assert.deepEqual(
      [...written.data],
      [...twice].map((value) => Math.min(Math.round(value * 255), 65535)),
    );
    assert.deepEqual(await readImage(join(folder, "out.tif")), written);
    assert.deepEqual((await readdir(folder)).sort(), ["out.tif", name].sort());
  });

  test(`a prediction that is stopped leaves nothing of ${name}`, async () => {
    const image = noise([12, 40, 44, 1], "uint16");
    const folder = await mkdtemp(join(tmpdir(), "predict-"));
    const source = await imageSet(await stored("in.zarr", image, [4, 16, 16]), image, false).image(0);
    const stop = new AbortController();
    const watch: Watch = {
      signal: stop.signal,
      progress: (done, total) => {
        if (done > total / 2) stop.abort();
      },
    };
    await assert.rejects(
      predictByChunks({
        model: MODEL,
        image: source,
        tiling: { patch: [4, 16, 16], overlap: [0, 0, 0], padding: [0, 0, 0] },
        settings: { chunk: [4, 16, 16], axes: "TZCYX", alsoTiff: true },
        watch,
        files: [twiceFile(join(folder, name), source)],
      }),
      { name: "AbortError" },
    );
    assert.deepEqual(await readdir(folder), []);
  });
}

test("of two files, an unfinished one is deleted if the other cannot be finished", async () => {
  const image = noise([4, 16, 16, 1], "uint16");
  const folder = await mkdtemp(join(tmpdir(), "predict-"));
  const source = await imageSet(await stored("in.zarr", image, [4, 16, 16]), image, false).image(0);
  const prediction = predictByChunks({
    model: MODEL,
    image: source,
    tiling: { patch: [4, 16, 16], overlap: [0, 0, 0], padding: [0, 0, 0] },
    settings: { chunk: [4, 16, 16], axes: "TZCYX", alsoTiff: false },
    watch: { signal: new AbortController().signal, progress: () => {} },
    files: ["first.h5", "second.h5"].map((name) => twiceFile(join(folder, name), source)),
    // Without its unfinished file, the first one cannot be renamed.
    predicted: async () => {
      const unfinished = (await readdir(folder)).filter((name) => name.startsWith("first.h5"));
      assert.equal(unfinished.length, 1);
      await rm(join(folder, unfinished[0]));
    },
  });
  await assert.rejects(prediction, /first\.h5/);
  assert.deepEqual(await readdir(folder), []);
});

test("8 orientations of a plane and 16 of a stack are all different, and each is undone by its opposite", () => {
  for (const [ndim, size, count] of [
    [2, [1, 4, 4], 8],
    [3, [3, 4, 4], 16],
  ] as const) {
    const values = Float32Array.from({ length: 2 * size[0] * size[1] * size[2] }, (_, at) => at);
    const all = orientations(ndim, true);
    const moved = all.map((orientation) => oriented(values, size, orientation));
    assert.equal(new Set(moved.map(String)).size, count);
    assert.deepEqual(moved[0], values);
    all.forEach((orientation, index) => {
      assert.deepEqual(oriented(moved[index], size, opposite(orientation)), values);
    });
    assert.equal(orientations(ndim, false).length, count / 2);
  }
});

test("test-time augmentation merges what is predicted in every orientation", async () => {
  const size: Box = [1, 3, 3];
  const values = Float32Array.from({ length: 9 }, (_, at) => at);
  /** Adds 9 at the first pixel, whichever that is in an orientation: one of the four corners. */
  const corner: PatchModel = {
    batchSize: 1,
    outputs: ["out"],
    run: async (patches) => ({
      out: patches.map((patch) => patch.map((value, at) => value + (at === 0 ? 9 : 0))),
    }),
  };
  const merged = async (mode: "mean" | "min" | "max") => {
    const model = augmentedModel(corner, size, orientations(2, true), mode);
    return [...(await model.run([values], [0])).out[0]];
  };
  const corners = [0, 2, 6, 8];
  const added = (amount: number) =>
    [...values].map((value, at) => value + (corners.includes(at) ? amount : 0));
  assert.deepEqual(await merged("max"), added(9));
  assert.deepEqual(await merged("min"), added(0));
  assert.deepEqual(await merged("mean"), added(9 / 4));
});

test("an image is measured along the pieces that it is stored in", () => {
  const parts = [...storedParts([30, 100, 100, 1], [8, 32, 64], 8 * 32 * 128)];
  assert.deepEqual(parts[0], { start: [0, 0, 0], end: [8, 32, 100] });
  const voxels = parts.reduce(
    (sum, { start, end }) => sum + (end[0] - start[0]) * (end[1] - start[1]) * (end[2] - start[2]),
    0,
  );
  assert.equal(voxels, 300_000);
});

test("padding around a stack is filled with the medians of its outer planes, as far as BiaPy fills it", async () => {
  const shown = async (shape: ImageShape) => {
    const [, height, width] = shape;
    const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
    for (let at = 0; at < data.length; at++) data[at] = 10 * Math.floor(at / height / width);
    const image = { shape, sampleType: "float32", data } as const;
    const set = imageSet(await stored("stack.tif", image, [1, 1, 1]), image, false);
    const patches: Float32Array[] = [];
    const model: PatchModel = {
      batchSize: 1,
      outputs: ["same"],
      run: async ([patch]) => {
        patches.push(Float32Array.from(patch));
        return { same: [patch] };
      },
    };
    const tiling = { patch: [8, 7, 7], overlap: [0, 0, 0], padding: [1, 1, 1], medianPadding: true } as const;
    await predictImage(model, await set.image(0), { tiling });
    return (patch: number, z: number, y: number, x: number) =>
      Math.round(255 * (patches.at(patch)?.[(z * 7 + y) * 7 + x] ?? -1));
  };
  const tall = await shown([9, 8, 8, 1]);
  assert.deepEqual([tall(0, 0, 3, 3), tall(0, 1, 3, 3), tall(0, 7, 3, 3)], [0, 0, 60], "above, and inside");
  assert.deepEqual([tall(-1, 7, 3, 3), tall(-1, 6, 3, 3)], [80, 80], "below, and inside");
  assert.deepEqual([tall(0, 2, 0, 3), tall(0, 2, 3, 0), tall(0, 0, 0, 3)], [40, 40, 40], "y and x over z");
  assert.deepEqual([tall(-1, 2, 6, 3), tall(-1, 2, 3, 6)], [40, 40], "the far sides");
  // The far side of y ends where the depth does: here before the border, which stays mirrored.
  const flat = await shown([9, 12, 12, 1]);
  assert.deepEqual([flat(-1, 3, 6, 3), flat(-1, 3, 3, 6)], [50, 40]);
});
