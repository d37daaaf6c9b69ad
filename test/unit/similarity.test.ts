import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { crappify } from "../../src/data/crappify.ts";
import { measureNormalisation } from "../../src/data/normalisation.ts";
import { Random } from "../../src/data/random.ts";
import { resize } from "../../src/data/resize.ts";
import { similarity } from "../../src/data/similarity.ts";
import type { Image } from "../../src/images/image.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import { measured } from "../../src/training/metrics.ts";

/** Made by make_similarity.py with scikit-image and NumPy. */
const judged = JSON.parse(readFileSync(new URL("../fixtures/similarity.json", import.meta.url), "utf8"));
const { height, width } = judged as { height: number; width: number };

const formula = (count: number, a: number, b: number) =>
  Float64Array.from({ length: count }, (_, at) => Math.sin(at * a) + Math.cos(at * b));
const target = Float32Array.from(formula(height * width, 0.13, 0.41));
const error = formula(height * width, 0.77, 0.29);
const prediction = target.map((value, at) => value + 0.3 * error[at]);
const near = (found: number, known: number, tolerance = 1e-4) =>
  assert.ok(Math.abs(found - known) <= tolerance * Math.abs(known), `${found} is not ${known}`);

test("metrics of whole images equal scikit-image's", () => {
  const found = similarity(prediction, target, [1, height, width, 1]);
  for (const name of ["ssim", "psnr", "mse", "mae"]) near(found[name], judged[name]);
});

test("metrics of training batches equal scikit-image's, sample by sample", async () => {
  const shape = [2, height, width, 1];
  const parameters = new Parameters([], { trainable: false, threads: 1 });
  const executable = new OnnxRuntime(1).compile(
    {
      training: false,
      inputs: { prediction: { shape, type: "float32" }, target: { shape, type: "float32" } },
      forward: (_, inputs) => measured(["ssim", "psnr", "mse", "mae"], inputs.prediction, inputs.target),
    },
    parameters,
    { gradients: false },
  );
  executable.inputs.prediction.set(target);
  executable.inputs.prediction.set(prediction, height * width);
  executable.inputs.target.set(target);
  executable.inputs.target.set(target, height * width);
  await executable.run(0);
  for (const name of ["ssim", "psnr", "mse", "mae"]) near(executable.outputs[name][1], judged[name]);
  near(executable.outputs.ssim[0], 1);
  assert.equal(executable.outputs.mse[0], 0);
  executable.release();
  await parameters.close();
});

test("resizing equals scikit-image's linear one", () => {
  const small = resize(target, [1, height, width, 1], [1, 14, 19, 1]);
  for (const [at, value] of small.entries()) assert.ok(Math.abs(value - judged.small[at]) < 1e-5);
});

test("percentiles that clip an image equal NumPy's", async () => {
  const data = Uint16Array.from(formula(5000, 0.037, 0.011), (value) => Math.trunc(value * 3000 + 9000));
  const image: Image = { shape: [1, 50, 100, 1], sampleType: "uint16", data };
  for (const [low, high] of [
    [0.1, 99.3],
    [2, 50],
  ] as const) {
    const [{ clip }] = await measureNormalisation(() => [image], 1, {
      type: "scale_range",
      clip: { percentiles: [low, high] },
    });
    near(clip?.[0] ?? 0, judged.percentiles[low], 1e-12);
    near(clip?.[1] ?? 0, judged.percentiles[high], 1e-12);
  }
});

test("a crappified image keeps size and type, and is as much worse as its settings say", () => {
  const data = Uint8Array.from(formula(64 * 64, 0.5, 0.011), (value) => 100 + 40 * value);
  const image: Image = { shape: [1, 64, 64, 1], sampleType: "uint8", data };
  const error = (resizingFactor: number, noise: number) => {
    const worse = crappify(image, { resizingFactor, noise, ndim: 2 }, new Random(3));
    assert.deepEqual([worse.shape, worse.sampleType], [image.shape, image.sampleType]);
    return Array.from(worse.data, (value, at) => Math.abs(value - data[at])).reduce(
      (sum, each) => sum + each,
      0,
    );
  };
  assert.ok(error(2, 0.02) < error(6, 0.02));
  assert.ok(error(2, 0.02) < error(2, 0.3));
});
