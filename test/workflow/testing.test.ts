/** Tests of trained models: by patches, by chunks and in one piece, interrupted, augmented and reused. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { cp, readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { Metrics, NewRunEvent } from "../../src/facts/run-events.ts";
import { openImage, readImage } from "../../src/images/files.ts";
import { createHdf5 } from "../../src/images/hdf5-writer.ts";
import { saveNpy } from "../../src/images/npy-writer.ts";
import { writeTiff } from "../../src/images/tiff-writer.ts";
import { createZarr } from "../../src/images/zarr-writer.ts";
import { samples } from "../support/command.ts";
import { type Run, type RunOptions, run } from "../support/in-process.ts";
import { messagesOf } from "../support/run-events.ts";
import { samplePart, writePart } from "../support/sample-parts.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const MAE = `MODEL: {ARCHITECTURE: mae, MAE_MASK_TYPE: random, VIT_TOKEN_SIZE: 8, VIT_EMBED_DIM: 24, VIT_NUM_LAYERS: 1, VIT_NUM_HEADS: 2,
  MAE_DEC_HIDDEN_SIZE: 24, MAE_DEC_NUM_LAYERS: 1, MAE_DEC_NUM_HEADS: 2}`;
const UNET = "MODEL: {ARCHITECTURE: unet, FEATURE_MAPS: [4, 8, 16], DROPOUT_VALUES: [0, 0, 0]}";

const configuration = (ndim: "2D" | "3D", images: string, data: string, test: string, model = MAE) => `
PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: ${ndim}}
DATA:
  PATCH_SIZE: ${ndim === "2D" ? "(32,32,1)" : "(8,16,16,1)"}
  TEST: {PATH: ${JSON.stringify(images)}, ${data}}
${model}
TEST: {ENABLE: True, ${test}}
`;

/** A model of an epoch's training, to test with; its results' folder. */
async function trained(ndim: "2D" | "3D", model = MAE): Promise<string> {
  const results = temporaryFolder();
  const folder = ndim.toLowerCase();
  const text = configuration(ndim, samples(`${folder}/test`), "", "", model)
    .replace(
      "DATA:",
      `DATA:\n  TRAIN: {PATH: ${JSON.stringify(samples(`${folder}/train`))}, SSL_SOURCE_DIR: ${JSON.stringify(join(results, "worse"))}}`,
    )
    .replace("ENABLE: True", "ENABLE: False");
  const training = "TRAIN: {ENABLE: True, OPTIMIZER: ADAMW, LR: 1.E-3, BATCH_SIZE: 8, EPOCHS: 1}";
  assert.equal((await run(results, 1, `${text}${training}\n`)).status, "finished");
  return results;
}

/** Tests the model of run 1 as another run, by another configuration. */
function tested(results: string, number: number, text: string, options?: RunOptions): Promise<Run> {
  const checkpoint = join(results, "job/checkpoints/job_1-checkpoint-best.pth");
  const paths = `PATHS: {CHECKPOINT_FILE: ${JSON.stringify(checkpoint)}}\nTRAIN: {BATCH_SIZE: 8}\n`;
  return run(results, number, text + paths, options);
}

const metricsOf = (events: readonly NewRunEvent[]): Metrics | undefined =>
  events.flatMap((event) => (event.event === "test" && event.image !== undefined ? [event.metrics] : []))[0];

