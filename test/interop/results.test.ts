/** Result files, opened by tifffile and TensorBoard. Needs BIAPY_PYTHON: a Python that has them. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { SAMPLE_ARRAYS, type SampleType } from "../../src/images/image.ts";
import { writeTiff } from "../../src/images/tiff-writer.ts";
import { TensorboardWriter } from "../../src/results/tensorboard.ts";
import { python, skip } from "./python.ts";

const temporary = () => mkdtemp(join(tmpdir(), "results-"));

function judged(kind: "tiff" | "tensorboard", path: string) {
  const script = join(import.meta.dirname, "results-judge.py");
  return JSON.parse(execFileSync(python, [script, kind, path], { encoding: "utf8", maxBuffer: 1e8 }));
}

/** Pixel types that ImageJ's own format has; tifffile takes a file of another for a plain TIFF. */
const OF_IMAGEJ: readonly SampleType[] = ["uint8", "uint16", "float32"];

for (const [name, shape, axes] of [
  ["a slice", [1, 5, 7, 1], "YX"],
  ["a z-stack", [3, 5, 7, 1], "ZYX"],
  ["channels", [1, 5, 7, 2], "CYX"],
  ["a z-stack of channels", [3, 5, 7, 2], "ZCYX"],
] as const) {
  for (const sampleType of OF_IMAGEJ) {
    test(`tifffile reads ${name} of ${sampleType} as ImageJ's`, { skip }, async () => {
      const [z, y, x, channels] = shape;
      const data = new SAMPLE_ARRAYS[sampleType](z * y * x * channels).map((_, at) => (at * 7) % 251);
      const path = join(await temporary(), "image.tif");
      await writeTiff(path, { shape, sampleType, data });
      const found = judged("tiff", path);
      // tifffile gives slices first and channels next, then rows; ours keeps channels last.
      const byChannel = Array.from(data, (_, at) => {
        const pixel = at % (y * x);
        const plane = Math.floor(at / (y * x));
        const [slice, channel] = [Math.floor(plane / channels), plane % channels];
        return data[(slice * y * x + pixel) * channels + channel];
      });
      assert.deepEqual(found, {
        imagej: true,
        big: false,
        axes,
        shape: [z, channels, y, x].filter((size, axis) => axis > 1 || size > 1),
        dtype: sampleType,
        compression: "ADOBE_DEFLATE",
        pages: z * channels,
        values: byChannel,
      });
    });
  }
}

test("tifffile reads other pixel types too", { skip }, async () => {
  for (const sampleType of ["int8", "int16", "uint32", "int32", "float64"] as const) {
    const data = new SAMPLE_ARRAYS[sampleType](35).map((_, at) => at - (sampleType === "uint32" ? 0 : 17));
    const path = join(await temporary(), "image.tif");
    await writeTiff(path, { shape: [1, 5, 7, 1], sampleType, data });
    const { dtype, values } = judged("tiff", path);
    assert.deepEqual({ dtype, values }, { dtype: sampleType, values: Array.from(data) });
  }
});

test("TensorBoard reads the scalars of a run and of its continuation", { skip }, async () => {
  const folder = await temporary();
  const writer = new TensorboardWriter(folder);
  await writer.scalars({ train_loss: 0.5, lr: 0.125 }, 1);
  await writer.scalars({ train_loss: 0.25 }, 2);
  assert.deepEqual(judged("tensorboard", folder), {
    train_loss: [
      [1, 0.5],
      [2, 0.25],
    ],
    lr: [[1, 0.125]],
  });
});
