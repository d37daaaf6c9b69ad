/** Segmentation beside BiaPy's own: predictions of each other's checkpoints, and IoU after the same epochs. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import type { ResultTree } from "../../src/facts/result-tree.ts";
import { listImages, openImage, readImage } from "../../src/images/files.ts";
import { writeTiff } from "../../src/images/tiff-writer.ts";
import { byBiapy, byOurs, mean, type Runner } from "./biapy-run.ts";
import { skip } from "./python.ts";

const samples = (name: string) => join(import.meta.dirname, "../../media/samples", name);

interface Case {
  readonly name: string;
  readonly ndim: "2D" | "3D";
  readonly classes: number;
  /** `[z, y, x]` of the images that are tested: one patch, so that nothing is cut or blended. */
  readonly size: readonly [z: number, y: number, x: number];
  readonly model: string;
  readonly loss: string;
}

const CASES: readonly Case[] = [
  {
    name: "two classes in 2D",
    ndim: "2D",
    classes: 2,
    size: [1, 64, 64],
    model: "{ARCHITECTURE: unet, FEATURE_MAPS: [4, 8, 16], DROPOUT_VALUES: [0., 0., 0.]}",
    loss: "{TYPE: [CE], WEIGHTS: [1.0]}",
  },
  {
    name: "three classes in 3D",
    ndim: "3D",
    classes: 3,
    size: [16, 24, 24],
    model: "{ARCHITECTURE: resunet, FEATURE_MAPS: [4, 8, 16], DROPOUT_VALUES: [0., 0., 0.]}",
    loss: "{TYPE: [DICE, CE], WEIGHTS: [0.5, 1.0], CLASS_WEIGHTS: [1.0, 2.0, 1.5]}",
  },
  {
    name: "two classes by a transformer",
    ndim: "2D",
    classes: 2,
    size: [1, 64, 64],
    model:
      "{ARCHITECTURE: unetr, VIT_TOKEN_SIZE: 8, VIT_EMBED_DIM: 24, VIT_NUM_LAYERS: 3, VIT_NUM_HEADS: 2, UNETR_VIT_NUM_FILTERS: 4, DROPOUT_VALUES: [0.]}",
    loss: "{TYPE: [DICE], WEIGHTS: [1.0]}",
  },
];

/** Writes parts of the sample images, and masks of as many classes: bright nuclei are a class of their own. */
async function images(folder: string, { ndim, classes, size }: Case): Promise<void> {
  const from = samples(`${ndim.toLowerCase()}/train`);
  const end = size;
  for (const path of (await listImages(from)).slice(0, 4))
    for (const name of ["x", "y"]) {
      const source = await openImage(name === "x" ? path : join(`${from}-masks`, basename(path)));
      const part = await source.read({ start: [0, 0, 0], end });
      await source.close();
      await mkdir(join(folder, name), { recursive: true });
      if (name === "y" && classes > 2) {
        const image = await readImage(path);
        const bright = Float32Array.from(image.data).reduce((most, value) => Math.max(most, value), 0) / 2;
        const { shape, data } = await readImage(join(folder, "x", basename(path)));
        const labels = Uint8Array.from(part.data, (value, at) =>
          value === 0 ? 0 : data[at] > bright ? 2 : 1,
        );
        await writeTiff(join(folder, name, basename(path)), { shape, sampleType: "uint8", data: labels });
      } else await writeTiff(join(folder, name, basename(path)), part);
    }
}

function configuration(
  folder: string,
  { ndim, classes, size, model, loss }: Case,
  checkpoint?: string,
): string {
  const patch = ndim === "3D" ? size : size.slice(1);
  const loaded = checkpoint === undefined ? "" : ", LOAD_CHECKPOINT: True";
  const paths = checkpoint === undefined ? "" : `PATHS: {CHECKPOINT_FILE: ${checkpoint}}\n`;
  return `PROBLEM: {TYPE: SEMANTIC_SEG, NDIM: ${ndim}}
SYSTEM: {NUM_CPUS: 1, NUM_WORKERS: 0, SEED: 1}
DATA:
  N_CLASSES: ${classes}
  PATCH_SIZE: (${patch.join(",")},1)
  TRAIN: {PATH: ${folder}/x, GT_PATH: ${folder}/y, IN_MEMORY: True}
  VAL: {FROM_TRAIN: False, PATH: ${folder}/x, GT_PATH: ${folder}/y, IN_MEMORY: True}
  TEST: {PATH: ${folder}/x, GT_PATH: ${folder}/y, LOAD_GT: True, IN_MEMORY: True}
MODEL: ${model.replace("}", `${loaded}}`)}
LOSS: ${loss}
TRAIN: {ENABLE: ${checkpoint === undefined ? "True" : "False"}, EPOCHS: 2, BATCH_SIZE: 1, OPTIMIZER: ADAMW, LR: 2.E-3}
TEST: {ENABLE: True}
${paths}`;
}

