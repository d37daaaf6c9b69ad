import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { cp, mkdtemp, readdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openImage, readImage } from "../../src/images/files.ts";
import { createHdf5 } from "../../src/images/hdf5.ts";
import { createZarr } from "../../src/images/zarr.ts";
import type { Metrics, RunEvent } from "../../src/protocol/run-events.ts";
import { biapy, problemsOf, samples, type Workspace, workspace } from "./command.ts";

const MODEL = `MODEL: {ARCHITECTURE: mae, MAE_MASK_TYPE: random, VIT_TOKEN_SIZE: 8, VIT_EMBED_DIM: 24, VIT_NUM_LAYERS: 1, VIT_NUM_HEADS: 2,
  MAE_DEC_HIDDEN_SIZE: 24, MAE_DEC_NUM_LAYERS: 1, MAE_DEC_NUM_HEADS: 2`;

const configuration = (ndim: "2D" | "3D", images: string, data: string, test: string, more = "") => `
PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: ${ndim}}
DATA:
  PATCH_SIZE: ${ndim === "2D" ? "(32,32,1)" : "(8,16,16,1)"}
  TEST: {PATH: ${JSON.stringify(images)}, ${data}}
${MODEL}${more}}
TEST: {ENABLE: True, ${test}}
`;

/** A model of an epoch's training, to test with. */
async function trained(ndim: "2D" | "3D"): Promise<Workspace> {
  const job = await workspace(
    `${configuration(ndim, samples(`${ndim.toLowerCase()}/test`), "", "")
      .replace("DATA:", `DATA:\n  TRAIN: {PATH: ${JSON.stringify(samples(`${ndim.toLowerCase()}/train`))}}`)
      .replace("ENABLE: True", "ENABLE: False")}
TRAIN: {ENABLE: True, OPTIMIZER: ADAMW, LR: 1.E-3, BATCH_SIZE: 8, EPOCHS: 1}
`,
  );
  const result = await biapy(job.arguments(1));
  assert.equal(result.code, 0, JSON.stringify(problemsOf(result)));
  return job;
}

/** Tests the model of run 1 as another run, by another configuration. */
async function tested(
  job: Workspace,
  run: number,
  text: string,
  watch?: Parameters<typeof biapy>[1],
  more: readonly string[] = [],
) {
  const checkpoint = join(job.results, "job/checkpoints/job_1-checkpoint-best.pth");
  const config = join(job.folder, `test-${run}.yaml`);
  await writeFile(
    config,
    `${text}PATHS: {CHECKPOINT_FILE: ${JSON.stringify(checkpoint)}}\nTRAIN: {BATCH_SIZE: 8}\n`,
  );
  const args = job.arguments(run);
  const result = await biapy(["--config", config, ...args.slice(2), ...more], watch);
  return { ...result, folder: join(job.results, `job/results/job_${run}/per_image`) };
}

const metricsOf = (events: readonly RunEvent[]): Metrics | undefined =>
  events.flatMap((event) => (event.event === "test" && event.image !== undefined ? [event.metrics] : []))[0];

test("a volume predicted by chunks is what it is predicted as a whole, from Zarr, HDF5 and TIFF", async () => {
  const job = await trained("3D");
  const source = await readImage(join(samples("3d/test"), "nuclei-test.tif"));
  const images = await mkdtemp(join(tmpdir(), "volumes-"));
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
  assert.equal(whole.code, 0, JSON.stringify(problemsOf(whole)));
  const byChunks = await tested(
    job,
    3,
    configuration("3D", images, data, "BY_CHUNKS: {ENABLE: True, SAVE_OUT_TIF: True}"),
  );
  assert.equal(byChunks.code, 0, JSON.stringify(problemsOf(byChunks)));
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
    assert.equal(half.code, 0, JSON.stringify(problemsOf(half)));
    const shared = await readImage(join(half.folder, "nuclei-zarr.zarr"));
    if (limits === "Z_END: 16") assert.deepEqual(shared, expected);
    else assert.ok(shared.data.subarray(0, shared.data.length / 31).every((value) => value === 0));
  }
});

const trained2D = trained("2D");

test("testing that is interrupted stops at once, leaves no half files, and can be gone on with", async () => {
  const job = await trained2D;
  const text = (overlap: string, test: string) =>
    configuration("2D", samples("2d/test"), `OVERLAP: "(${overlap},${overlap})"`, test);
  const long = text("0.95", "AUGMENTATION: True, BY_CHUNKS: {ENABLE: True}");
  const stopped = await tested(job, 2, long, (event, child) => {
    if (event.event === "progress" && event.label.startsWith("Predicting")) child.kill("SIGINT");
  });
  assert.equal(stopped.code, 130);
  const end = stopped.events.at(-1);
  assert.ok(end?.event === "end" && end.status === "stopped" && end.resume?.includes("--resume"));
  const left = existsSync(stopped.folder) ? await readdir(stopped.folder) : [];
  assert.deepEqual(
    left.filter((name) => name.includes("tmp")),
    [],
  );
  assert.ok(left.length < (await readdir(samples("2d/test"))).length, String(left));
  const short = text("0", "BY_CHUNKS: {ENABLE: True}");
  const resumed = await tested(job, 2, short, undefined, ["--resume"]);
  assert.equal(resumed.code, 0, JSON.stringify(problemsOf(resumed)));
  const plain = await tested(job, 3, short);
  assert.deepEqual(
    await readImage(join(resumed.folder, "nuclei-01.zarr")),
    await readImage(join(plain.folder, "nuclei-01.zarr")),
  );
});

test("augmented predictions of 2D images differ from plain ones, and predictions are reused on demand", async () => {
  const job = await trained2D;
  const run = (number: number, options: string) =>
    tested(job, number, configuration("2D", samples("2d/test"), "", options));
  const plain = await run(4, "AUGMENTATION: False");
  const first = (await readdir(plain.folder))[0];
  const image = await readImage(join(plain.folder, first));
  const augmented = await run(5, "AUGMENTATION: True");
  assert.equal(augmented.code, 0, JSON.stringify(problemsOf(augmented)));
  const merged = await readImage(join(augmented.folder, first));
  assert.notDeepEqual(merged, image);
  // What was predicted with augmentation stays, though this run asks for none.
  const reused = await run(5, "REUSE_PREDICTIONS: True");
  assert.equal(reused.code, 0, JSON.stringify(problemsOf(reused)));
  assert.deepEqual(await readImage(join(reused.folder, first)), merged);
  assert.ok((metricsOf(reused.events)?.mse ?? 0) > 0);
  const bare = await run(6, "SAVE_MODEL_RAW_OUTPUT: False, EVAL_BORDER_CROP: [8, 8]");
  assert.ok(!existsSync(bare.folder));
  assert.notEqual(metricsOf(bare.events)?.mse, metricsOf(plain.events)?.mse);
});
