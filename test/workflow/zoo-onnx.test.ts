/** Packages of the BioImage Model Zoo whose ONNX network predicts: logits, descriptions that are refused, and the same results as weights. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { strToU8, unzipSync, zipSync } from "fflate";
import type { Config } from "../../src/config/config.ts";
import { npyHeader } from "../../src/facts/files/npy-header.ts";
import { resultTree } from "../../src/facts/result-tree.ts";
import { openImage, readImage } from "../../src/images/files.ts";
import { wholeRegion } from "../../src/images/image.ts";
import { encodeModel } from "../../src/runtime/onnx/model-proto.ts";
import { InputError } from "../../src/workflow/input-error.ts";
import { predictWithPackage } from "../../src/workflow/zoo/predict-with-package.ts";
import { withZooModel } from "../../src/workflow/zoo/start-from-package.ts";
import { runConfig } from "../support/in-process.ts";
import { changed, described, folder, onlyOnnx, refused, startingUnet } from "../support/zoo-packages.ts";

/** Returns the largest distance of points from their regression line. */
function offTheLine(xs: ArrayLike<number>, ys: ArrayLike<number>): number {
  const mean = (list: ArrayLike<number>) =>
    Array.from(list).reduce((sum, each) => sum + each, 0) / list.length;
  const [meanX, meanY] = [mean(xs), mean(ys)];
  let [both, squares] = [0, 0];
  for (let i = 0; i < xs.length; i++) {
    both += (xs[i] - meanX) * (ys[i] - meanY);
    squares += (xs[i] - meanX) ** 2;
  }
  return Math.max(...Array.from(xs, (x, i) => Math.abs(meanY + (both / squares) * (x - meanX) - ys[i])));
}

test("a network in ONNX alone predicts what the same package's weights predict", async () => {
  const tree = resultTree(join(folder, "results"), "foreign", 1);
  const both = readFileSync(await changed(() => {}));
  const packageOf = async (withoutWeights: boolean) => {
    const files = unzipSync(both);
    if (withoutWeights)
      described(files, ({ weights }) => Object.assign(weights, { pytorch_state_dict: null }));
    const path = join(folder, `same${withoutWeights}.zip`);
    writeFileSync(path, zipSync(files));
    return path;
  };
  const whole = (path: string) =>
    startingUnet(path).with("PROBLEM.TYPE", "DENOISING").with("TEST.FULL_IMG", true);
  const started = await withZooModel(whole(await packageOf(true)), () => {});
  assert.ok(started.foreign);
  const request = { configText: "", tree, report: () => {}, signal: new AbortController().signal };
  const ended = await predictWithPackage({ ...request, config: started.config }, started.foreign);
  await started.close();
  assert.equal(ended, "finished");
  const weights = await withZooModel(whole(await packageOf(false)), () => {});
  const results = join(folder, "results-of-weights");
  await runConfig(results, 1, weights.config);
  await weights.close();
  const [name] = readdirSync(tree.perImage);
  const [foreign, trained] = await Promise.all(
    [tree, resultTree(results, "job", 1)].map(
      async ({ perImage }) => (await readImage(join(perImage, name))).data,
    ),
  );
  // The package returns normalized values; the trained network's are in the image's gray levels, rounded and clipped.
  const inRange = Array.from(trained, (_, index) => index).filter(
    (at) => trained[at] > 0 && trained[at] < 255,
  );
  assert.ok(inRange.length > 1000);
  const off = offTheLine(
    inRange.map((at) => foreign[at]),
    inRange.map((at) => trained[at]),
  );
  assert.ok(off < 0.6, String(off));
});

let runs = 0;

/** Predicts the test images with a package. Returns the values of the first image's files, by folder. */
async function predictions(path: string, change: (config: Config) => Config): Promise<Map<string, number[]>> {
  const tree = resultTree(join(folder, "results"), `predicted${++runs}`, 1);
  const { config, foreign, close } = await withZooModel(
    change(startingUnet(path)).with("TRAIN.ENABLE", false),
    () => {},
  );
  assert.ok(foreign);
  const request = { configText: "", tree, report: () => {}, signal: new AbortController().signal };
  assert.equal(await predictWithPackage({ ...request, config }, foreign), "finished");
  await close();
  const found = new Map<string, number[]>();
  for (const each of [tree.perImage, tree.perImageBinarized]) {
    if (!existsSync(each)) continue;
    const [name] = readdirSync(each).sort();
    const image = await openImage(join(each, name));
    found.set(basename(each), Array.from((await image.read(wholeRegion(image.info.shape))).data, Number));
    await image.close();
  }
  return found;
}

