/** `biapy --label_study` trains with few labeled images, from pretrained weights and from scratch. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { checkConfig } from "../../src/config/checks.ts";
import { loadConfig } from "../../src/config/config.ts";
import { describeStudy, studyRows } from "../../src/workflow/label-study/outcome.ts";
import { defaultCounts, studyRuns } from "../../src/workflow/label-study/plan.ts";
import { samples, TRAINER } from "../support/command.ts";
import { run } from "../support/in-process.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

test("a study is fair: same images and seeds for both starts, nested, with equal numbers of steps", () => {
  assert.deepEqual(defaultCounts(12), [1, 2, 4, 8, 12]);
  assert.deepEqual(defaultCounts(1), [1]);
  const images = ["a.tif", "b.tif", "c.tif", "d.tif"];
  const wishes = { images, counts: [1, 2, 4, 9], seeds: 2, checkpoint: "/x.pth", epochs: 10, patience: -1 };
  const runs = studyRuns(wishes);
  assert.equal(runs.length, 3 * 2 * 2);
  for (const run of runs) {
    const twin = runs.find(
      ({ seed, images: names, start }) =>
        start !== run.start && seed === run.seed && names.length === run.images.length,
    );
    assert.deepEqual(twin?.images, run.images);
    assert.equal(Number(run.settings["TRAIN.EPOCHS"]) * run.images.length, 40);
    assert.equal(run.settings["TRAIN.PATIENCE"], undefined);
    assert.equal(run.settings["MODEL.LOAD_CHECKPOINT"], run.start === "pretrained" ? "True" : "False");
    const larger = runs.find(({ seed, images: names }) => seed === run.seed && names.length === 4);
    assert.ok(run.images.every((image, place) => larger?.images[place] === image));
  }
});

test("the verdict says when pretraining pays, and when it does not", () => {
  const result = (labels: number, seed: number, pretrained: number, scratch: number) =>
    (["pretrained", "scratch"] as const).map((start) => {
      return { runId: 1, start, labels, seed, iou: start === "pretrained" ? pretrained : scratch };
    });
  const lines = describeStudy(
    studyRows([
      ...result(4, 1, 0.7, 0.71),
      ...result(4, 2, 0.72, 0.73),
      ...result(1, 1, 0.6, 0.4),
      ...result(1, 2, 0.62, 0.5),
      // A seed that lacks its twin counts for neither.
      ...result(1, 3, 0.9, 0.1).slice(0, 1),
      ...result(2, 1, 0.3, 0.5),
      ...result(2, 2, 0.35, 0.6),
    ]),
  );
  assert.match(
    lines[0],
    /^1 labeled image: IoU pretrained 0\.61.* better in 2 of 2 seeds: pretraining pays$/,
  );
  assert.match(lines[1], /^2 labeled images: .* better in 0 of 2 seeds: pretraining hurts$/);
  assert.match(lines[2], /^4 labeled images: .*: no gain$/);
  const [single] = describeStudy(studyRows(result(1, 1, 0.7, 0.6)));
  assert.match(single, /better with one seed, which is too few to judge$/);
});

test("the configurations that the documentation measured have no problems", () => {
  const folder = join(import.meta.dirname, "../../docs/label-study");
  const names = readdirSync(folder).filter((name) => name.endsWith(".yaml"));
  assert.ok(names.length > 0);
  for (const name of names) {
    const { config, problems } = loadConfig(join(folder, name));
    assert.deepEqual([...problems, ...checkConfig(config)], [], name);
  }
});

const NETWORK = `MODEL:
  ARCHITECTURE: unet
  FEATURE_MAPS: [4, 8, 12]
  DROPOUT_VALUES: [0., 0., 0.]
  CONV_LAYERS: [1, 1, 1]
  ISOTROPY: [True, True, True]
  YX_DOWN: [2, 2]
  Z_DOWN: [1, 1]
`;

test("a study trains, compares, draws, and continues where it was interrupted", async () => {
  const folder = temporaryFolder();
  for (const name of ["train", "train-masks"])
    for (const image of readdirSync(samples(`2d/${name}`)).slice(0, 2))
      cpSync(join(samples(`2d/${name}`), image), join(folder, name, image));
  const copies = (phase: string) => `SSL_SOURCE_DIR: ${join(folder, `worse-${phase}`)}`;
  const pretraining = `PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: 2D, SELF_SUPERVISED: {PRETEXT_TASK: crappify}}
DATA:
  PATCH_SIZE: (32,32,1)
  TRAIN: {PATH: ${join(folder, "train")}, ${copies("train")}}
${NETWORK}TRAIN: {ENABLE: True, EPOCHS: 1, BATCH_SIZE: 16}
TEST: {ENABLE: False}
`;
  const results = join(folder, "results");
  const { bestCheckpoint: checkpoint } = (await run(results, 1, pretraining)).tree;
  const config = join(folder, "segment.yaml");
  writeFileSync(
    config,
    `PROBLEM: {TYPE: SEMANTIC_SEG, NDIM: 2D}
DATA:
  PATCH_SIZE: (32,32,1)
  TRAIN:
    PATH: ${join(folder, "train")}
    GT_PATH: ${join(folder, "train-masks")}
  TEST:
    PATH: ${samples("2d/test")}
    GT_PATH: ${samples("2d/test-masks")}
    LOAD_GT: True
${NETWORK}TRAIN: {ENABLE: True, EPOCHS: 1, BATCH_SIZE: 16}
TEST: {ENABLE: True}
`,
  );
  const study = (...more: string[]) =>
    spawnSync(
      process.execPath,
      [
        ...TRAINER,
        ...["--label_study", "--config", config, "--checkpoint", checkpoint],
        ...["--result_dir", results, "--name", "study", "--labels", "1", "--seeds", "1", ...more],
      ],
      { encoding: "utf8" },
    );
  const first = study();
  assert.equal(first.status, 0, first.stderr);
  assert.match(first.stdout, /1\/2: 1 labeled, pretrained, seed 1: IoU 0\.\d+/);
  assert.match(
    first.stdout,
    /1 labeled image: IoU pretrained .* from scratch .* one seed, which is too few to judge/,
  );
  const made = join(folder, "results/study/label_study");
  const csv = readFileSync(join(made, "label_study.csv"), "utf8");
  assert.equal(csv.trim().split("\n").length, 3);
  assert.equal(readFileSync(join(made, "label_study.png")).toString("latin1", 1, 4), "PNG");
  assert.ok(existsSync(join(folder, "results/study/results/study_2/per_image")));

  // The second time nothing is trained, and the results are the same.
  const again = study();
  assert.equal(again.stdout, first.stdout);
  assert.equal(readFileSync(join(made, "label_study.csv"), "utf8"), csv);

  // The editor trains the listed runs itself, and asks for the curve afterwards.
  const states = () =>
    study("--prepare")
      .stdout.trim()
      .split("\n")
      .map((line): Record<string, unknown> => JSON.parse(line))
      .map(({ runId, state }) => [runId, state]);
  assert.deepEqual(states(), [
    [1, "finished"],
    [2, "finished"],
  ]);
  assert.match(study("--collect").stdout, /1 labeled image: IoU pretrained/);

  // A checkpoint with other content gives a new run. Runs from scratch do not depend on it.
  assert.doesNotMatch(first.stderr, /pretrained on test images/);
  const original = readFileSync(checkpoint);
  cpSync("test/fixtures/checkpoint/biapy.pth", checkpoint);
  assert.deepEqual(states(), [
    [3, "waiting"],
    [2, "finished"],
  ]);
  assert.match(study("--collect").stdout, /1 of 2 trainings have finished/);
  writeFileSync(checkpoint, original);
  const fair = readFileSync(config, "utf8");
  writeFileSync(
    config,
    fair
      .replace(samples("2d/test"), join(folder, "train"))
      .replace(samples("2d/test-masks"), join(folder, "train-masks")),
  );
  const warned = study("--prepare");
  assert.match(warned.stderr, /Test images are among the labeled ones.*nuclei-01\.tif/);
  assert.match(warned.stderr, /The checkpoint was pretrained on test images .*nuclei-01\.tif/);

  writeFileSync(config, fair.replace("LOAD_GT: True", "LOAD_GT: False"));
  const refused = study();
  assert.equal(refused.status, 2);
  assert.match(refused.stderr, /segment\.yaml:\d+: .*LOAD_GT to True/);
});
