/** DATA.NORMALIZATION.TARGET: restoration targets, and predictions back from them, by fixed numbers. */
import assert from "node:assert/strict";
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { checkConfig } from "../../src/config/checks.ts";
import { loadConfig } from "../../src/config/config.ts";
import { checkForEngine } from "../../src/config/engine-checks.ts";
import { resultTree } from "../../src/facts/result-tree.ts";
import { readImage } from "../../src/images/files.ts";
import { wholeRegion } from "../../src/images/image.ts";
import { prepareImages } from "../../src/workflow/run-images.ts";
import { imageTesting } from "../../src/workflow/tasks/image-results.ts";
import { type Task, TestPart } from "../../src/workflow/tasks/task.ts";
import { samples } from "../support/command.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const text = (target: string, folder: string, task = "crappify", model = "unet") => `
PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: 2D, SELF_SUPERVISED: {PRETEXT_TASK: ${task}}}
DATA:
  PATCH_SIZE: "(32,32,1)"
  TRAIN: {PATH: ${JSON.stringify(folder)}}
  TEST: {PATH: ${JSON.stringify(folder)}}
  NORMALIZATION: {TYPE: zero_mean_unit_variance, TARGET: {ENABLE: True, ${target}}}
MODEL: {ARCHITECTURE: ${model}}
TRAIN: {ENABLE: True}
TEST: {ENABLE: True}
`;

const CENTERED = "ZERO_MEAN_UNIT_VAR: {MEAN_VAL: [40.0], STD_VAL: [20.0]}";
const RANGED = "TYPE: scale_range, PERC_CLIP: {ENABLE: True, LOWER_VALUE: [10.0], UPPER_VALUE: [60.0]}";

for (const [name, target, normalized, own] of [
  ["mean and deviation", CENTERED, (value: number) => (value - 40) / 20, (value: number) => value],
  [
    "limits",
    RANGED,
    (value: number) => (Math.min(Math.max(value, 10), 60) - 10) / 50,
    (value: number) => Math.min(Math.max(value, 10), 60),
  ],
] as const) {
  test(`targets are normalized by fixed ${name}, and predictions converted back by them`, async () => {
    const folder = temporaryFolder();
    await mkdir(join(folder, "images"));
    const path = join(folder, "images", "nuclei-01.tif");
    await copyFile(join(samples("2d/train"), "nuclei-01.tif"), path);
    const { config, problems } = loadConfig("job.yaml", text(target, join(folder, "images")));
    assert.deepEqual([...problems, ...checkConfig(config)], []);
    const sources: Task["sources"] = async (_phase, infos) => ({
      images: infos,
      targets: { infos, values: "like images" },
    });
    const images = await prepareImages(config, { sources }, () => {});
    try {
      const stored = await readImage(path);
      const pairs = images.training?.pairs;
      const trained = await (await pairs?.targets?.image(0))?.values();
      for (const at of [0, 500, 4000])
        assert.ok(Math.abs((trained?.[at] ?? Number.NaN) - normalized(stored.data[at])) < 1e-5);
      const input = await (await pairs?.images.image(0))?.values();
      assert.notDeepEqual(input, trained, "the input is normalized by its own values");

      // A network that restores perfectly writes the image itself, but for what was clipped.
      const [image, measured] = [await images.test?.images.image(0), await images.test?.targets?.image(0)];
      assert.ok(image && measured && trained);
      const testing = imageTesting(config, resultTree(folder, "job", 1), () => assert.fail());
      const part = new TestPart(image, measured, wholeRegion(image.info.shape), { prediction: trained });
      const written = await testing.resultFiles(image, false)[0].values(part);
      for (const [at, value] of written.entries())
        assert.ok(Math.abs(value - own(stored.data[at])) <= 1, `${value} for ${stored.data[at]}`);
      const measurement = testing.measurement(false);
      await measurement.add(part);
      // Measured against the image as it is, not as it was clipped.
      assert.equal(
        (measurement.metrics.mae ?? 0) > 1,
        target === RANGED,
        JSON.stringify(measurement.metrics),
      );
    } finally {
      await images.close();
    }
  });
}

test("missing and impossible fixed numbers are refused, and a key without effect gives a warning", () => {
  const folder = samples("2d/train");
  const keys = (target: string, task?: string, model?: string) =>
    checkConfig(loadConfig("job.yaml", text(target, folder, task, model)).config).map(
      ({ severity, key }) => `${severity} ${key?.replace("DATA.NORMALIZATION.TARGET.", "")}`,
    );
  assert.deepEqual(keys(CENTERED), []);
  assert.deepEqual(keys("TYPE: zero_mean_unit_variance"), [
    "error ZERO_MEAN_UNIT_VAR.MEAN_VAL",
    "error ZERO_MEAN_UNIT_VAR.STD_VAL",
  ]);
  assert.deepEqual(keys("TYPE: div"), ["error PERC_CLIP.ENABLE"]);
  assert.deepEqual(keys("TYPE: percentile"), ["error TYPE"]);
  assert.deepEqual(keys(CENTERED.replace("20.0", "0.0")), ["error ZERO_MEAN_UNIT_VAR.STD_VAL"]);
  assert.deepEqual(keys(CENTERED.replace("20.0", "20.0, 21.0")), ["error ZERO_MEAN_UNIT_VAR.STD_VAL"]);
  assert.deepEqual(keys(RANGED.replace("60.0", "10.0")), ["error PERC_CLIP.UPPER_VALUE"]);
  assert.deepEqual(keys(CENTERED, "masking", "mae"), ["warning ENABLE"]);
  const biapy = checkForEngine("biapy", loadConfig("job.yaml", text(CENTERED, folder)).config, folder);
  assert.match(biapy.map(({ message }) => message).join(), /divides targets by 255/);
});