test("the output of a segmentation's network without a final activation is treated as logits, also by chunks", async () => {
  const path = await onlyOnnx();
  const raw =
    (await predictions(path, (config) => config.with("PROBLEM.TYPE", "DENOISING"))).get("per_image") ?? [];
  assert.ok(raw.some((value) => value < 0) && raw.some((value) => value > 1));
  const segmented = await predictions(path, (config) =>
    config
      .with("PROBLEM.TYPE", "SEMANTIC_SEG")
      .with("TEST.BY_CHUNKS.ENABLE", true)
      .with("DATA.TEST.LOAD_GT", false),
  );
  const probabilities = segmented.get("per_image") ?? [];
  assert.equal(probabilities.length, raw.length);
  // Where patches overlap, probabilities are averaged, not logits.
  const near = raw.filter(
    (value, index) => Math.abs(probabilities[index] - 1 / (1 + Math.exp(-value))) < 1e-3,
  );
  assert.ok(near.length > 0.8 * raw.length, `${near.length} of ${raw.length}`);
  assert.deepEqual(
    segmented.get("per_image_binarized"),
    probabilities.map((value) => Number(value > 0.5)),
  );
  const described = await onlyOnnx(({ outputs }) =>
    outputs[0].postprocessing.push({ id: "clip", kwargs: { min: -100, max: 100 } }),
  );
  const asTheyAre = await predictions(described, (config) =>
    config.with("PROBLEM.TYPE", "SEMANTIC_SEG").with("DATA.TEST.LOAD_GT", false),
  );
  assert.ok(
    (asTheyAre.get("per_image") ?? []).some((value) => value < 0),
    "the package says what its output is",
  );
});

/** A network in ONNX of these operators, one after the other. */
function chain(operators: readonly string[]): Uint8Array {
  const nodes = operators.map((operator, index) => {
    const input = index === 0 ? "x" : `value${index}`;
    const second = operator === "Tile" ? ["repeats"] : /Div|Mul/.test(operator) ? [input] : [];
    if (operator.startsWith("Add")) second.push(operator === "Add bias" ? "bias" : input);
    const outputs = [index === operators.length - 1 ? "y" : `value${index + 1}`];
    return {
      operator: operator.replace(/ .*/, ""),
      domain: "" as const,
      inputs: [input, ...second],
      outputs,
      attributes: {},
    };
  });
  const repeats = new Uint8Array(new BigInt64Array([1n, 1n, 1n, 1n]).buffer);
  const value = (name: string) => ({ name, type: "float32" as const, shape: [1, 1, 1, 1] });
  return encodeModel(
    {
      nodes,
      inputs: [value("x")],
      outputs: [value("y")],
      constants: [
        { name: "repeats", type: "int64", shape: [4], bytes: repeats },
        { name: "bias", type: "float32", shape: [1], bytes: new Uint8Array(4) },
      ],
    },
    { opset: 21, irVersion: 10, dimensions: ["", "", "height", "width"] },
  );
}

