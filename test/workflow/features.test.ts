/** Features of trained encoders: `biapy --features`, and pictures of them during training. */
import assert from "node:assert/strict";
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { readNpy, writeNpy } from "../../src/checkpoint/npy.ts";
import { loadConfig } from "../../src/config/config.ts";
import { Random } from "../../src/data/random.ts";
import { resultTree } from "../../src/facts/result-tree.ts";
import type { NewRunEvent } from "../../src/facts/run-events.ts";
import { readImage } from "../../src/images/files.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import { colorsOf, FeatureSample, fitColors } from "../../src/workflow/features/feature-colors.ts";
import { describeFeatures, featureFolderOf } from "../../src/workflow/features/feature-folder.ts";
import { probe } from "../../src/workflow/features/linear-probe.ts";
import { similarPlaces } from "../../src/workflow/features/similar-places.ts";
import { writeFeatures } from "../../src/workflow/features/write-features.ts";
import { biapy, samples, type Workspace, workspace } from "../support/command.ts";
import { type Run, run } from "../support/in-process.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const configuration = (task: string, model: string) => `
PROBLEM:
  TYPE: SELF_SUPERVISED
  NDIM: 2D
  SELF_SUPERVISED: {PRETEXT_TASK: ${task}}
DATA:
  PATCH_SIZE: (64,64,1)
  TRAIN: {PATH: ${samples("2d/test")}, SSL_SOURCE_DIR: ${join(temporaryFolder(), "train")}}
  TEST: {PATH: ${samples("2d/test")}, SSL_SOURCE_DIR: ${join(temporaryFolder(), "test")}}
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

/** An autoencoder that was trained for an epoch, as run 1. */
let place: Workspace;
let trained: Run;
before(async () => {
  const text = configuration("masking", MAE);
  place = await workspace(text);
  trained = await run(place.results, 1, text);
});

/** Writes the features of run 1 of a folder of results. */
async function featuresOf(
  results: string,
  text: string,
  {
    report = () => {},
    signal = new AbortController().signal,
  }: { report?: (event: NewRunEvent) => void; signal?: AbortSignal } = {},
) {
  return writeFeatures({
    config: loadConfig("job.yaml", text).config,
    tree: resultTree(results, "job", 1),
    normalizePixels: false,
    openRuntime: async () => new OnnxRuntime(1),
    report,
    signal,
  });
}

test("an autoencoder's features are drawn while it trains, and written on demand", async () => {
  const { arguments: args, results } = place;
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
  const { stride, components, images } = JSON.parse(readFileSync(join(folder, "features.json"), "utf8"));
  assert.deepEqual(stride, [1, 16, 16]);
  assert.equal(components.length, 3);
  assert.equal(images.length, shown.length);
  // The picture that was drawn while it trained can be compared place by place too.
  const [preview] = drawn.flatMap((event) => (event.event === "image" ? [event.files.features ?? ""] : []));
  const described = await featureFolderOf(preview);
  assert.ok(described !== undefined);
  assert.equal((await similarPlaces(preview, described, [0, 20, 20], 4)).places.length, 4);

  // Masks of one of the images judge the features: a number, and a map.
  const labels = temporaryFolder();
  cpSync(join(samples("2d/test-masks"), "nuclei-01.tif"), join(labels, "nuclei-01.tif"));
  const probed = await biapy([...args(), "--features", "--labels", labels]);
  assert.equal(probed.code, 0);
  const measured = probed.events.flatMap((event) => (event.event === "test" ? [event] : []));
  assert.deepEqual(
    measured.map(({ image }) => image),
    ["nuclei-01.tif", undefined],
  );
  const { accuracy } = measured[0].metrics;
  assert.ok(accuracy > 0.5 && accuracy <= 1, `${accuracy}`);
  const map = await readImage(join(folder, "nuclei-01_probe.tif"));
  assert.deepEqual(map.shape, [1, 256, 128, 1]);
  assert.ok(map.data.every((value) => value === 0 || value === 1));
  assert.match(readFileSync(join(folder, "linear_probe.csv"), "utf8"), /^file,.*accuracy\nnuclei-01\.tif,/);
  const wrong = await biapy([...args(), "--features", "--labels", samples("3d/train-masks")]);
  assert.equal(wrong.code, 2);
});