for (const each of CASES)
  test(`${each.name}: a checkpoint of either predicts the same by the other`, { skip }, async () => {
    const folder = await mkdtemp(join(tmpdir(), "segmentation-"));
    await images(folder, each);
    const both: readonly (readonly [string, Runner, Runner])[] = [
      ["ours", byOurs, byBiapy],
      ["theirs", byBiapy, byOurs],
    ];
    for (const [name, train, predict] of both) {
      const [trained] = await train(folder, [{ name, text: configuration(folder, each) }]);
      const text = configuration(folder, each, trained.bestCheckpoint);
      const [predicted] = await predict(folder, [{ name: `${name}_by_the_other`, text }]);
      for (const path of await listImages(trained.perImage)) {
        const expected = await readImage(path);
        const found = await readImage(join(predicted.perImage, basename(path)));
        assert.deepEqual(found.shape, expected.shape);
        const farthest = Float32Array.from(expected.data).reduce(
          (most, value, at) => Math.max(most, Math.abs(value - found.data[at])),
          0,
        );
        assert.ok(farthest < 1e-4, `${name}, ${basename(path)}: ${farthest}`);
        const classes = await readImage(join(trained.perImageBinarized, basename(path)));
        const others = await readImage(join(predicted.perImageBinarized, basename(path)));
        assert.deepEqual([others.shape, others.sampleType], [classes.shape, classes.sampleType]);
        const different = [...classes.data].filter((value, at) => value !== others.data[at]).length;
        assert.ok(different <= classes.data.length / 500, `${different} pixels have another class`);
      }
    }
  });

const EPOCHS = 6;
const SEEDS = [1, 2, 3];

const learning = (seed: number) => `PROBLEM: {TYPE: SEMANTIC_SEG, NDIM: 2D}
SYSTEM: {NUM_CPUS: 1, NUM_WORKERS: 0, SEED: ${seed}}
DATA:
  N_CLASSES: 2
  PATCH_SIZE: (64,64,1)
  TRAIN: {PATH: ${samples("2d/train")}, GT_PATH: ${samples("2d/train-masks")}, IN_MEMORY: True}
  VAL: {FROM_TRAIN: True, SPLIT_TRAIN: 0.1, IN_MEMORY: True}
  TEST: {PATH: ${samples("2d/test")}, GT_PATH: ${samples("2d/test-masks")}, LOAD_GT: True, IN_MEMORY: True}
AUGMENTOR: {ENABLE: True, HFLIP: True, VFLIP: True}
MODEL: {ARCHITECTURE: unet, FEATURE_MAPS: [8, 16, 32], DROPOUT_VALUES: [0., 0., 0.]}
LOSS: {TYPE: [DICE, CE], WEIGHTS: [1.0, 1.0]}
TRAIN: {ENABLE: True, EPOCHS: ${EPOCHS}, PATIENCE: ${EPOCHS}, BATCH_SIZE: 8, OPTIMIZER: ADAMW, LR: 2.E-3}
TEST: {ENABLE: True}
`;

/** The mean IoU of nuclei in the test images, at a probability of 0.5. */
async function iou(folder: string): Promise<number> {
  const all: number[] = [];
  for (const path of await listImages(folder)) {
    const { data } = await readImage(path);
    const mask = await readImage(join(samples("2d/test-masks"), basename(path)));
    let [overlap, union] = [0, 0];
    data.forEach((value, at) => {
      const [found, known] = [value > 0.5, mask.data[at] > 0];
      if (found && known) overlap++;
      if (found || known) union++;
    });
    all.push(overlap / union);
  }
  return mean(all);
}

test("after the same epochs, nuclei are found as well as by BiaPy", { skip }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "segmentation-"));
  const jobs = (whose: string) => SEEDS.map((seed) => ({ name: `${whose}_${seed}`, text: learning(seed) }));
  const measured = async (trees: readonly ResultTree[]) => {
    const values: number[] = [];
    for (const { perImage } of trees) values.push(await iou(perImage));
    return values;
  };
  const theirs = await measured(await byBiapy(folder, jobs("theirs")));
  const ours = await measured(await byOurs(folder, jobs("ours")));
  const listed = (values: readonly number[]) => values.map((each) => each.toFixed(3)).join(", ");
  console.log(`IoU after ${EPOCHS} epochs: ours ${listed(ours)}; BiaPy ${listed(theirs)}`);
  const spread = Math.max(...theirs) - Math.min(...theirs);
  assert.ok(mean(ours) > Math.min(...theirs) - spread, `${ours}, BiaPy ${theirs}`);
});