test("only linear operators, which others may arrange, make logits: nothing gets a second sigmoid", async () => {
  for (const [operators, tested, activation] of [
    [["Add"], [-1, 2], "sigmoid"],
    [["Add", "Tile"], [-1, 2], "sigmoid"],
    [["Add", "Tile"], undefined, "sigmoid"],
    [["Add bias"], undefined, "sigmoid"],
    [["Sigmoid", "Tile"], [-1, 2], undefined],
    [["Sigmoid", "Mul"], undefined, undefined],
    [["Exp", "Div"], undefined, undefined],
    [["Sigmoid", "Add"], undefined, undefined],
    [["Sigmoid", "Add bias"], undefined, undefined],
    [["Sigmoid", "Add", "Add"], undefined, undefined],
    // The package's test output decides: it lies between 0 and 1.
    [["Add"], [0, 0.5], undefined],
  ] as const) {
    const path = await changed((files) => {
      files["weights.onnx"] = chain(operators);
      delete files["test_output.npy"];
      if (tested !== undefined)
        files["test_output.npy"] = Buffer.concat([
          npyHeader("<f4", [tested.length]),
          new Uint8Array(Float32Array.from(tested).buffer),
        ]);
      described(files, ({ weights, outputs }) => {
        Object.assign(weights, { pytorch_state_dict: null });
        delete weights.onnx?.sha256;
        delete outputs[0].test_tensor.sha256;
      });
    });
    const config = startingUnet(path).with("PROBLEM.TYPE", "SEMANTIC_SEG");
    const started = await withZooModel(config.with("TRAIN.ENABLE", false), () => {});
    assert.ok(started.foreign);
    assert.equal(started.foreign.activation, activation, `${operators.join(" ")}, ${tested}`);
    await started.close();
  }
});

test("networks in ONNX whose description is not understood are refused with the reason", async () => {
  await refused(
    await onlyOnnx(({ inputs }) => inputs[0].preprocessing.push({ id: "constructor" })),
    /its preprocessing has constructor, which this engine does not do/,
  );
  await refused(
    await onlyOnnx(({ inputs }) =>
      inputs[0].preprocessing.push({ id: "ensure_dtype", kwargs: { dtype: "toString" } }),
    ),
    /its type toString is not supported/,
  );
  await refused(
    await onlyOnnx(({ inputs }) => inputs[0].preprocessing.push({ id: "sharpen" })),
    /its preprocessing has sharpen, which this engine does not do \(only binarize, /,
  );
  await refused(
    await onlyOnnx(({ outputs }) =>
      outputs[0].postprocessing.push({ id: "scale_range", kwargs: { axes: ["x"] } }),
    ),
    /postprocessing cannot be done: scale_range: it measures each y separately/,
  );
  await refused(
    await onlyOnnx(({ inputs }) =>
      inputs[0].preprocessing.push({ id: "scale_range", kwargs: { max_percentile: 150 } }),
    ),
    /scale_range: its arguments are not understood: max_percentile/,
  );
  const wrongPatch = startingUnet(await onlyOnnx(), "(1,)");
  await assert.rejects(
    withZooModel(wrongPatch, () => {}),
    (error) => error instanceof InputError && error.problems[0].key === "DATA.PATCH_SIZE",
  );
  await refused(
    await onlyOnnx(({ inputs }) => {
      inputs[0].axes[0] = { type: "time", id: "time" };
    }),
    /has the axis time, which images here do not have/,
  );
  await refused(
    await onlyOnnx(({ inputs }) => {
      inputs[0].axes.reverse();
    }),
    /the network of .* takes any x 1 x any x any, and its description says/,
  );
  await refused(
    await changed((files) => {
      files["weights.onnx"] = strToU8("nothing");
      described(files, ({ weights }) => {
        Object.assign(weights, { pytorch_state_dict: null });
        delete weights.onnx?.sha256;
      });
    }),
    /the network of .* cannot be run: onnxruntime says/,
  );
  const whole = startingUnet(
    await onlyOnnx(({ inputs }) => {
      for (const axis of inputs[0].axes) if (axis.type === "space") axis.size = 32;
    }),
  ).with("TEST.FULL_IMG", true);
  const { config, foreign, close } = await withZooModel(whole, () => {});
  assert.ok(foreign);
  const request = { configText: "", report: () => {}, signal: new AbortController().signal };
  await assert.rejects(
    predictWithPackage({ ...request, config, tree: resultTree(join(folder, "results"), "full", 1) }, foreign),
    (error) => error instanceof InputError && /takes 32 pixels at a time/.test(error.problems[0].message),
  );
  await close();
  const training = startingUnet(await onlyOnnx()).with("TRAIN.ENABLE", true);
  await assert.rejects(
    withZooModel(training, () => {}),
    (error) => error instanceof InputError && /Set TRAIN\.ENABLE to False/.test(error.problems[0].message),
  );
});
