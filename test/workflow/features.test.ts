/** Features of trained encoders: `biapy --features`, and pictures of them during training. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readNpy } from "../../src/checkpoint/npy.ts";
import { readImage } from "../../src/images/files.ts";
import { colorsOf, FeatureSample, fitColors } from "../../src/workflow/features/feature-colors.ts";
import { biapy, samples, workspace } from "./command.ts";

const configuration = (task: string, model: string) => `
PROBLEM:
  TYPE: SELF_SUPERVISED
  NDIM: 2D
  SELF_SUPERVISED: {PRETEXT_TASK: ${task}}
DATA:
  PATCH_SIZE: (64,64,1)
  TRAIN: {PATH: ${samples("2d/test")}, SSL_SOURCE_DIR: ${join(mkdtempSync(join(tmpdir(), "worse-")), "train")}}
  TEST: {PATH: ${samples("2d/test")}, SSL_SOURCE_DIR: ${join(mkdtempSync(join(tmpdir(), "worse-")), "test")}}
MODEL:
${model}
TRAIN: {ENABLE: True, EPOCHS: 1, BATCH_SIZE: 4}
TEST: {ENABLE: False}
`;

const MAE = `  ARCHITECTURE: mae
  VIT_TOKEN_SIZE: 16
  VIT_EMBED_DIM: 24
  VIT_NUM_LAYERS: 1
  VIT_NUM_HEADS: 2
  MAE_DEC_HIDDEN_SIZE: 16
  MAE_DEC_NUM_LAYERS: 1
  MAE_DEC_NUM_HEADS: 2`;

test("an autoencoder's features are drawn while it trains, and written on demand", async () => {
  const { arguments: args, results } = await workspace(configuration("masking", MAE));
  const trained = await biapy(args());
  assert.equal(trained.code, 0);
  const drawn = trained.events.filter((event) => event.event === "image" && event.kind === "features");
  assert.equal(drawn.length, 1);
  const { code, events } = await biapy([...args(), "--features"]);
  assert.equal(code, 0);
  const folder = join(results, "job/results/job_1/features");
  const shown = events.flatMap((event) => (event.event === "image" ? [event.files] : []));
  assert.ok(shown.length > 0);
  for (const { original = "", features = "" } of shown) {
    const [image, colors] = [await readImage(original), await readImage(features)];
    assert.deepEqual(colors.shape, [...image.shape.slice(0, 3), 3]);
    assert.ok(new Set(colors.data).size > 10, "the colors differ");
    const { shape, data } = await readNpy(features.replace(/\.tif$/, ".npy"));
    assert.deepEqual(shape, [1, Math.ceil(image.shape[1] / 16), Math.ceil(image.shape[2] / 16), 24]);
    assert.ok(data.every((value) => Number.isFinite(Number(value))));
  }
  const { stride, components } = JSON.parse(readFileSync(join(folder, "features.json"), "utf8"));
  assert.deepEqual(stride, [1, 16, 16]);
  assert.equal(components.length, 3);
});

test("a U-Net's bottleneck is what its encoder makes; a network without an encoder says so", async () => {
  const unet =
    "  ARCHITECTURE: unet\n  FEATURE_MAPS: [4, 8, 12]\n  DROPOUT_VALUES: [0., 0., 0.]\n  CONV_LAYERS: [1, 1, 1]\n  ISOTROPY: [True, True, True]\n  YX_DOWN: [2, 2]\n  Z_DOWN: [1, 1]";
  const trained = await workspace(configuration("crappify", unet));
  assert.equal((await biapy(trained.arguments())).code, 0);
  const { code, events } = await biapy([...trained.arguments(), "--features"]);
  assert.equal(code, 0);
  const image = events.find((event) => event.event === "image");
  assert.ok(image?.event === "image" && image.files.features !== undefined);
  const { shape } = await readNpy(image.files.features.replace(/\.tif$/, ".npy"));
  assert.equal(shape[3], 12);

  const edsr = await workspace(configuration("crappify", "  ARCHITECTURE: edsr"));
  const refused = await biapy([...edsr.arguments(), "--features"]);
  assert.equal(refused.code, 2);
  const problems = refused.events.flatMap((event) => (event.event === "problems" ? event.problems : []));
  assert.match(problems.map(({ message }) => message).join(), /no encoder/);
  assert.ok(!existsSync(join(edsr.results, "job/results/job_1/features")));
});

/** A map of two kinds of places: features along one direction, with a little of another. */
function stripes(sign: number) {
  const values = Float32Array.from({ length: 64 * 5 }, (_, at) => {
    const [place, feature] = [Math.floor(at / 5), at % 5];
    return feature === 2 ? sign * (place % 2 === 0 ? 4 : -4) : Math.sin(place * (feature + 1));
  });
  return { shape: [1, 8, 8, 5] as const, values, stride: [1, 2, 2] as const };
}

test("colors are the principal components, and stay when the basis is fitted again", () => {
  const sampled = (map: ReturnType<typeof stripes>) => {
    const sample = new FeatureSample(1);
    sample.add(map);
    return sample.vectors;
  };
  const basis = fitColors(sampled(stripes(1)));
  assert.ok(Math.abs(basis.components[0][2]) > 0.99, "the first component is the direction of the stripes");
  const colors = colorsOf(stripes(1), basis, [1, 16, 16]);
  assert.equal(colors.length, 16 * 16 * 3);
  // Neighboring places differ in red as far as can be; pixels of one place are alike.
  assert.ok(Math.abs(colors[0] - colors[2 * 3]) > 200);
  assert.equal(colors[0], colors[3]);
  const again = fitColors(sampled(stripes(1)).toReversed(), basis);
  for (const [index, component] of again.components.entries()) {
    const likeness = component.reduce((sum, value, at) => sum + value * basis.components[index][at], 0);
    assert.ok(likeness > 0.99, `component ${index} kept its color: ${likeness}`);
  }
});
