import assert from "node:assert/strict";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { loadConfig } from "../../src/config/config.ts";
import { ImageSet } from "../../src/data/image-set.ts";
import { measureNormalization } from "../../src/data/measure-normalization.ts";
import { normalize } from "../../src/data/normalization.ts";
import { type ImageDemands, inspectImages, PatchSet } from "../../src/data/patches.ts";
import type { Image, ImageShape } from "../../src/images/image.ts";
import { writeTiff } from "../../src/images/tiff-writer.ts";
import { augmentationSteps } from "../../src/workflow/augmentation-settings.ts";
import { InputError } from "../../src/workflow/input-error.ts";
import { magnification } from "../../src/workflow/resolution-norm.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/images/${name}`, import.meta.url));

const DEMANDS: ImageDemands = { patch: [1, 16, 16], channels: 1, ndim: 2, reflect: false };

for (const [name, demands, words] of [
  ["strips.tif", {}, undefined],
  ["rgb.tif", {}, /3 channels.*DATA\.PATCH_SIZE says 1/],
  ["rgb.tif", { channels: 3 }, undefined],
  ["pages.tif", {}, /stack of 3 slices.*PROBLEM\.NDIM/],
  ["pages.tif", { ndim: 3 }, undefined],
  ["strips.tif", { ndim: 3 }, /single plane/],
  ["strips.tif", { patch: [1, 32, 16] }, /17 x 23 pixels, smaller than a patch \(32 x 16\)/],
  ["strips.tif", { patch: [1, 32, 16], reflect: true }, undefined],
  ["broken_empty.tif", {}, /empty/],
  ["broken_text.tif", {}, /no TIFF/],
  ["broken_cut_short.tif", {}, /damaged|cut short/],
  ["pages_differ.tif", { ndim: 3 }, /page 2 is 17 x 20 pixels and the first 17 x 23/],
] as const) {
  test(`${name} is ${words === undefined ? "accepted" : "refused"} with ${JSON.stringify(demands)}`, async () => {
    const { infos, problems } = await inspectImages([fixture(name)], { ...DEMANDS, ...demands });
    if (words === undefined) {
      assert.deepEqual(problems, []);
      assert.equal(infos.length, 1);
      return;
    }
    assert.equal(infos.length, 0);
    assert.match(problems[0].message, words);
    assert.ok(problems[0].message.includes(name), problems[0].message);
    assert.equal(problems[0].file, fixture(name));
  });
}

test("a truncated image is refused before training", async () => {
  const folder = temporaryFolder();
  for (const name of ["strips.tif", "pages.tif", "bigtiff.tif"]) {
    const whole = await readFile(fixture(name));
    const path = join(folder, name);
    // What describes the pages lies before the pixels here.
    await writeFile(path, whole.subarray(0, whole.length - 64));
    const { problems } = await inspectImages([path], { ...DEMANDS, ndim: name === "strips.tif" ? 2 : 3 });
    assert.match(problems[0]?.message ?? "", /cut short|damaged/, name);
  }
});

function noise(shape: ImageShape, seed: number): Image {
  const data = Uint8Array.from(
    { length: shape[1] * shape[2] * shape[3] },
    (_, at) => (at * 31 + seed * 77) % 251,
  );
  return { shape, sampleType: "uint8", data };
}

const PLAIN = { type: "div" } as const;

const { infos: STRIPS } = await inspectImages([fixture("strips.tif")], DEMANDS);
/** Patches of 4 x 4 pixels: 30 of `strips.tif`. */
const SMALL = { patch: [1, 4, 4], overlap: [0, 0, 0], padding: [0, 0, 0] } as const;

test("more files than are kept open are read at once, part by part, as from memory", async () => {
  const folder = temporaryFolder();
  const shape: ImageShape = [1, 20, 30, 1];
  const infos = await Promise.all(
    Array.from({ length: 40 }, async (_, index) => {
      const path = join(folder, `${index}.tif`);
      await writeTiff(path, noise(shape, index));
      return { path, shape, sampleType: "uint8" } as const;
    }),
  );
  const read = async (inMemory: boolean) => {
    const set = new ImageSet(infos, { normalization: PLAIN, inMemory });
    const patches = infos.map(async (_, index) => (await set.image(index)).patch([0, -3, 18], [1, 16, 16]));
    const found = await Promise.all(patches);
    await set.close();
    return found;
  };
  assert.deepEqual(await read(false), await read(true));
});

