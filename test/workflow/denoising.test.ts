/** Denoising without clean images: training, stopping and resuming, testing by patches and by chunks. */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { loadBiapyCheckpoint } from "../../src/checkpoint/biapy-checkpoint.ts";
import { checkConfig } from "../../src/config/checks.ts";
import { loadConfig } from "../../src/config/config.ts";
import { Random } from "../../src/data/random.ts";
import { similarity } from "../../src/data/similarity.ts";
import { N2V_MANIPULATORS } from "../../src/facts/workflows.ts";
import { readImage } from "../../src/images/files.ts";
import { epochsOf, refusal, run } from "../support/in-process.ts";
import { samplePart, writePart } from "../support/sample-parts.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** Clean parts of sample images, and noisy copies of them, in folders of one name each. */
async function images(ndim: "2D" | "3D") {
  const folder = temporaryFolder();
  const random = new Random(1);
  const size = ndim === "2D" ? ([1, 96, 96] as const) : ([12, 40, 24] as const);
  const names = ndim === "2D" ? ["nuclei-01", "nuclei-02"] : ["nuclei-train"];
  for (const name of names) {
    const clean = await samplePart(`${ndim.toLowerCase()}/train/${name}.tif`, size);
    const brightest = Float32Array.from(clean.data).reduce((most, value) => Math.max(most, value), 0);
    const data = Float32Array.from(clean.data, (value) => value + 0.15 * brightest * random.normal());
    for (const [kind, image] of [
      ["clean", clean],
      ["noisy", { ...clean, sampleType: "float32", data }],
    ] as const)
      await writePart(join(folder, kind, `${name}.tif`), image);
  }
  return { folder, clean: join(folder, "clean"), noisy: join(folder, "noisy") };
}

const configuration = (
  ndim: "2D" | "3D",
  { noisy, clean }: { readonly noisy: string; readonly clean: string },
  { denoising = "N2V_PERC_PIX: 1.0", test = "", epochs = 2, loadGt = true } = {},
) => `
PROBLEM: {TYPE: DENOISING, NDIM: ${ndim}, DENOISING: {${denoising}}}
DATA:
  PATCH_SIZE: ${ndim === "2D" ? "(32,32,1)" : "(8,16,16,1)"}
  TRAIN: {PATH: ${noisy}, GT_PATH: ${clean}}
  VAL: {SPLIT_TRAIN: 0.2}
  TEST: {PATH: ${noisy}, GT_PATH: ${clean}, LOAD_GT: ${loadGt ? "True" : "False"}, OVERLAP: "${ndim === "2D" ? "(0.25,0.25)" : "(0.25,0.25,0.25)"}"}
MODEL: {ARCHITECTURE: unet, FEATURE_MAPS: [8, 16, 32], DROPOUT_VALUES: [0., 0., 0.]${ndim === "3D" ? ", Z_DOWN: [1, 2]" : ""}}
TRAIN: {ENABLE: True, OPTIMIZER: ADAMW, LR: 3.E-3, BATCH_SIZE: 4, EPOCHS: ${epochs}}
TEST: {ENABLE: True${test === "" ? "" : `, ${test}`}}
`;

test("a network learns to remove noise from the noisy images alone, and is measured by clean ones", async () => {
  const space = await images("2D");
  const { events, folder, tree } = await run(space.folder, 1, configuration("2D", space, { epochs: 25 }));
  const measured = new Map(
    events.flatMap((event) =>
      event.event === "test" ? [[event.image ?? "mean", event.metrics] as const] : [],
    ),
  );
  assert.deepEqual([...measured.keys()], ["nuclei-01.tif", "nuclei-02.tif", "mean"]);
  for (const name of ["nuclei-01.tif", "nuclei-02.tif"]) {
    const [clean, noisy, denoised] = await Promise.all(
      [space.clean, space.noisy, folder].map((from) => readImage(join(from, name))),
    );
    assert.equal(denoised.sampleType, "float32");
    const psnr = (image: typeof noisy) =>
      similarity(Float32Array.from(image.data), Float32Array.from(clean.data), clean.shape).psnr;
    assert.ok(psnr(denoised) > psnr(noisy) + 2, `${psnr(denoised)} dB after ${psnr(noisy)} dB`);
    assert.ok(Math.abs(psnr(denoised) - (measured.get(name)?.psnr ?? 0)) < 1e-3);
  }
  const shown = events.flatMap((event) =>
    event.event === "image" && event.epoch === undefined ? [event] : [],
  )[0];
  assert.equal(shown.kind, "prediction");
  assert.deepEqual(shown.files, {
    original: join(space.noisy, "nuclei-01.tif"),
    groundTruth: join(space.clean, "nuclei-01.tif"),
    prediction: join(folder, "nuclei-01.tif"),
  });
  const checkpoint = await loadBiapyCheckpoint(tree.bestCheckpoint);
  assert.deepEqual(checkpoint.modelBuildArguments?.output_channels, [1]);
  await checkpoint.close();
});