test("predictions of a volume by chunks and as a whole are equal, from Zarr, HDF5 and TIFF", async () => {
  const job = await trained("3D");
  const source = await readImage(join(samples("3d/test"), "nuclei-test.tif"));
  const images = temporaryFolder();
  for (const [name, create] of [
    ["zarr", createZarr],
    ["h5", createHdf5],
  ] as const) {
    const writer = await create(join(images, `nuclei-${name}.${name}`), {
      ...source,
      chunk: [8, 20, 20],
      axes: "TZCYX",
    });
    await writer.write([0, 0, 0], source);
    await writer.close();
  }
  await cp(join(samples("3d/test"), "nuclei-test.tif"), join(images, "nuclei-tif.tif"));
  const data = 'OVERLAP: "(0.25,0.25,0.25)", PADDING: "(0,2,2)"';
  const whole = await tested(job, 2, configuration("3D", images, data, "AUGMENTATION: False"));
  const byChunks = await tested(
    job,
    3,
    configuration("3D", images, data, "BY_CHUNKS: {ENABLE: True, SAVE_OUT_TIF: True}"),
  );
  assert.deepEqual((await readdir(byChunks.folder)).sort(), [
    ...[
      "nuclei-h5.h5",
      "nuclei-h5.tif",
      "nuclei-tif.tif",
      "nuclei-tif.zarr",
      "nuclei-zarr.tif",
      "nuclei-zarr.zarr",
    ],
  ]);
  const expected = await readImage(join(whole.folder, "nuclei-tif.tif"));
  assert.notDeepEqual(expected.data, source.data, "something was predicted");
  for (const name of await readdir(byChunks.folder)) {
    assert.deepEqual(await readImage(join(byChunks.folder, name)), expected, name);
  }
  const written = await openImage(join(byChunks.folder, "nuclei-zarr.zarr"));
  assert.deepEqual(written.piece, [8, 12, 12]);
  await written.close();
  const [one, other] = [metricsOf(whole.events), metricsOf(byChunks.events)];
  for (const name of ["mse", "mae", "psnr"])
    assert.ok(
      Math.abs((one?.[name] ?? 0) - (other?.[name] ?? 1)) < 1e-5,
      `${name} ${one?.[name]} ${other?.[name]}`,
    );

  // Two runs that share the volume write what one run would have.
  const halves = (limits: string) =>
    configuration("3D", images, data, `BY_CHUNKS: {ENABLE: True, ${limits}}`);
  for (const limits of ["Z_START: 16", "Z_END: 16"]) {
    const half = await tested(job, 4, halves(limits));
    const shared = await readImage(join(half.folder, "nuclei-zarr.zarr"));
    if (limits === "Z_END: 16") assert.deepEqual(shared, expected);
    else assert.ok(shared.data.subarray(0, shared.data.length / 31).every((value) => value === 0));
  }
});

const trained2D = trained("2D");

test("testing that is interrupted stops at once, leaves no unfinished files, and can be resumed", async () => {
  const job = await trained2D;
  const text = (overlap: string, test: string) =>
    configuration("2D", samples("2d/test"), `OVERLAP: "(${overlap},${overlap})"`, test);
  const long = text("0.95", "AUGMENTATION: True, BY_CHUNKS: {ENABLE: True}");
  const stopped = await tested(job, 2, long, {
    watch: (event, stopping) => {
      if (event.event === "progress" && event.label.startsWith("Predicting")) stopping.abort();
    },
  });
  assert.equal(stopped.status, "stopped");
  const left = existsSync(stopped.folder) ? await readdir(stopped.folder) : [];
  assert.deepEqual(
    left.filter((name) => name.includes("tmp")),
    [],
  );
  assert.ok(left.length < (await readdir(samples("2d/test"))).length, String(left));
  const short = text("0", "BY_CHUNKS: {ENABLE: True}");
  const resumed = await tested(job, 2, short, { resume: true });
  const plain = await tested(job, 3, short);
  assert.deepEqual(
    await readImage(join(resumed.folder, "nuclei-01.zarr")),
    await readImage(join(plain.folder, "nuclei-01.zarr")),
  );
});

test("a failure while a test is being stopped is a failure, not the stop", async () => {
  const job = await trained2D;
  const text = configuration("2D", samples("2d/test"), "", "");
  const failing = tested(job, 7, text, {
    watch: (event, stopping) => {
      if (event.event !== "image") return;
      stopping.abort();
      throw new Error("no space left");
    },
  });
  await assert.rejects(failing, /no space left/);
  const stopped = await tested(job, 8, text, {
    watch: (event, stopping) => {
      if (event.event === "image") stopping.abort();
    },
  });
  assert.equal(stopped.status, "stopped");
});