test("large images are measured two at a time, though all are asked for at once", async () => {
  const folder = temporaryFolder();
  const shape: ImageShape = [1, 2049, 2048, 1];
  const infos = await Promise.all(
    Array.from({ length: 5 }, async (_, index) => {
      const path = join(folder, `${index}.tif`);
      await writeTiff(path, { shape, sampleType: "uint8", data: new Uint8Array(2049 * 2048).fill(index) });
      return { path, shape, sampleType: "uint8" } as const;
    }),
  );
  const set = new ImageSet(infos, { normalization: { type: "zero_mean_unit_variance" }, inMemory: false });
  const [first, ...others] = [0, 1, 2, 3].map((index) => set.image(index));
  const last = assert.rejects(set.image(4), /no such file/);
  await first;
  await rm(infos[4].path);
  await Promise.all([last, ...others]);
  await set.close();
});

test("random patches lie inside their images, at another place in each epoch", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "ramp.tif");
  // Every pixel says where it is.
  const data = Uint16Array.from({ length: 40 * 50 }, (_, at) => at);
  const image: Image = { shape: [1, 40, 50, 1], sampleType: "uint16", data };
  await writeTiff(path, image);
  const images = new ImageSet([{ path, ...image }], { normalization: PLAIN, inMemory: true });
  const tiling = { patch: [1, 16, 16], overlap: [0, 0, 0], padding: [0, 0, 0] } as const;
  const patches = PatchSet.of({ images }, { tiling, randomPlaces: true, seed: 1, augmentation: [] });
  assert.equal(patches.count, 1);
  const corners = new Set<number>();
  for (let epoch = 0; epoch < 30; epoch++) {
    const { image: values } = await patches.read(0, epoch);
    const corner = Math.round(values[0] * 65535);
    assert.equal(Math.round(values[255] * 65535), corner + 15 * 50 + 15, "a patch is one piece of its image");
    corners.add(corner);
    assert.deepEqual((await patches.read(0, epoch)).image, values, "an epoch has its own places");
  }
  assert.ok(corners.size > 20, String(corners.size));
});

test("random patches are centered on foreground as often as its weight says, on objects that touch no border", async () => {
  const folder = temporaryFolder();
  const set = async (name: string, data: Uint16Array) => {
    const image: Image = { shape: [1, 60, 60, 1], sampleType: "uint16", data };
    const path = join(folder, name);
    await writeTiff(path, image);
    return new ImageSet([{ path, ...image }], { normalization: PLAIN, inMemory: true });
  };
  const place = Uint16Array.from({ length: 3600 }, (_, at) => at);
  const mask = new Uint16Array(3600);
  // Nine pixels inside, and an object over the corner that touches the border at one pixel only.
  for (let y = 30; y < 33; y++) for (let x = 40; x < 43; x++) mask[y * 60 + x] = 7;
  for (let at = 0; at < 10; at++) mask[at * 60 + at] = 3;
  const pairs = { images: await set("a.tif", place), targets: await set("m.tif", mask), labels: true };
  const tiling = { patch: [1, 9, 9], overlap: [0, 0, 0], padding: [0, 0, 0] } as const;
  const share = async (foreground: number, background: number) => {
    const placeWeights = { foreground, background };
    const patches = PatchSet.of(pairs, {
      tiling,
      randomPlaces: true,
      seed: 1,
      augmentation: [],
      placeWeights,
    });
    let hits = 0;
    for (let epoch = 0; epoch < 400; epoch++) {
      const { image } = await patches.read(0, epoch);
      const center = Math.round((image[40] ?? 0) * 65535);
      if (mask[center] === 7) hits++;
      for (const at of [Math.floor(center / 60), center % 60])
        assert.ok(at >= 4 && at < 56, "patches lie inside the image");
    }
    return hits / 400;
  };
  assert.equal(await share(1, 0), 1);
  assert.equal(await share(0, 1), 0);
  const half = await share(0.5, 0.5);
  assert.ok(Math.abs(half - 0.5) < 0.1, String(half));
});

