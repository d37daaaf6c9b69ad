/**
 * The encoder's features of every architecture in 2D and 3D, of images of odd sizes with two channels: written with random weights, judged by
 * a linear probe, and compared place by place.
 */
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { readNpy } from "../../src/checkpoint/npy.ts";
import { loadConfig } from "../../src/config/config.ts";
import {
  type Dimensions,
  type EmbeddedArchitecture,
  embeddedArchitectures,
} from "../../src/facts/architectures.ts";
import { resultTree } from "../../src/facts/result-tree.ts";
import type { NewRunEvent } from "../../src/facts/run-events.ts";
import { readImage } from "../../src/images/files.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import { featureFolderOf } from "../../src/workflow/features/feature-folder.ts";
import { similarPlaces } from "../../src/workflow/features/similar-places.ts";
import { writeFeatures } from "../../src/workflow/features/write-features.ts";
import { saveRandomWeights } from "../support/network-of.ts";
import { samplePart, writePart } from "../support/sample-parts.ts";
import { hasEncoder, smallModel, smallPatch } from "../support/small-networks.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();

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

/** Writes images with a second, inverted channel. Their slices are five times as far apart as their pixels. */
before(async () => {
  for (const ndim of ["2D", "3D"] as const)
    for (const kind of ["train", "train-masks"])
      for (const [index, end] of SIZES[ndim].entries()) {
        const name = ndim === "2D" ? `nuclei-0${index + 1}.tif` : "nuclei-train.tif";
        const { data, shape, ...part } = await samplePart(`${ndim.toLowerCase()}/${kind}/${name}`, end);
        const doubled = Float32Array.from({ length: 2 * data.length }, (_, at) =>
          at % 2 === 0 ? data[at >> 1] : 400 - data[at >> 1],
        );
        const image =
          kind === "train"
            ? { ...part, sampleType: "float32" as const, data: doubled, shape: [...end, 2] as const }
            : { ...part, data, shape };
        const pixelSize = { z: 1, y: 0.2, x: 0.2, unit: "micrometer" };
        await writePart(join(folder, ndim, kind, `part-${index}.tif`), image, pixelSize);
      }
});

function configuration(architecture: EmbeddedArchitecture, ndim: Dimensions): string {
  const path = JSON.stringify(join(folder, ndim, "train"));
  const task = architecture === "mae" ? "masking" : "crappify";
  return `
PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: ${ndim}, SELF_SUPERVISED: {PRETEXT_TASK: ${task}}}
DATA:
  PATCH_SIZE: (${smallPatch(architecture, ndim).join(",")},2)
  REFLECT_TO_COMPLETE_SHAPE: True
  TRAIN: {PATH: ${path}}
  TEST: {PATH: ${path}}
MODEL: {${smallModel(architecture, ndim)}}
TRAIN: {BATCH_SIZE: 2}
`;
}

const runtime = new OnnxRuntime(2);

for (const ndim of ["2D", "3D"] as const)
  for (const [number, architecture] of [
    "mae" as const,
    ...embeddedArchitectures("crappify", ndim).filter(hasEncoder),
  ].entries())
    test(`${architecture} shows its features of ${ndim} images`, async () => {
      const { config } = loadConfig("job.yaml", configuration(architecture, ndim));
      const tree = resultTree(join(folder, "results", ndim), "job", number + 1);
      await mkdir(tree.checkpoints, { recursive: true });
      await saveRandomWeights(tree.bestCheckpoint, config, number);

      const events: NewRunEvent[] = [];
      const request = {
        config,
        tree,
        normalizePixels: false,
        openRuntime: async () => runtime,
        signal: new AbortController().signal,
        report: (event: NewRunEvent) => void events.push(event),
        labels: join(folder, ndim, "train-masks"),
      };
      assert.equal(await writeFeatures(request), "finished");
      for (const [index, size] of SIZES[ndim].entries()) {
        const picture = join(tree.features, `part-${index}.tif`);
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