test("augmented predictions of 2D images differ from plain ones, and predictions are reused on demand", async () => {
  const job = await trained2D;
  const run = (number: number, options: string) =>
    tested(job, number, configuration("2D", samples("2d/test"), "", options));
  const plain = await run(4, "AUGMENTATION: False");
  const first = (await readdir(plain.folder))[0];
  const image = await readImage(join(plain.folder, first));
  const augmented = await run(5, "AUGMENTATION: True");
  const merged = await readImage(join(augmented.folder, first));
  assert.notDeepEqual(merged, image);
  // What was predicted with augmentation stays, though this run asks for none.
  const reused = await run(5, "REUSE_PREDICTIONS: True");
  assert.deepEqual(await readImage(join(reused.folder, first)), merged);
  assert.ok((metricsOf(reused.events)?.mse ?? 0) > 0);
  const bare = await run(6, "SAVE_MODEL_RAW_OUTPUT: False, EVAL_BORDER_CROP: [8, 8]");
  assert.ok(!existsSync(bare.folder));
  assert.notEqual(metricsOf(bare.events)?.mse, metricsOf(plain.events)?.mse);
});

test("a network restores images by patches, by chunks and in one piece, its degraded copies made as it needs them", async () => {
  const job = await trained("2D", UNET);
  const copies = (name: string) => `SSL_SOURCE_DIR: ${JSON.stringify(join(job, name))}, OVERLAP: "(0.5,0.5)"`;
  const images = temporaryFolder();
  await cp(join(samples("2d/test"), "nuclei-01.tif"), join(images, "nuclei-01.tif"));
  const patchOf = await samplePart("2d/test/nuclei-01.tif", [1, 40, 40], [0, 8, 8]);
  await writePart(join(images, "patch.tif"), patchOf);
  const of = (number: number, options: string) =>
    tested(job, number, configuration("2D", images, copies("test"), options, UNET));
  const plain = await of(2, "AUGMENTATION: False");
  const byChunks = await of(3, "BY_CHUNKS: {ENABLE: True}");
  const expected = await readImage(join(plain.folder, "nuclei-01.tif"));
  assert.deepEqual(await readImage(join(byChunks.folder, "nuclei-01.zarr")), expected);
  const worse = await readImage(join(job, "test/nuclei-01.tif"));
  assert.deepEqual(worse.shape, expected.shape);
  assert.notDeepEqual(worse.data, expected.data);
  const full = await of(4, "FULL_IMG: True");
  const restored = await readImage(join(full.folder, "nuclei-01.tif"));
  assert.deepEqual(restored.shape, expected.shape);
  assert.notDeepEqual(restored.data, expected.data, "patches do not see what lies beside them");
  const patch = (folder: string) => readImage(join(folder, "patch.tif"));
  assert.deepEqual(await patch(full.folder), await patch(plain.folder), "an image of a patch's size is one");
  const [whole, part] = [metricsOf(plain.events), metricsOf(byChunks.events)];
  assert.ok(Math.abs((whole?.mse ?? 0) - (part?.mse ?? 1)) < 1e-5, `${whole?.mse} ${part?.mse}`);
  const augmented = await of(5, "FULL_IMG: True, AUGMENTATION: True");
  assert.notDeepEqual((await readImage(join(augmented.folder, "nuclei-01.tif"))).data, restored.data);
});

test("images that differ only in their extension keep it in their results' names", async () => {
  const job = await trained2D;
  const images = temporaryFolder();
  const source = await openImage(join(samples("2d/test"), "nuclei-01.tif"));
  await saveNpy(join(images, "cells.npy"), source);
  const image = await source.read();
  await source.close();
  const size = { y: 0.25, x: 0.25, unit: "µm" };
  await writeTiff(join(images, "cells.tif"), { ...image, data: image.data.slice().reverse() }, size);
  await writeTiff(join(images, "other.tif"), image);
  const { events, folder } = await tested(job, 9, configuration("2D", images, "", ""));
  assert.deepEqual((await readdir(folder)).sort(), ["cells.npy.tif", "cells.tif.tif", "other.tif"]);
  assert.match(
    messagesOf(events).join("\n"),
    /differ only in their extensions.*cells\.npy\.tif, cells\.tif\.tif/,
  );
  const [first, second] = await Promise.all(
    ["cells.npy.tif", "cells.tif.tif"].map((name) => readImage(join(folder, name))),
  );
  assert.notDeepEqual(first.data, second.data);
  const result = await openImage(join(folder, "cells.tif.tif"));
  assert.deepEqual(result.info.pixelSize, { ...size, z: undefined });
  await result.close();
});