test("a U-Net's features are its bottleneck; a network without an encoder is refused", async () => {
  const unet =
    "  ARCHITECTURE: unet\n  FEATURE_MAPS: [4, 8, 12]\n  DROPOUT_VALUES: [0., 0., 0.]\n  CONV_LAYERS: [1, 1, 1]\n  ISOTROPY: [True, True, True]\n  YX_DOWN: [2, 2]\n  Z_DOWN: [1, 1]";
  const { results } = await workspace("");
  const text = configuration("crappify", unet);
  await run(results, 1, text);
  const events: NewRunEvent[] = [];
  assert.equal(await featuresOf(results, text, { report: (event) => events.push(event) }), "finished");
  const image = events.find((event) => event.event === "image");
  assert.ok(image?.event === "image" && image.files.features !== undefined);
  const { shape } = await readNpy(image.files.features.replace(/\.tif$/, ".npy"));
  assert.equal(shape[3], 12);

  const edsr = await workspace("");
  await assert.rejects(featuresOf(edsr.results, configuration("crappify", "  ARCHITECTURE: edsr")), {
    name: "InputError",
    message: /no encoder/,
  });
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

test("many features have colors too where the first is constant, or all vary in one direction", () => {
  const random = new Random(3);
  for (const directions of [1, 3]) {
    const vectors = Array.from({ length: 60 }, () => {
      const along = Array.from({ length: directions }, () => random.normal());
      return Float32Array.from({ length: 200 }, (_, feature) =>
        feature === 0 ? 0 : along[feature % directions] * (1 + (feature % 5)),
      );
    });
    const { components, ranges } = fitColors(vectors);
    assert.ok([...components.flat(), ...ranges.flat()].every(Number.isFinite));
    for (const component of components.slice(0, directions))
      assert.ok(Math.abs(Math.hypot(...component) - 1) < 1e-9);
  }
  const constant = fitColors(Array.from({ length: 9 }, () => new Float32Array(200).fill(2)));
  assert.deepEqual(new Set(constant.components.flat()), new Set([0]));
});

test("the components of many features are the directions in which they vary most, also beside a far larger one", () => {
  for (const most of [12, 5000]) {
    const random = new Random(5);
    const deviations = [0, most, 0.5, 6, 3];
    const vectors = Array.from({ length: 400 }, () =>
      Float32Array.from({ length: 300 }, (_, feature) => 7 + (deviations[feature] ?? 1) * random.normal()),
    );
    const { components } = fitColors(vectors);
    for (const [index, feature] of [1, 3, 4].entries()) {
      const largest = Math.abs(components[index]?.[feature] ?? 0);
      assert.ok(largest > 0.9, `component ${index}: ${largest} along feature ${feature}`);
    }
  }
});

test("a place is compared with all others of its folder, and no neighbors stand in the list together", async () => {
  const folder = temporaryFolder();
  // Three kinds of places; in the second image one of the first kind stands alone.
  const kinds = { one: [0, 0, 1, 2, 1, 1, 2, 2, 1], two: [1, 1, 1, 1, 0, 2, 2, 2, 2] };
  const images: { picture: string; original: string }[] = [];
  for (const [name, places] of Object.entries(kinds)) {
    const values = Float32Array.from({ length: 27 }, (_, at) =>
      Number(places[Math.floor(at / 3)] === at % 3),
    );
    await writeNpy(join(folder, `${name}.npy`), { shape: [1, 3, 3, 3], data: values });
    images.push({ picture: `${name}.tif`, original: join(folder, "originals", `${name}.tif`) });
  }
  const mean = [1 / 3, 1 / 3, 1 / 3];
  await describeFeatures(folder, { mean, components: [], ranges: [] }, { stride: [1, 8, 8], images });
  const picture = join(folder, "one.tif");
  const described = await featureFolderOf(picture);
  assert.ok(described !== undefined);
  const { grid, values, places } = await similarPlaces(picture, described, [0, 7, 3], 3);
  assert.deepEqual(grid, [1, 3, 3]);
  assert.ok(Math.abs(values[0] - 1) < 1e-6 && Math.abs(values[1] - 1) < 1e-6);
  // Without what all have in common, places of other kinds are opposite.
  assert.ok(values[2] < 0 && Math.abs(values[2] + 0.5) < 1e-6);
  assert.equal(places[0].original, images[1].original);
  assert.deepEqual(places[0].start, [0, 8, 8]);
  assert.ok(Math.abs(places[0].similarity - 1) < 1e-6);
  assert.ok(
    places.every(({ picture: where, start }) => where !== picture || start[1] > 8 || start[2] > 8),
    "the picked place and its neighbors are not among them",
  );
  // Other pictures, and folders without features, have none.
  assert.equal(await featureFolderOf(join(folder, "other.tif")), undefined);
  assert.equal(await featureFolderOf(join(tmpdir(), "one.tif")), undefined);
  writeFileSync(
    join(folder, "features.json"),
    '{"stride":[1,8,8],"mean":[1],"images":[{"picture":"../x.tif","original":""}]}',
  );
  await assert.rejects(featureFolderOf(join(folder, "x.tif")), /picture/);
});

test("a linear probe finds a class that is a direction of the features, and nothing where there is none", () => {
  const random = new Random(3);
  const made = (tells: boolean) =>
    [0, 1, 2].map((part) => {
      const labels = Int32Array.from({ length: 200 }, () => Number(random.uniform() < 0.4));
      const values = Float32Array.from(
        { length: 800 },
        (_, at) => random.normal() + (tells && at % 4 === 2 ? 6 * labels[at >> 2] : 0),
      );
      return {
        map: { shape: [1, 10, 20, 4] as const, values, stride: [1, 8, 8] as const },
        labels: labels.map((label, place) => (place === 7 ? -1 : label)),
        parts: new Int32Array(200).fill(part),
      };
    });
  const rightIn = (maps: ReturnType<typeof made>) => {
    const found = probe(maps, 2);
    const judged = maps.flatMap(({ labels }, map) =>
      [...labels].flatMap((label, place) => (label < 0 ? [] : [found[map][place] === label])),
    );
    return judged.filter(Boolean).length / judged.length;
  };
  assert.ok(rightIn(made(true)) > 0.99);
  // Judged on other images than those that it was fitted to, noise tells no more than the share of the commoner class.
  assert.ok(rightIn(made(false)) < 0.68);
});

test("a failure while features are being written and stopped is a failure, not the stop", async () => {
  const writing = (then: (controller: AbortController) => void) => {
    const controller = new AbortController();
    return featuresOf(place.results, configuration("masking", MAE), {
      report: (event) => {
        if (event.event === "image") then(controller);
      },
      signal: controller.signal,
    });
  };
  await assert.rejects(
    writing((controller) => {
      controller.abort();
      throw new Error("no space left");
    }),
    /no space left/,
  );
  assert.equal(await writing((controller) => controller.abort()), "stopped");
});
