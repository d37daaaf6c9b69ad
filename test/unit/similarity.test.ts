import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { crappify } from "../../src/data/crappify.ts";
import { type Layers, layersOf } from "../../src/data/layers.ts";
import { measureNormalization } from "../../src/data/measure-normalization.ts";
import { Random } from "../../src/data/random.ts";
import { resize } from "../../src/data/resize.ts";
import { similarity } from "../../src/data/similarity.ts";
import { openImage } from "../../src/images/files.ts";
import type { Image } from "../../src/images/image.ts";
import { writeTiff } from "../../src/images/tiff-writer.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import { measured } from "../../src/training/metrics.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

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
  assert.equal(small.length, judged.small.length);
  for (const [at, value] of small.entries()) assert.ok(Math.abs(value - judged.small[at]) < 1e-5);
});

test("percentiles that clip an image equal NumPy's", async () => {
  const data = Uint16Array.from(formula(5000, 0.037, 0.011), (value) => Math.trunc(value * 3000 + 9000));
  const image: Image = { shape: [1, 50, 100, 1], sampleType: "uint16", data };
  for (const [low, high] of [
    [0.1, 99.3],
    [2, 50],
  ] as const) {
    const [{ clip }] = await measureNormalization(() => [image], 1, {
      type: "scale_range",
      clip: { percentiles: [low, high] },
    });
    near(clip?.[0] ?? 0, judged.percentiles[low], 1e-12);
    near(clip?.[1] ?? 0, judged.percentiles[high], 1e-12);
  }
});

/** The layers of an image that lies in a file until the test ends. */
async function stored(context: TestContext, image: Image): Promise<Layers> {
  const path = join(temporaryFolder(), "image.tif");
  await writeTiff(path, image);
  const source = await openImage(path);
  context.after(() => source.close());
  return layersOf(source);
}

/** The whole of an image that is given layer by layer. */
async function gathered({ shape, layer }: Layers): Promise<number[]> {
  const values: number[] = [];
  for (let at = 0; at < shape[shape[0] > 1 ? 0 : 1]; at++) values.push(...(await layer(at)));
  return values;
}

test("a crappified image keeps size and type, and is as much worse as its settings say", async (context) => {
  const data = Uint8Array.from(formula(64 * 64, 0.5, 0.011), (value) => 100 + 40 * value);
  const image: Image = { shape: [1, 64, 64, 1], sampleType: "uint8", data };
  const layers = await stored(context, image);
  const error = async (resizingFactor: number, noise: number) => {
    const settings = { resizingFactor, noise, ndim: 2 } as const;
    const worse = crappify(layers, 140, settings, new Random(3));
    assert.deepEqual([worse.shape, worse.sampleType], [image.shape, image.sampleType]);
    const values = await gathered(worse);
    assert.equal(values.length, data.length);
    return values.reduce((sum, value, at) => sum + Math.abs(value - data[at]), 0);
  };
  assert.ok((await error(2, 0.02)) < (await error(6, 0.02)));
  assert.ok((await error(2, 0.02)) < (await error(2, 0.3)));
});

for (const [what, shape, ndim, small] of [
  ["a plane of two channels", [1, 31, 45, 2], 2, [1, 15, 22, 2]],
  ["a stack", [11, 20, 17, 1], 3, [5, 10, 8, 1]],
] as const) {
  test(`${what} made worse layer by layer is what is made of it as a whole`, async (context) => {
    const count = shape[0] * shape[1] * shape[2] * shape[3];
    const data = Float32Array.from({ length: count }, (_, at) => (at * 7919) % 251);
    const settings = { resizingFactor: 4, noise: 0, ndim } as const;
    const layers = await stored(context, { shape, sampleType: "float32", data });
    const worse = await gathered(crappify(layers, 250, settings, new Random(0)));
    const whole = resize(resize(data, shape, small), small, shape);
    for (const [at, value] of worse.entries()) assert.ok(Math.abs(value - whole[at]) < 1e-3, `${at}`);
    const noisy = crappify(layers, 250, { ...settings, noise: 0.1 }, new Random(1));
    const last = shape[ndim === 3 ? 0 : 1] - 1;
    const early = [...(await noisy.layer(last))];
    await gathered(noisy);
    assert.deepEqual([...(await noisy.layer(last))], early, "noise does not depend on the order of layers");
  });
}
