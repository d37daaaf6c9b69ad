/** The crappify task: copies that are made, kept and made anew; restored images and what is measured of them. */
import assert from "node:assert/strict";
import { copyFile, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { loadBiapyCheckpoint } from "../../src/checkpoint/biapy-checkpoint.ts";
import { readImage } from "../../src/images/files.ts";
import { writeTiff } from "../../src/images/tiff-writer.ts";
import {
  biapy,
  logRows,
  problemsOf,
  type Result,
  samples,
  stop,
  validationLosses,
  workspace,
} from "../support/command.ts";

/** A workspace with images of its own: copies of the sample images. */
async function crappifyWorkspace(more = "") {
  const space = await workspace("");
  const images = { train: join(space.folder, "train"), test: join(space.folder, "test") };
  for (const [phase, names] of [
    ["train", ["nuclei-01", "nuclei-02", "nuclei-03"]],
    ["test", ["nuclei-01", "nuclei-02"]],
  ] as const) {
    await mkdir(images[phase]);
    for (const name of names)
      await copyFile(join(samples(`2d/${phase}`), `${name}.tif`), join(images[phase], `${name}.tif`));
  }
  const configure = (noise: number, extra = more) =>
    writeFile(
      join(space.folder, "job.yaml"),
      `
PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: 2D, SELF_SUPERVISED: {PRETEXT_TASK: crappify, RESIZING_FACTOR: 4, NOISE: ${noise}}}
DATA:
  PATCH_SIZE: (32,32,1)
  TRAIN: {PATH: ${JSON.stringify(images.train)}}
  VAL: {SPLIT_TRAIN: 0.2}
  TEST: {PATH: ${JSON.stringify(images.test)}, OVERLAP: "(0.25,0.25)"}
MODEL: {ARCHITECTURE: unet, FEATURE_MAPS: [4, 8, 16]}
TRAIN: {ENABLE: True, OPTIMIZER: ADAMW, LR: 2.E-3, BATCH_SIZE: 8, EPOCHS: 2}
TEST: {ENABLE: True}
${extra}
`,
    );
  return { ...space, images, configure };
}

const logs = ({ events }: Result) =>
  events.flatMap((event) => (event.event === "log" ? [event.message] : [])).join("\n");

test("copies are made once, made anew when their settings change, and left alone where others made them", async () => {
  const { images, configure, arguments: args } = await crappifyWorkspace();
  const copies = `${images.train}_ssl_source`;
  const contents = async () =>
    Promise.all((await readdir(copies)).sort().map((name) => readFile(join(copies, name))));
  const changed = async () => (await stat(join(copies, "nuclei-01.tif"))).mtimeMs;

  await configure(0.2);
  const first = await biapy(args(1));
  assert.equal(first.code, 0, JSON.stringify(problemsOf(first)));
  // BiaPy takes a folder for complete when it has as many files as the images': nothing else may lie in it.
  assert.deepEqual(await readdir(copies), await readdir(images.train));
  const original = await readImage(join(images.train, "nuclei-01.tif"));
  const copy = await readImage(join(copies, "nuclei-01.tif"));
  assert.deepEqual([copy.shape, copy.sampleType], [original.shape, original.sampleType]);
  assert.notDeepEqual(copy.data, original.data);
  const [made, when] = [await contents(), await changed()];

  const again = await biapy(args(2));
  assert.equal(await changed(), when);
  assert.doesNotMatch(logs(again), /Creating degraded copies/);
  assert.deepEqual(validationLosses(again), validationLosses(first));

  await configure(0.5);
  assert.match(logs(await biapy(args(3))), /Creating degraded copies of 3 images/);
  const noisier = await contents();
  assert.ok(noisier.every((each, index) => !each.equals(made[index])));

  const own = { ...original, data: original.data.map((value) => 255 - value) };
  await copyFile(join(images.train, "nuclei-02.tif"), join(images.train, "nuclei-09.tif"));
  await writeTiff(join(copies, "nuclei-09.tif"), own);
  await configure(0.3);
  const mixed = await biapy(args(4));
  assert.match(logs(mixed), /1 images in .* are used unchanged/);
  assert.match(logs(mixed), /Creating degraded copies of 3 images/);
  assert.deepEqual((await readImage(join(copies, "nuclei-09.tif"))).data, own.data);

  await writeTiff(join(copies, "nuclei-09.tif"), { ...own, shape: [1, 64, 256, 1] });
  const refused = await biapy(args(5));
  assert.equal(refused.code, 2);
  assert.match(problemsOf(refused)[0].message, /is 1 x 64 x 256 x 1, but the image that it is a copy of/);

  await writeFile(`${copies}.crappify.json`, '{"settings": null}');
  const damaged = await biapy(args(6));
  assert.equal(damaged.code, 2);
  assert.match(problemsOf(damaged)[0].message, /\.crappify\.json has a wrong settings: .*Delete it/);
});

test("an export that is stopped ends as a stop, not as a failure", async () => {
  const { images, folder, configure, arguments: args } = await crappifyWorkspace();
  await configure(0.2);
  const file = join(folder, "job.yaml");
  const about =
    'BMZ: {EXPORT: {MODEL_NAME: Tiny network, DESCRIPTION: Random weights., TAGS: [test], AUTHORS: [{"name": "Ada Example", "github_user": "ada"}]}}';
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replace("FEATURE_MAPS:", `${about}, FEATURE_MAPS:`));
  for (let index = 0; index < 30; index++)
    await copyFile(join(images.test, "nuclei-01.tif"), join(images.test, `more-${index}.tif`));
  let stopping = false;
  const { code, events } = await biapy([...args(), "--export_model", "unread.pth"], (event, child) => {
    if (event.event !== "progress" || event.label !== "Making degraded copies" || stopping) return;
    stopping = true;
    stop(child);
  });
  assert.equal(code, 130, JSON.stringify(events.slice(-3)));
  const last = events.at(-1);
  assert.ok(last?.event === "end" && last.status === "stopped", JSON.stringify(last));
});

