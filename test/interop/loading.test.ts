/** RESOLUTION_NORM and PROBABILITY_MAP: training patches as BiaPy's own data loading makes them. Needs BIAPY_PYTHON. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { loadConfig } from "../../src/config/config.ts";
import { ImageSet } from "../../src/data/image-set.ts";
import { PatchSet, type PatchSettings } from "../../src/data/patches.ts";
import type { Image } from "../../src/images/image.ts";
import { writeTiff } from "../../src/images/tiff-writer.ts";
import { magnification } from "../../src/workflow/resolution-norm.ts";
import { python, skip } from "./python.ts";

const folder = mkdtempSync(join(tmpdir(), "biapy-loading-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Pixels of the image's edge, and of a patch's. */
const [EDGE, PATCH] = [60, 20];
const PLAIN = { type: "zero_mean_unit_variance", custom: { mean: [0], deviation: [1] } } as const;

/** An image whose values tell their place, and a mask: two objects, and one at the border. */
const place = (y: number, x: number) => EDGE * y + x;
const inside = (y: number, x: number, box: readonly [number, number, number, number]) =>
  y >= box[0] && y < box[1] && x >= box[2] && x < box[3];
const OBJECTS = { large: [20, 28, 30, 40], small: [40, 44, 12, 16], border: [0, 14, 0, 14] } as const;
const label = (y: number, x: number) => Number(Object.values(OBJECTS).some((box) => inside(y, x, box)));

async function written(name: string, value: (y: number, x: number) => number): Promise<ImageSet> {
  mkdirSync(join(folder, name), { recursive: true });
  const data = Uint16Array.from({ length: EDGE ** 2 }, (_, at) => value(Math.floor(at / EDGE), at % EDGE));
  const image: Image = { shape: [1, EDGE, EDGE, 1], sampleType: "uint16", data };
  const path = join(folder, name, "a.tif");
  await writeTiff(path, image);
  return new ImageSet([{ path, ...image }], { normalization: PLAIN, inMemory: true });
}

function configuration(name: string, data: string): string {
  const file = join(folder, `${name}.yaml`);
  const paths = `PATH: ${join(folder, "image")}, GT_PATH: ${join(folder, "mask")}`;
  writeFileSync(
    file,
    `PROBLEM: {TYPE: SEMANTIC_SEG, NDIM: 2D}
DATA:
  PATCH_SIZE: "(${PATCH},${PATCH},1)"
  VAL: {FROM_TRAIN: False, ${paths}}
  NORMALIZATION: {TYPE: zero_mean_unit_variance, ZERO_MEAN_UNIT_VAR: {MEAN_VAL: [0.0], STD_VAL: [1.0]}}
${data.replace("PATHS", paths)}
MODEL: {ARCHITECTURE: unet, FEATURE_MAPS: [4, 8, 16]}
AUGMENTOR: {ENABLE: False}
TRAIN: {ENABLE: True, EPOCHS: 1}
`,
  );
  return file;
}

interface Patch {
  readonly image: ArrayLike<number>;
  readonly mask: ArrayLike<number>;
}

function judged(cases: readonly (readonly [file: string, count: number, centered: boolean])[]): Patch[][] {
  const results = mkdtempSync(join(folder, "results-"));
  const script = join(import.meta.dirname, "loading-judge.py");
  execFileSync(python, [script, results], { input: JSON.stringify(cases), stdio: ["pipe", "pipe", "pipe"] });
  return JSON.parse(readFileSync(join(results, "patches.json"), "utf8"));
}

const tiling = { patch: [1, PATCH, PATCH], overlap: [0, 0, 0], padding: [0, 0, 0] } as const;

/** The patch in the middle of the image. */
const MIDDLE = 4;

test("patches of images at other pixel sizes are BiaPy's", { skip }, async () => {
  const [images, targets] = [await written("image", place), await written("mask", label)];
  const files = [0.5, 2].map((target) =>
    configuration(
      `resolution${target * 10}`,
      `  TRAIN: {PATHS, IN_MEMORY: False}\n  RESOLUTION_NORM: {ENABLE: True, TARGET_RESOLUTION: "(1.0, ${target.toFixed(1)}, ${target.toFixed(1)})"}`,
    ),
  );
  writeFileSync(join(folder, "resolution.json"), '{"a.tif": [2.0, 1.0, 1.0]}');
  const all = judged(files.map((file) => [file, 0, true]));
  for (const [index, file] of files.entries()) {
    const { config } = loadConfig(file);
    const enlarged = await magnification(config, "TRAIN", images.infos, () => {});
    const settings: PatchSettings = {
      tiling,
      randomPlaces: false,
      seed: 1,
      augmentation: [],
      magnification: enlarged,
    };
    const set = PatchSet.of({ images, targets, labels: true }, settings);
    assert.equal(set.count, all[index].length);
    for (const [number, biapys] of all[index].entries()) {
      const { image, target } = await set.read(number, 0);
      // Where a patch shows more than its part, BiaPy reads less around it at the image's border.
      if (file === files[1] && number !== MIDDLE) continue;
      for (const [at, value] of image.entries())
        assert.ok(
          Math.abs(value - biapys.image[at]) < 0.02,
          `${file}: ${value}, ${biapys.image[at]} at ${at}`,
        );
      const labels = Array.from(target ?? [], (value) => Math.round(value * 255 * 257));
      const others = labels.filter((value, at) => Number(value > 0) !== biapys.mask[at]).length;
      assert.ok(others <= 0.02 * labels.length, `${others} pixels of the mask differ`);
    }
  }
});

/** Where a patch begins, told by its first pixel. */
const origin = ({ image }: Patch) => [Math.floor(image[0] / EDGE), image[0] % EDGE] as const;

/** The share of patches that are centered in each object. */
function shares(patches: readonly Patch[]): Record<keyof typeof OBJECTS, number> {
  const share = (box: (typeof OBJECTS)[keyof typeof OBJECTS]) =>
    patches.filter((patch) => {
      const [y, x] = origin(patch);
      return inside(y + PATCH / 2, x + PATCH / 2, box);
    }).length / patches.length;
  return { large: share(OBJECTS.large), small: share(OBJECTS.small), border: share(OBJECTS.border) };
}

test("patches are centered on foreground as often as by BiaPy's probability map", { skip }, async () => {
  const [images, targets] = [await written("image", place), await written("mask", label)];
  const weights = { foreground: 0.8, background: 0.2 };
  const file = configuration(
    "probability",
    "  TRAIN: {PATHS, EXTRACT_RANDOM_PATCH: True, PROBABILITY_MAP: True, W_FOREGROUND: 0.8, W_BACKGROUND: 0.2}",
  );
  const [biapys] = judged([[file, 3000, false]]);
  const settings: PatchSettings = {
    tiling,
    randomPlaces: true,
    seed: 1,
    augmentation: [],
    placeWeights: weights,
  };
  const set = PatchSet.of({ images, targets, labels: true }, settings);
  const own: Patch[] = [];
  for (let epoch = 0; epoch < 3000; epoch++) {
    const { image, target = image } = await set.read(0, epoch);
    own.push({ image, mask: target });
  }
  const [theirs, ours] = [shares(biapys), shares(own)];
  assert.ok(theirs.large > 0.6 && theirs.small > 0.1 && theirs.border < 0.1, JSON.stringify(theirs));
  for (const name of ["large", "small", "border"] as const)
    assert.ok(Math.abs(theirs[name] - ours[name]) < 0.04, `${name}: ${theirs[name]}, ${ours[name]}`);
});