for (const ndim of ["2D", "3D"] as const)
  test(`a stopped ${ndim} run resumes exactly, and predicts the same by chunks as by patches`, async () => {
    const space = await images(ndim);
    const text = configuration(ndim, space, { denoising: "N2V_PERC_PIX: 0.9, N2V_STRUCTMASK: True" });
    const whole = await run(space.folder, 1, text);
    const stopped = await run(space.folder, 2, text, {
      watch: (event, stopping) => {
        if (event.event === "step" && event.epoch === 2 && event.step === 1) stopping.abort();
      },
    });
    assert.equal(stopped.status, "stopped");
    const resumed = await run(space.folder, 2, text, { resume: true });
    assert.deepEqual(epochsOf(resumed), epochsOf(whole).slice(1));
    const name = (await readdir(whole.folder))[0];
    const expected = await readImage(join(whole.folder, name));
    assert.deepEqual(await readImage(join(resumed.folder, name)), expected);

    const again = `${text.replace("TRAIN: {ENABLE: True", "TRAIN: {ENABLE: False").replace("TEST: {ENABLE: True", "TEST: {ENABLE: True, BY_CHUNKS: {ENABLE: True}")}PATHS: {CHECKPOINT_FILE: ${whole.tree.bestCheckpoint}}\n`;
    const byChunks = await run(space.folder, 3, again);
    const chunked = await readImage(join(byChunks.folder, name.replace(".tif", ".zarr")));
    for (const [at, value] of chunked.data.entries())
      assert.ok(Math.abs(value - expected.data[at]) < 1e-4 * 300, `${at}`);
    const psnr = ({ events }: typeof whole) =>
      events.flatMap((event) =>
        event.event === "test" && event.image === name ? [event.metrics.psnr] : [],
      )[0];
    assert.ok(Math.abs(psnr(byChunks) - psnr(whole)) < 1e-3);

    const turned = again.replace("BY_CHUNKS: {ENABLE: True}", "AUGMENTATION: True");
    const augmented = await run(space.folder, 4, turned);
    assert.notDeepEqual(await readImage(join(augmented.folder, name)), expected);
  });

test("every manipulator trains; clean images can be targets, and are not needed to test", async () => {
  const space = await images("2D");
  const untested = (text: string) => text.replace("TEST: {ENABLE: True", "TEST: {ENABLE: False");
  for (const [index, manipulator] of N2V_MANIPULATORS.entries()) {
    const denoising = `N2V_PERC_PIX: 1.0, N2V_MANIPULATOR: ${manipulator}`;
    const text = untested(configuration("2D", space, { denoising, epochs: 1 }));
    const [{ train, validation }] = epochsOf(await run(space.folder, 10 + index, text));
    for (const metrics of [train, validation ?? {}])
      assert.ok(Object.values(metrics).every(Number.isFinite), JSON.stringify(metrics));
    assert.ok(train.loss > 0 && validation !== undefined);
  }
  const bare = await run(space.folder, 29, configuration("2D", space, { epochs: 1, loadGt: false }));
  assert.deepEqual(await readdir(bare.folder), await readdir(space.noisy));
  const measured = bare.events.flatMap((event) => (event.event === "test" ? Object.keys(event.metrics) : []));
  assert.deepEqual(measured, [], "there is nothing to compare with");
  const denoising = "N2V_PERC_PIX: 1.0, LOAD_GT_DATA: True";
  const supervised = await run(space.folder, 30, configuration("2D", space, { denoising, epochs: 1 }));
  assert.equal(supervised.status, "finished");
});

test("settings that denoising does not have are refused with their keys", async () => {
  const space = await images("2D");
  const text = configuration("2D", space);
  const cases: readonly (readonly [RegExp, string])[] = [
    [
      /N2V_PERC_PIX: the percentage .* above 0 and at most 1, not 0/,
      text.replace("N2V_PERC_PIX: 1.0", "N2V_PERC_PIX: 0.0"),
    ],
    [
      /N2V_MANIPULATOR: is one of uniform_withCP/,
      text.replace("N2V_PERC_PIX: 1.0", "N2V_MANIPULATOR: magic"),
    ],
    [
      /N2V_NEIGHBORHOOD_RADIUS: .* at least 1 pixel/,
      text.replace("N2V_PERC_PIX: 1.0", "N2V_NEIGHBORHOOD_RADIUS: 0"),
    ],
    [
      /MODEL.ARCHITECTURE: .* mae is not one of them/,
      text.replace("ARCHITECTURE: unet", "ARCHITECTURE: mae"),
    ],
    [/LOSS.TYPE: denoising has the loss \[MSE\] only/, `${text}LOSS: {TYPE: [MAE]}\n`],
    [/DATA.TEST.GT_PATH.* does not exist/, text.replaceAll(`GT_PATH: ${space.clean}`, "GT_PATH: nowhere")],
    [
      /TEST.METRICS: this workflow measures mae, mse, not ssim/,
      text.replace("TEST: {ENABLE: True", "TEST: {ENABLE: True, METRICS: [ssim]"),
    ],
  ];
  for (const [pattern, wrong] of cases) assert.match(await refusal(space.folder, wrong), pattern);
  const { config } = loadConfig("job.yaml", text);
  const warned = checkConfig(config).filter(({ key }) => key === "DATA.TEST.LOAD_GT");
  assert.deepEqual(
    warned.map(({ severity }) => severity),
    ["warning"],
  );
});