test("what is measured of restored images is what their files show, and stands in a table", async () => {
  const { results, images, configure, arguments: args } = await crappifyWorkspace();
  await configure(0.2);
  const result = await biapy(args());
  const tested = new Map(
    result.events.flatMap((event) =>
      event.event === "test" ? [[event.image ?? "mean", event.metrics]] : [],
    ),
  );
  assert.deepEqual([...tested.keys()], ["nuclei-01.tif", "nuclei-02.tif", "mean"]);
  const run = join(results, "job/results/job_1");
  const previews = result.events.flatMap((event) =>
    event.event === "image" && event.kind !== "features" && event.epoch !== undefined
      ? [event.files.prediction]
      : [],
  );
  // Where REUSE_PREDICTIONS looks for predictions of test images, there is nothing else.
  assert.deepEqual(new Set(previews), new Set([join(run, "previews", "nuclei-01.tif")]));
  assert.deepEqual((await readdir(join(run, "per_image"))).sort(), ["nuclei-01.tif", "nuclei-02.tif"]);
  const errors: number[] = [];
  for (const name of ["nuclei-01.tif", "nuclei-02.tif"]) {
    const [restored, original] = [
      await readImage(join(run, "per_image", name)),
      await readImage(join(images.test, name)),
    ];
    const squares = Array.from(original.data, (value, at) => (value - restored.data[at]) ** 2);
    const mse = squares.reduce((sum, each) => sum + each, 0) / squares.length;
    const range = Math.max(...original.data) - Math.min(...original.data);
    const metrics = tested.get(name);
    assert.ok(Math.abs((metrics?.mse ?? Number.NaN) / mse - 1) < 1e-4);
    assert.ok(Math.abs((metrics?.psnr ?? Number.NaN) - 10 * Math.log10(range ** 2 / mse)) < 1e-3);
    errors.push(mse);
  }
  assert.ok(Math.abs((tested.get("mean")?.mse ?? Number.NaN) / ((errors[0] + errors[1]) / 2) - 1) < 1e-4);
  const table = (await readFile(join(run, "test_results_metrics.csv"), "utf8")).trim().split("\n");
  assert.deepEqual(
    table.map((line) => line.split(",")[0]),
    ["file", "nuclei-01.tif", "nuclei-02.tif"],
  );
  const column = table[0].split(",").indexOf("mse");
  assert.equal(Number(table[1].split(",")[column]), tested.get("nuclei-01.tif")?.mse);
});

test("losses add up by their weights, and a stopped run resumes exactly", async () => {
  const { results, configure, arguments: args } = await crappifyWorkspace();
  await configure(0.2, "LOSS: {TYPE: [MAE, MSE], WEIGHTS: [1., 0.5]}\n");
  const whole = await biapy(args(1));
  const [epoch] = whole.events.flatMap((event) => (event.event === "epoch" ? [event] : []));
  const { loss, mae, mse } = epoch.validation ?? {};
  assert.ok(Math.abs((loss ?? Number.NaN) - ((mae ?? 0) + 0.5 * (mse ?? 0))) < 1e-5);
  const stopped = await biapy(args(2), (event, child) => {
    if (event.event === "step" && event.epoch === 1 && event.step === 1) stop(child);
  });
  assert.equal(stopped.code, 130);
  const resumed = await biapy([...args(2), "--resume"]);
  assert.equal(resumed.code, 0, JSON.stringify(problemsOf(resumed)));
  assert.deepEqual(await logRows(results, 2), await logRows(results, 1));
  const checkpoint = await loadBiapyCheckpoint(join(results, "job/checkpoints/job_1-checkpoint-best.pth"));
  assert.deepEqual(checkpoint.modelBuildArguments?.feature_maps, [4, 8, 16]);
  await checkpoint.close();
});
