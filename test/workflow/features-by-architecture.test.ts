/**
 * The encoder's features of every architecture in 2D and 3D, of images of odd sizes with two channels: after an epoch, on demand, judged by a
 * linear probe, and compared place by place.
 */
import assert from "node:assert/strict";
import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { readNpy } from "../../src/checkpoint/npy.ts";
import { loadConfig } from "../../src/config/config.ts";
import { type Dimensions, embeddedArchitectures } from "../../src/facts/architectures.ts";
import type { NewRunEvent } from "../../src/facts/run-events.ts";
import { openImage, readImage } from "../../src/images/files.ts";
import { writeTiff } from "../../src/images/tiff-writer.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import { featureFolderOf } from "../../src/workflow/features/feature-folder.ts";
import { similarPlaces } from "../../src/workflow/features/similar-places.ts";
import { writeFeatures } from "../../src/workflow/features/write-features.ts";
import { smallModel, smallPatch } from "../support/small-networks.ts";
import { samples } from "./command.ts";
import { run } from "./in-process.ts";

const folder = await mkdtemp(join(tmpdir(), "features-"));

/** Sizes `[z, y, x]` that no patch divides; the second volume is thinner than a patch. */
const SIZES = {
  "2D": [
    [1, 43, 57],
    [1, 38, 33],
  ],
  "3D": [
    [9, 35, 21],
    [5, 33, 24],
  ],
} as const;

/** Each pixel's values and, as a second channel, what is missing to the brightest; slices stand five times as far apart as pixels. */
before(async () => {
  for (const ndim of ["2D", "3D"] as const)
    for (const kind of ["train", "train-masks"])
      for (const [index, end] of SIZES[ndim].entries()) {
        const name = ndim === "2D" ? `nuclei-0${index + 1}.tif` : "nuclei-train.tif";
        const source = await openImage(join(samples(`${ndim.toLowerCase()}/${kind}`), name));
        const { data, shape, ...part } = await source.read({ start: [0, 0, 0], end });
        await source.close();
        const doubled = Float32Array.from({ length: 2 * data.length }, (_, at) =>
          at % 2 === 0 ? data[at >> 1] : 400 - data[at >> 1],
        );
        const image =
          kind === "train"
            ? { ...part, sampleType: "float32" as const, data: doubled, shape: [...end, 2] as const }
            : { ...part, data, shape };
        await mkdir(join(folder, ndim, kind), { recursive: true });
        const pixelSize = { z: 1, y: 0.2, x: 0.2, unit: "micrometer" };
        await writeTiff(join(folder, ndim, kind, `part-${index}.tif`), image, pixelSize);
      }
});

const TRANSFORMER = "VIT_TOKEN_SIZE: 8, VIT_EMBED_DIM: 24, VIT_NUM_LAYERS: 3, VIT_NUM_HEADS: 3";
const MAE = `${TRANSFORMER}, MAE_DEC_HIDDEN_SIZE: 16, MAE_DEC_NUM_LAYERS: 1, MAE_DEC_NUM_HEADS: 2`;

function configuration(architecture: string, ndim: Dimensions): string {
  const path = JSON.stringify(join(folder, ndim, "train"));
  const task = architecture === "mae" ? "masking" : "crappify";
  const model = architecture === "mae" ? MAE : smallModel(architecture, ndim);
  return `
PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: ${ndim}, SELF_SUPERVISED: {PRETEXT_TASK: ${task}}}
DATA:
  PATCH_SIZE: (${smallPatch(architecture, ndim).join(",")},2)
  REFLECT_TO_COMPLETE_SHAPE: True
  TRAIN: {PATH: ${path}}
  VAL: {SPLIT_TRAIN: 0.9}
  TEST: {PATH: ${path}}
MODEL: {ARCHITECTURE: ${architecture}, ${model}}
TRAIN: {ENABLE: True, BATCH_SIZE: 2, EPOCHS: 1}
TEST: {ENABLE: False}
`;
}

/** Networks without an encoder: those for super-resolution. */
const WITHOUT = ["edsr", "rcan", "dfcan", "wdsr"];
const runtime = new OnnxRuntime(2);

for (const ndim of ["2D", "3D"] as const)
  for (const [number, architecture] of [
    "mae",
    ...embeddedArchitectures("crappify", ndim).filter((each) => !WITHOUT.includes(each)),
  ].entries())
    test(`${architecture} shows its features of ${ndim} images`, async () => {
      const text = configuration(architecture, ndim);
      const trained = await run(join(folder, "results", ndim), number + 1, text);
      const preview = trained.events.flatMap((event) =>
        event.event === "image" && event.kind === "features" ? [event.files.features ?? ""] : [],
      );
      assert.equal(preview.length, 1, "once an epoch");
      assert.ok((await featureFolderOf(preview[0])) !== undefined);

      const events: NewRunEvent[] = [];
      const request = {
        config: loadConfig("job.yaml", text).config,
        tree: trained.tree,
        normalizePixels: false,
        openRuntime: async () => runtime,
        signal: new AbortController().signal,
        report: (event: NewRunEvent) => void events.push(event),
        labels: join(folder, ndim, "train-masks"),
      };
      assert.equal(await writeFeatures(request), "finished");
      for (const [index, size] of SIZES[ndim].entries()) {
        const picture = join(trained.tree.features, `part-${index}.tif`);
        assert.deepEqual((await readImage(picture)).shape, [...size, 3]);
        const described = await featureFolderOf(picture);
        assert.ok(described !== undefined);
        const { shape, data } = await readNpy(picture.replace(".tif", ".npy"));
        assert.deepEqual(
          shape.slice(0, 3),
          size.map((pixels, axis) => Math.ceil(pixels / described.stride[axis])),
        );
        assert.ok(data.every((value) => Number.isFinite(Number(value))));
        assert.ok(new Set(Array.from(data, Number)).size > 10, "features differ from place to place");
        const last = size.map((pixels) => pixels - 1);
        const similar = await similarPlaces(picture, described, [last[0], last[1], last[2]], 5);
        assert.deepEqual([...similar.grid], shape.slice(0, 3));
        assert.ok(
          Math.abs((similar.values.at(-1) ?? 0) - 1) < 1e-5,
          "the last pixel's place is the picked one",
        );
        assert.ok(similar.places.length > 0);
        for (const { start, original } of similar.places) {
          const image = await readImage(original);
          for (const [axis, position] of start.entries()) assert.ok(position < image.shape[axis]);
        }
        const classes = await readImage(picture.replace(".tif", "_probe.tif"));
        assert.deepEqual([classes.shape, classes.sampleType], [[...size, 1], "uint8"]);
      }
      const probed = events.flatMap((event) => (event.event === "test" ? [event] : []));
      assert.equal(probed.length, SIZES[ndim].length + 1);
      for (const { metrics } of probed) assert.ok(metrics.accuracy >= 0 && metrics.accuracy <= 1);
    });
