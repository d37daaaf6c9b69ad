/** Segmentation: learning from masks, testing by patches, by chunks and in one piece, and masks that do not fit. */
import assert from "node:assert/strict";
import { cp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { otsuThreshold } from "../../src/data/otsu.ts";
import { readImage } from "../../src/images/files.ts";
import type { Image } from "../../src/images/image.ts";
import { epochsOf, type Run, refusal, run } from "../support/in-process.ts";
import { messagesOf } from "../support/run-events.ts";
import { samplePart, writePart } from "../support/sample-parts.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

interface Space {
  readonly folder: string;
  readonly images: string;
  readonly masks: string;
}

/** Parts of sample images with their masks, changed by `relabel`. */
async function space(
  ndim: "2D" | "3D",
  relabel: (mask: Image, index: number) => Image = (mask) => mask,
): Promise<Space> {
  const folder = temporaryFolder();
  const from = `${ndim.toLowerCase()}/train`;
  const names = ndim === "2D" ? ["nuclei-01", "nuclei-05", "nuclei-09"] : ["nuclei-train"];
  const end = ndim === "2D" ? ([1, 96, 80] as const) : ([12, 48, 32] as const);
  for (const [index, name] of names.entries())
    for (const [kind, source] of [
      ["x", from],
      ["y", `${from}-masks`],
    ] as const) {
      const part = await samplePart(`${source}/${name}.tif`, end);
      await writePart(join(folder, kind, `${name}.tif`), kind === "x" ? part : relabel(part, index));
    }
  return { folder, images: join(folder, "x"), masks: join(folder, "y") };
}

const labels = (mask: Image, label: (value: number, at: number) => number): Image => ({
  ...mask,
  sampleType: "uint8",
  data: Uint8Array.from(mask.data, label),
});

interface Settings {
  readonly classes?: number;
  readonly loss?: string;
  readonly test?: string;
  readonly epochs?: number;
  readonly model?: string;
  readonly augment?: string;
}

const UNET = "ARCHITECTURE: unet, FEATURE_MAPS: [8, 16, 32], DROPOUT_VALUES: [0., 0., 0.]";

const configuration = (
  ndim: "2D" | "3D",
  { images, masks }: Space,
  { classes = 2, loss = "", test = "", epochs = 2, model = UNET, augment = "" }: Settings = {},
) => `
PROBLEM: {TYPE: SEMANTIC_SEG, NDIM: ${ndim}}
DATA:
  N_CLASSES: ${classes}
  PATCH_SIZE: ${ndim === "2D" ? "(32,32,1)" : "(8,16,16,1)"}
  TRAIN: {PATH: ${images}, GT_PATH: ${masks}}
  VAL: {SPLIT_TRAIN: 0.2}
  TEST: {PATH: ${images}, GT_PATH: ${masks}, LOAD_GT: True, OVERLAP: "${ndim === "2D" ? "(0.25,0.25)" : "(0.25,0.25,0.25)"}"}
${augment === "" ? "" : `AUGMENTOR: {ENABLE: True, AUG_SAMPLES: False, ${augment}}`}
MODEL: {${model}${ndim === "3D" && model === UNET ? ", Z_DOWN: [1, 2]" : ""}}
${loss === "" ? "" : `LOSS: {${loss}}`}
TRAIN: {ENABLE: True, OPTIMIZER: ADAMW, LR: 5.E-3, BATCH_SIZE: ${ndim === "2D" ? 4 : 1}, EPOCHS: ${epochs}}
TEST: {ENABLE: True${test === "" ? "" : `, ${test}`}}
`;

/** The same test by a trained run's weights, without training. */
const testing = (text: string, { tree }: Run, test: string) =>
  `${text.replace("TRAIN: {ENABLE: True", "TRAIN: {ENABLE: False").replace(/TEST: \{ENABLE: True.*\}/, `TEST: {ENABLE: True, ${test}}`)}PATHS: {CHECKPOINT_FILE: ${tree.bestCheckpoint}}\n`;

const metricsOf = ({ events }: Pick<Run, "events">, image: string) =>
  events.flatMap((event) => (event.event === "test" && event.image === image ? [event.metrics] : []))[0];

test("a network learns from a few masks where nuclei are", async () => {
  const given = await space("2D");
  const augment = "HFLIP: True, VFLIP: True, RANDOM_ROT: True";
  const text = configuration("2D", given, {
    loss: "TYPE: [DICE, CE], WEIGHTS: [1., 1.]",
    epochs: 20,
    augment,
  });
  const trained = await run(given.folder, 1, text);
  const last = epochsOf(trained).at(-1);
  assert.ok((last?.train.iou ?? 0) > 0.5, JSON.stringify(last));
  const { perImage, perImageBinarized } = trained.tree;
  for (const name of await readdir(given.images)) {
    const probabilities = await readImage(join(perImage, name));
    const classes = await readImage(join(perImageBinarized, name));
    const mask = await readImage(join(given.masks, name));
    assert.deepEqual([probabilities.sampleType, classes.sampleType], ["float32", "uint8"]);
    const values = Float32Array.from(probabilities.data);
    assert.ok(values.every((value) => value >= 0 && value <= 1));
    const threshold = otsuThreshold(values);
    assert.deepEqual(
      [...classes.data],
      Array.from(values, (value) => Number(value > threshold)),
    );
    // The IoU is that of a probability of a half, whatever Otsu says.
    let [overlap, union] = [0, 0];
    values.forEach((value, at) => {
      const [found, known] = [value > 0.5, mask.data[at] > 0];
      overlap += Number(found && known);
      union += Number(found || known);
    });
    assert.deepEqual(metricsOf(trained, name), { iou: overlap / union });
    assert.ok(overlap / union > 0.5, `${name}: ${overlap / union}`);
  }
  const [shown] = trained.events.flatMap((event) =>
    event.event === "image" && event.kind === "segmentation" && event.epoch === undefined
      ? [event.files]
      : [],
  );
  assert.deepEqual(shown, {
    original: join(given.images, "nuclei-01.tif"),
    groundTruth: join(given.masks, "nuclei-01.tif"),
    probabilities: join(perImage, "nuclei-01.tif"),
    prediction: join(perImageBinarized, "nuclei-01.tif"),
  });
  const previews = trained.events.flatMap((event) =>
    event.event === "image" && event.kind === "segmentation" && event.epoch !== undefined
      ? [event.epoch]
      : [],
  );
  assert.equal(previews[0], 1);
  assert.equal(previews.at(-1), epochsOf(trained).length);
});

test("masks of 0 and 1, of 0 and 255, and of numbered nuclei train the same weights", async () => {
  const kinds = [
    (value: number) => (value > 0 ? 255 : 0),
    (value: number) => Number(value > 0),
    (value: number, at: number) => (value > 0 ? 1 + (at % 7) : 0),
  ];
  const found: object[] = [];
  for (const label of kinds) {
    const given = await space("2D", (mask) => labels(mask, label));
    found.push(epochsOf(await run(given.folder, 1, configuration("2D", given, { epochs: 1 }))));
  }
  assert.deepEqual(found[1], found[0]);
  assert.deepEqual(found[2], found[0]);
});

for (const ndim of ["2D", "3D"] as const)
  test(`a stopped ${ndim} run of three classes resumes exactly, and predicts the same by chunks`, async () => {
    const given = await space(ndim, (mask) =>
      labels(mask, (value, at) => (at % 50 === 0 ? 255 : value === 0 ? 0 : 1 + (at % 2))),
    );
    const loss = "TYPE: [CE], IGNORE_INDEX: 255, CLASS_REBALANCE: manual, CLASS_WEIGHTS: [0.2, 0.4, 0.4]";
    const text = configuration(ndim, given, { classes: 3, loss });
    const whole = await run(given.folder, 1, text);
    const stopped = await run(given.folder, 2, text, {
      watch: (event, stopping) => {
        if (event.event === "step" && event.epoch === 2 && event.step === 1) stopping.abort();
      },
    });
    assert.equal(stopped.status, "stopped");
    const resumed = await run(given.folder, 2, text, { resume: true });
    assert.deepEqual(epochsOf(resumed), epochsOf(whole).slice(1));
    const [{ validation = {} }] = epochsOf(whole);
    assert.deepEqual(Object.keys(validation).sort(), ["iou", "iou_0", "iou_1", "iou_2", "loss"]);
    const { iou, iou_0, iou_1, iou_2 } = validation;
    assert.ok(Math.abs(iou - (iou_0 + iou_1 + iou_2) / 3) < 1e-9);

    const name = (await readdir(given.images))[0];
    const probabilities = await readImage(join(whole.tree.perImage, name));
    const classes = await readImage(join(whole.tree.perImageBinarized, name));
    assert.equal(probabilities.shape[3], 3);
    assert.deepEqual([classes.shape[3], classes.sampleType], [1, "uint8"]);
    const byChunks = await run(given.folder, 3, testing(text, whole, "BY_CHUNKS: {ENABLE: True}"));
    const zarr = name.replace(".tif", ".zarr");
    const chunked = await readImage(join(byChunks.tree.perImage, zarr));
    assert.deepEqual(chunked.shape, probabilities.shape);
    for (const [at, value] of chunked.data.entries())
      assert.ok(Math.abs(value - probabilities.data[at]) < 1e-5);
    const chunkedClasses = await readImage(join(byChunks.tree.perImageBinarized, zarr));
    const different = [...chunkedClasses.data].filter((value, at) => value !== classes.data[at]).length;
    assert.ok(different <= 2, `${different} pixels`);
    const [one, other] = [metricsOf(whole, name), metricsOf(byChunks, name)];
    for (const key of Object.keys(one)) assert.ok(Math.abs(one[key] - other[key]) < 1e-2, key);
  });

test("predictions can be augmented, made in one piece, and reused", async () => {
  const given = await space("2D");
  const text = configuration("2D", given, { epochs: 1 });
  const trained = await run(given.folder, 1, text);
  const probabilities = ({ tree }: Run, folder: "perImage" | "fullImage" = "perImage") =>
    readImage(join(tree[folder], "nuclei-01.tif"));
  const augmented = await run(given.folder, 2, testing(text, trained, "AUGMENTATION: True"));
  assert.notDeepEqual(await probabilities(augmented), await probabilities(trained));
  const reused = await run(given.folder, 2, testing(text, trained, "REUSE_PREDICTIONS: True"));
  assert.deepEqual(await probabilities(reused), await probabilities(augmented));
  assert.deepEqual(metricsOf(reused, "nuclei-01.tif"), metricsOf(augmented, "nuclei-01.tif"));
  const full = await run(given.folder, 3, testing(text, trained, "FULL_IMG: True"));
  assert.deepEqual((await probabilities(full, "fullImage")).shape, (await probabilities(trained)).shape);
  assert.deepEqual(await readdir(full.tree.fullImageBinarized), await readdir(given.images));
  const bare = await run(given.folder, 4, testing(text, trained, "SAVE_MODEL_RAW_OUTPUT: False"));
  assert.deepEqual(await readdir(bare.tree.perImageBinarized), await readdir(given.images));
  await assert.rejects(readdir(bare.tree.perImage));
});

test("masks that do not fit are explained before anything trains", async () => {
  const text = (given: Space, settings: Settings = {}) => configuration("2D", given, settings);
  const explain = async (given: Space, settings: Settings = {}) =>
    refusal(given.folder, text(given, settings));

  const lacking = await space("2D");
  await rm(join(lacking.masks, "nuclei-05.tif"));
  assert.match(await explain(lacking), /DATA.TRAIN.GT_PATH: no file in .* named as .*: nuclei-05.tif\./);

  const smaller = await space("2D", (mask) => ({ ...mask, shape: [1, 80, 96, 1] }));
  assert.match(
    await explain(smaller),
    /nuclei-01.tif: is 80 x 96 pixels, but its image nuclei-01.tif is 96 x 80/,
  );

  const colored = await space("2D", (mask) => ({
    ...mask,
    shape: [1, 96, 80, 3],
    data: Uint8Array.from({ length: 3 * mask.data.length }, (_, at) => mask.data[Math.floor(at / 3)]),
  }));
  assert.match(await explain(colored), /has 3 channels, not 1/);

  const plain = await space("2D");
  assert.match(
    await explain(plain, { classes: 3 }),
    /holds 255, .*classes are numbered 0 to 2.*set DATA.N_CLASSES to 2/,
  );
  assert.match(
    await explain(plain, { loss: "TYPE: [CE], IGNORE_INDEX: 255" }),
    /LOSS.IGNORE_INDEX leaves 255 out: nothing but background remains/,
  );

  const many = await space("2D", (mask) => labels(mask, (value, at) => (value === 0 ? 0 : 1 + (at % 5))));
  assert.match(await explain(many, { classes: 3 }), /holds 3, 4, 5, .*Set DATA.N_CLASSES to 6/);

  const fractions = await space("2D", (mask) => ({
    ...mask,
    sampleType: "float32",
    data: Float32Array.from(mask.data, (value) => value / 510),
  }));
  assert.match(await explain(fractions), /holds values that are not class numbers: 0.5/);

  const swapped = await space("2D");
  const pictures = await explain({ ...swapped, masks: swapped.images });
  assert.match(pictures, /nuclei-01.tif: holds \d+ different values.*looks like an image, not like a mask/);
  assert.equal(pictures.split("\n").length, 3, "masks of training and test are named once");

  await rm(plain.masks, { recursive: true });
  assert.match(await explain(plain), /DATA.TRAIN.GT_PATH.* does not exist/);
  assert.match(await explain({ ...plain, masks: '""' }), /DATA.TRAIN.GT_PATH: names no folder/);
});

test("masks without anything to learn are refused; a single empty one is not", async () => {
  const explain = async (value: (mask: number, index: number) => number, settings: Settings = {}) => {
    const given = await space("2D", (mask, index) => labels(mask, (each) => value(each, index)));
    return refusal(given.folder, configuration("2D", given, settings));
  };
  assert.match(await explain(() => 0), /DATA.TRAIN.GT_PATH: all 3 masks have nothing but background \(0\)/);
  assert.match(
    await explain((value) => 1 + Number(value > 0)),
    /nothing but foreground \(1, 2\).*Background is 0/,
  );
  const ignored = { classes: 3, loss: "IGNORE_INDEX: 9" };
  assert.match(await explain(() => 2, { classes: 3 }), /nothing but class 2/);
  assert.match(await explain(() => 9, ignored), /ignored pixels only/);

  const given = await space("2D", (mask, index) =>
    labels(mask, (value) => (index === 0 ? 0 : Number(value > 0))),
  );
  const trained = await run(given.folder, 1, configuration("2D", given, { classes: 3, epochs: 1 }));
  const warnings = trained.events.flatMap((event) =>
    event.event === "log" && event.level === "warning" ? [event.message] : [],
  );
  assert.deepEqual(warnings, ["No mask to learn from has class 2 (DATA.N_CLASSES is 3)."]);
});

test("settings that segmentation does not have are refused with their keys", async () => {
  const given = await space("2D");
  const cases: readonly (readonly [RegExp, Settings])[] = [
    [/DATA.N_CLASSES: there are at least two classes/, { classes: 1 }],
    [/LOSS.TYPE: .*not MSE/, { loss: "TYPE: [MSE]" }],
    [/LOSS.TYPE: more than two classes need CE/, { classes: 3, loss: "TYPE: [DICE]" }],
    [
      /LOSS.CLASS_WEIGHTS: .*one number for each of 3 classes/,
      { classes: 3, loss: "CLASS_WEIGHTS: [1., 2.]" },
    ],
    [
      /LOSS.CLASS_WEIGHTS: LOSS.CLASS_REBALANCE is manual, .*none is set/,
      { loss: "CLASS_REBALANCE: manual" },
    ],
    [/LOSS.WEIGHTS: 2 losses have two weights, not 1/, { loss: "TYPE: [DICE, CE], WEIGHTS: [1.]" }],
    [/LOSS.IGNORE_INDEX: a label from 0 to 255/, { loss: "IGNORE_INDEX: 300" }],
    [/MODEL.ARCHITECTURE: .*mae is not one of them/, { model: "ARCHITECTURE: mae" }],
    [/TEST.METRICS: this workflow measures iou, not psnr/, { test: "METRICS: [psnr]" }],
  ];
  for (const [pattern, settings] of cases)
    assert.match(await refusal(given.folder, configuration("2D", given, settings)), pattern);
});

test("a network that restores images starts one that segments them, but for its head", async () => {
  const given = await space("2D");
  await cp(given.images, join(given.folder, "worse"), { recursive: true });
  const worse = join(given.folder, "worse");
  const restoring = `
PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: 2D, SELF_SUPERVISED: {PRETEXT_TASK: crappify}}
DATA:
  PATCH_SIZE: (32,32,1)
  TRAIN: {PATH: ${given.images}, SSL_SOURCE_DIR: ${worse}}
  VAL: {SPLIT_TRAIN: 0.2}
MODEL: {${UNET}}
TRAIN: {ENABLE: True, OPTIMIZER: ADAMW, LR: 1.E-3, BATCH_SIZE: 4, EPOCHS: 1}
TEST: {ENABLE: False}
`;
  const restored = await run(given.folder, 1, restoring);
  const text = `${configuration("2D", given, { epochs: 1, model: `${UNET}, LOAD_CHECKPOINT: True` })}PATHS: {CHECKPOINT_FILE: ${restored.tree.bestCheckpoint}}\n`;
  const segmented = await run(given.folder, 2, text);
  const log = messagesOf(segmented.events).join("\n");
  assert.match(log, /tensors loaded from/);
  assert.match(log, /2 tensors skipped, because .*another workflow.*heads\.0/);
  assert.match(log, /2 weights .* start afresh: heads\.0/);
});