test("patches of images with larger pixels show a smaller part of them, and masks keep their values", async () => {
  const folder = temporaryFolder();
  const set = async (name: string, value: (y: number, x: number) => number) => {
    const data = Uint16Array.from({ length: 3600 }, (_, at) => value(Math.floor(at / 60), at % 60));
    const image: Image = { shape: [1, 60, 60, 1], sampleType: "uint16", data };
    const path = join(folder, name);
    await writeTiff(path, image);
    return new ImageSet([{ path, ...image }], { normalization: PLAIN, inMemory: true });
  };
  const images = await set("ramp.tif", (y, x) => 300 + 20 * y + x);
  const targets = await set("mask.tif", (_, x) => (x < 30 ? 2 : 9));
  const tiling = { patch: [1, 20, 20], overlap: [0, 0, 0], padding: [0, 0, 0] } as const;
  const middle = 4;
  for (const factor of [2, 0.5, 1.3]) {
    const settings = { tiling, randomPlaces: false, seed: 1, augmentation: [], magnification: () => factor };
    const patches = PatchSet.of({ images, targets, labels: true }, settings);
    const { image, target = new Float32Array() } = await patches.read(middle, 0);
    // The patch's middle stays where it is: between the pixels 29 and 30.
    for (const [y, x] of [
      [0, 0],
      [7, 12],
      [19, 19],
    ]) {
      const shown = (at: number) => 29.5 + (at - 9.5) / factor;
      const wanted = 300 + 20 * shown(y) + shown(x);
      assert.ok(Math.abs((image[y * 20 + x] ?? 0) * 65535 - wanted) < 0.05, `${factor}: ${y}, ${x}`);
    }
    const labels = Array.from(target, (value) => Math.round(value * 255));
    assert.deepEqual([...new Set(labels)], [2, 9]);
    assert.equal(labels.indexOf(9), 10, "the border of the mask stays in the middle");
  }
});

test("pixel sizes are read from resolution.json beside the folder of images", async () => {
  const folder = temporaryFolder();
  await mkdir(join(folder, "train"));
  const config = (text = "") =>
    loadConfig(
      "a.yaml",
      `DATA: {TRAIN: {PATH: ${join(folder, "train")}/}, RESOLUTION_NORM: {ENABLE: True, TARGET_RESOLUTION: "(1.0, 0.5, 0.5)"}${text}}`,
    ).config;
  const infos = ["a.tif", "b.tif"].map((name) => ({
    path: join(folder, "train", name),
    shape: [1, 8, 8, 1] as const,
    sampleType: "uint8" as const,
  }));
  const said: string[] = [];
  const factors = async () => {
    const read = await magnification(config(), "TRAIN", infos, (event) => said.push(JSON.stringify(event)));
    return infos.map((info) => read?.(info));
  };
  assert.deepEqual(await factors(), [1, 1]);
  await writeFile(join(folder, "resolution.json"), '{"a.tif": [2, 1.0, 1.0]}');
  assert.deepEqual(await factors(), [2, 1]);
  assert.match(said[1], /1 of 2 images .* the others keep their size/);
  const named = (error: unknown) => error instanceof InputError && error.message.includes("resolution.json");
  for (const content of ['{"a.tif": "large"}', "{"]) {
    await writeFile(join(folder, "resolution.json"), content);
    await assert.rejects(factors(), named);
  }
  await rm(join(folder, "resolution.json"));
  await mkdir(join(folder, "resolution.json"));
  await assert.rejects(factors(), named);
});

test("a share of the patches is set apart for validation, and the rest is for training", async () => {
  const images = new ImageSet(STRIPS, { normalization: PLAIN, inMemory: true });
  const settings = { tiling: SMALL, randomPlaces: false, seed: 5, augmentation: [] };
  const all = PatchSet.of({ images }, settings);
  const [rest, apart] = all.split(0.2);
  assert.deepEqual([rest.count, apart.count], [24, 6]);
  const read = async (set: PatchSet) =>
    Promise.all(
      Array.from({ length: set.count }, async (_, index) => String((await set.read(index, 0)).image)),
    );
  assert.deepEqual([...(await read(rest)), ...(await read(apart))].sort(), (await read(all)).sort());
  assert.equal(all.imageName(0), "strips.tif");
  const [first, last] = all.split(0.2, false);
  assert.deepEqual(
    [...(await read(first)), ...(await read(last))],
    await read(all),
    "the last ones, in order",
  );
});

test("a patch that is repeated in an epoch is augmented differently each time", async () => {
  const images = new ImageSet(STRIPS, { normalization: PLAIN, inMemory: true });
  const { config } = loadConfig(
    "a.yaml",
    "AUGMENTOR: {ENABLE: True, BRIGHTNESS: True, BRIGHTNESS_PROB: 1.0}",
  );
  const settings = { tiling: SMALL, randomPlaces: false, seed: 5, augmentation: augmentationSteps(config) };
  const once = PatchSet.of({ images }, settings);
  const thrice = once.repeated(3);
  assert.equal(thrice.count, 3 * once.count);
  const copies = [0, 1, 2].map((copy) => copy * once.count);
  const plain = await Promise.all(copies.map(async (index) => String((await thrice.read(index, 0)).image)));
  assert.equal(new Set(plain).size, 1);
  const seen = await Promise.all(
    copies.map(async (index) => String((await thrice.readAugmented(index, 0)).image)),
  );
  assert.equal(new Set(seen).size, 3);
});

test("augmented patches read a second patch only for augmentations that mix two", async () => {
  let read = 0;
  class CountedSet extends ImageSet {
    override image(index: number) {
      read++;
      return super.image(index);
    }
  }
  const images = new CountedSet(STRIPS, { normalization: PLAIN, inMemory: true });
  const readsFor = async (name: string) => {
    const { config } = loadConfig("a.yaml", `AUGMENTOR: {ENABLE: True, ${name}: True, ${name}_PROB: 1.0}`);
    const settings = { tiling: SMALL, randomPlaces: false, seed: 5, augmentation: augmentationSteps(config) };
    read = 0;
    await PatchSet.of({ images }, settings).readAugmented(0, 0);
    return read;
  };
  assert.equal(await readsFor("BRIGHTNESS"), 1);
  assert.equal(await readsFor("CUTMIX"), 2);
});

test("values are clipped to percentiles, as NumPy counts them, or to values a channel, before they are normalized", async () => {
  const data = Uint16Array.from({ length: 2 * 1001 }, (_, at) => (at % 2 === 0 ? at / 2 : 5000 - at));
  const image: Image = { shape: [1, 7, 143, 2], sampleType: "uint16", data };
  const percentiles = { type: "scale_range", clip: { percentiles: [2.05, 90] } } as const;
  const [first, second] = await measureNormalization(() => [image], 2, percentiles);
  // 0 to 1000 in steps of 1, and 2999 to 4999 in steps of 2.
  assert.deepEqual(
    first.clip?.map((value) => Math.round(value * 1e6) / 1e6),
    [20.5, 900],
  );
  assert.deepEqual(
    second.clip?.map((value) => Math.round(value * 1e6) / 1e6),
    [3040, 4799],
  );
  const values = normalize(image, [first, second]);
  assert.deepEqual([Math.min(...values), Math.max(...values)], [0, 1]);
  const given = { type: "div", clip: { lower: [100, 3000], upper: [200] } } as const;
  const clipped = normalize(image, await measureNormalization(() => [image], 2, given));
  const range = (channel: number) => {
    const own = [...clipped.filter((_, at) => at % 2 === channel)];
    return [Math.min(...own), Math.max(...own)];
  };
  assert.deepEqual(
    range(0).map((value) => Math.round(value * 255)),
    [100, 200],
  );
  assert.equal(range(1)[0], range(1)[1]);
});
