/** Packages for the BioImage Model Zoo: written, and started from again; damaged and hostile ones. */
import assert from "node:assert/strict";
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { after, test } from "node:test";
import { strToU8, unzipSync, zipSync } from "fflate";
import { parse, stringify } from "yaml";
import { loadBiapyCheckpoint, saveBiapyCheckpoint } from "../../src/checkpoint/biapy-checkpoint.ts";
import { CheckpointTensor } from "../../src/checkpoint/tensor.ts";
import { checkConfig } from "../../src/config/checks.ts";
import { type Config, loadConfig } from "../../src/config/config.ts";
import { withSettings } from "../../src/config/with-settings.ts";
import { resultTree } from "../../src/facts/result-tree.ts";
import type { NewRunEvent } from "../../src/facts/run-events.ts";
import { openImage, readImage } from "../../src/images/files.ts";
import { wholeRegion } from "../../src/images/image.ts";
import { declaredWeights } from "../../src/runtime/declared-weights.ts";
import { encodeModel } from "../../src/runtime/onnx/model-proto.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import { evaluate, sizeExpression } from "../../src/runtime/onnx/size-expressions.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import { InputError } from "../../src/workflow/input-error.ts";
import { buildArguments } from "../../src/workflow/model-settings.ts";
import { runWorkflow } from "../../src/workflow/run.ts";
import { exportModel } from "../../src/workflow/zoo/export-model.ts";
import { inNewForm } from "../../src/workflow/zoo/older-description.ts";
import { predictWithPackage } from "../../src/workflow/zoo/predict-with-package.ts";
import { withZooModel } from "../../src/workflow/zoo/start-from-package.ts";
import { networkOf } from "../support/network-of.ts";
import { TINY_NETWORKS } from "../support/tiny-networks.ts";

const folder = mkdtempSync(join(tmpdir(), "biapy-packages-"));
after(() => rmSync(folder, { recursive: true, force: true }));
// Worse copies of the images are written beside them.
cpSync(join(import.meta.dirname, "../../media/samples"), join(folder, "samples"), { recursive: true });
const samples = (ndim: string) => join(folder, "samples", ndim.toLowerCase(), "test");

const ABOUT = `
  BMZ:
    EXPORT:
      ENABLE: True
      MODEL_NAME: Tiny network
      DESCRIPTION: Random weights.
      AUTHORS: [{"name": "Ada Example", "github_user": "ada"}]
      TAGS: [test]`;

function configuration(name: string, ndim: string, patch: string, model: string, data = ""): Config {
  const file = join(folder, `${name}.yaml`);
  const text = `PROBLEM:
  TYPE: SELF_SUPERVISED
  NDIM: ${ndim}
  SELF_SUPERVISED: {PRETEXT_TASK: ${model.includes("mae") ? "masking" : "crappify"}}
DATA:
  PATCH_SIZE: ${patch}
  TRAIN: {PATH: ${samples(ndim)}}
  TEST: {PATH: ${samples(ndim)}}${data}
MODEL:
${model}
TEST: {ENABLE: True}
`;
  writeFileSync(file, text);
  const { config, problems } = loadConfig(file);
  assert.deepEqual(problems, []);
  return config;
}

let runs = 0;

/** Exports a network with random weights. Returns the packages and the weights' checkpoint. */
async function exported(config: Config): Promise<{ paths: string[]; checkpoint: string }> {
  const { program, build } = networkOf(config);
  const parameters = new Parameters(declaredWeights(program), { trainable: false, threads: 1 });
  parameters.initialize(++runs);
  const checkpoint = join(folder, `weights${runs}.pth`);
  const weights = parameters.specs.map(
    ({ name, shape }) => [name, CheckpointTensor.of(parameters.read(name), shape)] as const,
  );
  await saveBiapyCheckpoint(checkpoint, {
    weights: new Map(weights),
    modelBuildArguments: build,
    epoch: "best",
    config: config.toObject(),
  });
  await parameters.close();
  const paths = await exportModel({
    config,
    configText: "",
    tree: resultTree(folder, "zoo", runs),
    normalizePixels: false,
    checkpoint,
    openRuntime: async () => new OnnxRuntime(1),
    report: () => {},
    signal: new AbortController().signal,
  });
  return { paths, checkpoint };
}

async function weightsOf(path: string): Promise<Record<string, number[]>> {
  const opened = await loadBiapyCheckpoint(path);
  const values: Record<string, number[]> = {};
  for (const [name, tensor] of opened.weights) values[name] = Array.from(await tensor.read(), Number);
  await opened.close();
  return values;
}

const starting = (ndim: string, patch: string, path: string, task = "unet") =>
  configuration(
    "start",
    ndim,
    patch,
    `  SOURCE: bmz\n  BMZ: {SOURCE_MODEL_ID: '${path}'}${task === "mae" ? "\n  ARCHITECTURE: mae" : ""}`,
  );

for (const { architecture, ndim, patch, model } of TINY_NETWORKS.filter(({ ndim, architecture }) =>
  ndim === "3D" ? architecture === "unet" : architecture !== "dfcan",
)) {
  test(`a run starts from an exported ${architecture} in ${ndim}: the same network, normalization and weights`, async () => {
    const data = "\n  NORMALIZATION: {TYPE: scale_range}";
    const config = configuration(architecture.replace("++", "pp"), ndim, patch, `${model}${ABOUT}`, data);
    const { paths, checkpoint } = await exported(config);
    assert.equal(paths.length, architecture === "mae" ? 2 : 1);
    for (const path of paths) {
      const started = await withZooModel(starting(ndim, patch, path, architecture), () => {});
      const found = started.config;
      assert.equal(found.text("MODEL.ARCHITECTURE"), architecture);
      assert.equal(found.text("DATA.NORMALIZATION.TYPE"), "scale_range");
      const shapes = (each: Config) =>
        declaredWeights(networkOf(each).program).map(({ name, shape }) => `${name} ${shape}`);
      assert.deepEqual(shapes(found), shapes(config));
      assert.deepEqual(await weightsOf(found.text("PATHS.CHECKPOINT_FILE")), await weightsOf(checkpoint));
      await started.close();
    }
  });
}

const unet = TINY_NETWORKS[2];

/** The files of a package, changed and packed again. */
async function changed(change: (files: Record<string, Uint8Array>) => void): Promise<string> {
  const config = configuration("base", unet.ndim, unet.patch, `${unet.model}${ABOUT}`);
  const { paths } = await exported(config);
  const files = unzipSync(readFileSync(paths[0]));
  change(files);
  const path = join(folder, `changed${runs}.zip`);
  writeFileSync(path, zipSync(files));
  return path;
}

type Description = Record<string, never> & {
  weights: { pytorch_state_dict: Record<string, unknown>; onnx?: Record<string, unknown> };
};

const described = (files: Record<string, Uint8Array>, change: (description: Description) => void) => {
  const description = parse(new TextDecoder().decode(files["rdf.yaml"]));
  change(description);
  files["rdf.yaml"] = strToU8(stringify(description));
};

const refused = async (path: string, message: RegExp) =>
  assert.rejects(
    withZooModel(starting(unet.ndim, unet.patch, path), () => {}),
    (error) => {
      assert.ok(error instanceof InputError);
      assert.match(error.problems[0].message, message);
      return true;
    },
  );

test("packages that are damaged, hostile or of another network are refused in words", async () => {
  await refused(await changed((files) => files["weights.pt"].fill(0, 100, 200)), /checksum/);
  await refused(await changed((files) => delete files["weights.pt"]), /has no weights\.pt/);
  await refused(await changed((files) => delete files["rdf.yaml"]), /has no rdf\.yaml/);
  await refused(
    await changed((files) =>
      described(files, (each) => (each.weights.pytorch_state_dict.source = "../../x.pt")),
    ),
    /is not in the package/,
  );
  await refused(
    await changed((files) =>
      described(files, ({ weights }) => {
        weights.pytorch_state_dict.architecture = { callable: "Evil", kwargs: {} };
        delete weights.onnx;
      }),
    ),
    /Evil, which is not one of BiaPy's/,
  );
  await refused(
    await changed((files) =>
      described(files, ({ weights }) => {
        weights.pytorch_state_dict.architecture = { callable: "constructor", kwargs: { valueOf: 1 } };
        delete weights.onnx;
      }),
    ),
    /constructor, which is not one of BiaPy's/,
  );
  await refused(
    await changed((files) => described(files, (each) => Object.assign(each, { format_version: "0.3.6" }))),
    /format_version is not 0\.4 or 0\.5/,
  );
  const junk = join(folder, "junk.zip");
  writeFileSync(junk, "no archive");
  await refused(junk, /not a ZIP file/);
});

/** Makes a package another program's: a class of BiaPy's name, and no word of BiaPy. */
function ofOthers(files: Record<string, Uint8Array>, architecture: object, onnx: boolean): void {
  described(files, (description) => {
    const { weights } = description;
    Object.assign(weights.pytorch_state_dict, { architecture });
    Object.assign(description, { tags: ["unet"], cite: [{ text: "none" }], config: {} });
    if (!onnx) delete weights.onnx;
  });
}

const UNETR = {
  callable: "UNETR",
  import_from: "monai.networks.nets",
  kwargs: { in_channels: 1, hidden_size: 768 },
};
const FROM_FILE = { callable: "U_Net", source: "unet.py", kwargs: { depth: 4 } };

test("a class that only has the name of BiaPy's is not taken for it: its network in ONNX predicts, or the package is refused", async () => {
  for (const architecture of [UNETR, FROM_FILE]) {
    const path = await changed((files) => ofOthers(files, architecture, true));
    const events: NewRunEvent[] = [];
    const started = await withZooModel(
      starting(unet.ndim, unet.patch, path).with("TRAIN.ENABLE", false),
      (event) => events.push(event),
    );
    assert.ok(started.foreign, "the package's own network predicts");
    assert.match(JSON.stringify(events), /neither the class's module nor tags or citations name BiaPy/);
    await started.close();
    const only = await changed((files) => ofOthers(files, architecture, false));
    await refused(only, new RegExp(`its network is ${architecture.callable}.*nor a network in ONNX`));
  }
});

test("a package with BiaPy's tag whose weights are of another network predicts by ONNX, or is refused with the difference", async () => {
  const other = async (change: (description: Description) => void) =>
    changed((files) =>
      described(files, (description) => {
        Object.assign(description, { config: {} });
        const { architecture } = description.weights.pytorch_state_dict as {
          architecture: { kwargs: object };
        };
        Object.assign(architecture.kwargs, { feature_maps: [4, 8, 32] });
        change(description);
      }),
    );
  const started = await withZooModel(starting(unet.ndim, unet.patch, await other(() => {})), () => {});
  assert.ok(started.foreign);
  await started.close();
  await refused(
    await other(({ weights }) => delete weights.onnx),
    /its weights are not of BiaPy's unet: .* is \d+.* and unet has .*no network in ONNX/,
  );
});

test("a package whose weights for PyTorch cannot be read predicts by ONNX, or is refused with the reason", async () => {
  const unread = (change: (description: Description) => void) =>
    changed((files) => {
      files["weights.pt"] = strToU8("nothing");
      described(files, (description) => {
        delete description.weights.pytorch_state_dict.sha256;
        change(description);
      });
    });
  const path = await unread(() => {});
  const started = await withZooModel(starting(unet.ndim, unet.patch, path), () => {});
  assert.ok(started.foreign);
  await started.close();
  await assert.rejects(
    withZooModel(starting(unet.ndim, unet.patch, path).with("TRAIN.ENABLE", true), () => {}),
    (error) =>
      error instanceof InputError &&
      /cannot be trained: its weights for PyTorch cannot be read: .*Set TRAIN\.ENABLE to False/.test(
        error.problems[0].message,
      ),
  );
  await refused(
    await unread(({ weights }) => delete weights.onnx),
    /weights for PyTorch cannot be read: .*[^.]\. The package has no network in ONNX instead/,
  );
});

test("a network that cannot be built of its arguments is refused with the reason; a patch that does not fit is reported later", async () => {
  const path = await changed((files) =>
    described(files, ({ weights }) => {
      const { architecture } = weights.pytorch_state_dict as { architecture: { kwargs: object } };
      Object.assign(architecture.kwargs, { activation: "unheard_of" });
      delete weights.onnx;
    }),
  );
  await refused(path, /its network cannot be built of its arguments: .*unheard_of/);
  const odd = starting(unet.ndim, "(31, 31, 1)", await changed(() => {}));
  const { config, close } = await withZooModel(odd, () => {});
  assert.deepEqual(
    checkConfig(config).map(({ key }) => key),
    ["DATA.PATCH_SIZE"],
  );
  await close();
});

test("the name of a class imported from nowhere in the older format has no module", () => {
  const torch = (architecture: string) => {
    const document = { format_version: "0.4.10", weights: { pytorch_state_dict: { architecture } } };
    return (inNewForm(document) as { weights: { pytorch_state_dict: { architecture: object } } }).weights
      .pytorch_state_dict.architecture;
  };
  assert.deepEqual(torch("U_Net"), { callable: "U_Net", kwargs: {} });
  assert.deepEqual(torch("biapy.models.U_Net"), {
    callable: "U_Net",
    import_from: "biapy.models",
    kwargs: {},
  });
});

/** A package whose network only ONNX has. */
const onlyOnnx = (change: (description: Foreign) => void = () => {}) =>
  changed((files) =>
    described(files, (description) => {
      Object.assign(description.weights, { pytorch_state_dict: null });
      change(description as never);
    }),
  );

interface Foreign {
  readonly inputs: { axes: { id?: string; type: string; size?: unknown }[]; preprocessing: object[] }[];
  readonly outputs: { postprocessing: object[] }[];
}

/** How far values are from being a line of others, at most. */
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
    starting(unet.ndim, unet.patch, path).with("PROBLEM.TYPE", "DENOISING").with("TEST.FULL_IMG", true);
  const started = await withZooModel(whole(await packageOf(true)), () => {});
  assert.ok(started.foreign);
  const request = { configText: "", tree, report: () => {}, signal: new AbortController().signal };
  const ended = await predictWithPackage({ ...request, config: started.config }, started.foreign);
  await started.close();
  assert.equal(ended, "finished");
  const weights = await withZooModel(whole(await packageOf(false)), () => {});
  const own = resultTree(join(folder, "results"), "weights", 1);
  await runWorkflow({
    ...request,
    tree: own,
    config: weights.config,
    resume: false,
    normalizePixels: false,
    openRuntime: async () => new OnnxRuntime(1),
    fits: async () => true,
  });
  await weights.close();
  const [name] = readdirSync(tree.perImage);
  const [foreign, trained] = await Promise.all(
    [tree, own].map(async ({ perImage }) => (await readImage(join(perImage, name))).data),
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

/** What a package makes of the test images: the written files of its first one, as `[file's folder, values]`. */
async function predictions(path: string, change: (config: Config) => Config): Promise<Map<string, number[]>> {
  const tree = resultTree(join(folder, "results"), `logits${++runs}`, 1);
  const { config, foreign, close } = await withZooModel(
    change(starting(unet.ndim, unet.patch, path)).with("TRAIN.ENABLE", false),
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

test("the output of a segmentation's network that nothing makes probabilities of is taken for logits, by chunks too", async () => {
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
    const second = operator === "Tile" ? ["repeats"] : /Add|Div|Mul/.test(operator) ? [input] : [];
    const outputs = [index === operators.length - 1 ? "y" : `value${index + 1}`];
    return { operator, domain: "" as const, inputs: [input, ...second], outputs, attributes: {} };
  });
  const repeats = new Uint8Array(new BigInt64Array([1n, 1n, 1n, 1n]).buffer);
  const value = (name: string) => ({ name, type: "float32" as const, shape: [1, 1, 1, 1] });
  return encodeModel(
    {
      nodes,
      inputs: [value("x")],
      outputs: [value("y")],
      constants: [{ name: "repeats", type: "int64", shape: [4], bytes: repeats }],
    },
    { opset: 21, irVersion: 10, dimensions: ["", "", "height", "width"] },
  );
}

test("only linear operators, which others may arrange, make logits: nothing gets a second sigmoid", async () => {
  for (const [operators, activation] of [
    [["Add"], "sigmoid"],
    [["Add", "Tile"], "sigmoid"],
    [["Sigmoid", "Tile"], undefined],
    [["Sigmoid", "Mul"], undefined],
    [["Exp", "Div"], undefined],
  ] as const) {
    const path = await changed((files) => {
      files["weights.onnx"] = chain(operators);
      described(files, ({ weights }) => {
        Object.assign(weights, { pytorch_state_dict: null });
        delete weights.onnx?.sha256;
      });
    });
    const config = starting(unet.ndim, unet.patch, path).with("PROBLEM.TYPE", "SEMANTIC_SEG");
    const started = await withZooModel(config.with("TRAIN.ENABLE", false), () => {});
    assert.ok(started.foreign);
    assert.equal(started.foreign.activation, activation, operators.join(" "));
    await started.close();
  }
});

test("networks in ONNX whose description is not understood are refused in words", async () => {
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
  const wrongPatch = starting(unet.ndim, "(1,)", await onlyOnnx());
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
  const whole = starting(
    unet.ndim,
    unet.patch,
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
  const training = starting(unet.ndim, unet.patch, await onlyOnnx()).with("TRAIN.ENABLE", true);
  await assert.rejects(
    withZooModel(training, () => {}),
    (error) => error instanceof InputError && /Set TRAIN\.ENABLE to False/.test(error.problems[0].message),
  );
});

test("a package may be a folder, whose weights lie inside it", async (context) => {
  const path = await changed(() => {});
  const unpacked = join(folder, "unpacked");
  mkdirSync(unpacked);
  for (const [name, bytes] of Object.entries(unzipSync(readFileSync(path))))
    writeFileSync(join(unpacked, name), bytes);
  const before = process.cwd();
  process.chdir(unpacked);
  context.after(() => process.chdir(before));
  for (const each of [unpacked, join(unpacked, "rdf.yaml"), "rdf.yaml"]) {
    const started = await withZooModel(starting(unet.ndim, unet.patch, each), () => {});
    assert.deepEqual(buildArguments(started.config).feature_maps, [4, 8, 16]);
    await started.close();
  }
});

test("a configuration whose package is missing, or that describes its model wrongly, is refused", () => {
  const missing = starting(unet.ndim, unet.patch, "affable.zip");
  assert.match(
    checkConfig(missing)[0]?.message ?? "",
    /there is no affable\.zip: an id of the BioImage Model Zoo/,
  );
  const about = ABOUT.replace("Tiny network", "x").replace('"github_user": "ada"', '"mail": "ada"');
  const problems = checkConfig(configuration("about", unet.ndim, unet.patch, `${unet.model}${about}`));
  const keys = problems.filter(({ severity }) => severity === "error").map(({ key }) => key);
  assert.deepEqual(keys, ["MODEL.BMZ.EXPORT.MODEL_NAME", "MODEL.BMZ.EXPORT.AUTHORS"]);
});

test("an export that is stopped while it makes worse copies makes no more of them, and fails with the stop", async () => {
  const images = join(folder, "stopped");
  cpSync(samples("2D"), images, { recursive: true });
  const config = configuration("stopped", unet.ndim, unet.patch, `${unet.model}${ABOUT}`);
  const controller = new AbortController();
  const request = {
    config: config.with("DATA.TEST.PATH", images),
    configText: "",
    tree: resultTree(folder, "stopped", 1),
    normalizePixels: false,
    checkpoint: "unread.pth",
    openRuntime: () => assert.fail("no runtime is needed"),
    report: (event: NewRunEvent) => {
      if (event.event === "progress" && event.label === "Making worse copies") controller.abort();
    },
    signal: controller.signal,
  };
  await assert.rejects(exportModel(request), (error) => error === controller.signal.reason);
  const copies = readdirSync(`${images}_ssl_source`).filter((name) => name.endsWith(".tif"));
  assert.equal(copies.length, 1);
});

/** Serves a package as the Zoo's collection does, under the id `affable-shark`. */
async function collection(path: string) {
  const files = unzipSync(readFileSync(path));
  const requested: string[] = [];
  const server = createServer((request, response) => {
    const name = basename(request.url ?? "");
    requested.push(name);
    const bytes = dirname(request.url ?? "") === "/affable-shark" ? files[name] : undefined;
    if (bytes === undefined) return response.writeHead(404).end();
    if (unannounced) {
      // Each part is sent before the next one is written.
      const parts = Array.from({ length: 8 }, (_, part) =>
        bytes.subarray((part * bytes.length) / 8, ((part + 1) * bytes.length) / 8),
      );
      const send = (): unknown => {
        const part = parts.shift();
        return part === undefined ? response.end() : response.write(part, () => setImmediate(send));
      };
      return send();
    }
    response.writeHead(200, { "content-length": bytes.length });
    // A waiting server sends the first half only.
    if (waits && name !== "rdf.yaml") return response.write(bytes.subarray(0, bytes.length / 2));
    response.end(bytes);
  });
  let [waits, unannounced] = [false, false];
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  process.env.BIOIMAGEIO_COLLECTION_HTTP_PATTERN = `http://127.0.0.1:${port}/{bioimageio_id}/rdf.yaml`;
  process.env.BIAPY_STORAGE = mkdtempSync(join(folder, "storage"));
  return {
    requested,
    files,
    wait: () => {
      waits = true;
    },
    hideLength: () => {
      unannounced = true;
    },
    close: () => {
      server.closeAllConnections();
      server.close();
      delete process.env.BIOIMAGEIO_COLLECTION_HTTP_PATTERN;
      delete process.env.BIAPY_STORAGE;
    },
    stored: () => {
      const place = join(process.env.BIAPY_STORAGE ?? "", "zoo");
      return existsSync(place) ? readdirSync(place) : [];
    },
  };
}

const byId = (id: string) => starting(unet.ndim, unet.patch, id);

test("a package is downloaded by its id once, with progress, and only what is used", async () => {
  const served = await collection(await changed(() => {}));
  try {
    const events: NewRunEvent[] = [];
    for (let time = 0; time < 2; time++) {
      const started = await withZooModel(byId("affable-shark"), (event) => events.push(event));
      assert.deepEqual(buildArguments(started.config).feature_maps, [4, 8, 16]);
      await started.close();
    }
    assert.deepEqual(served.requested, ["rdf.yaml", "weights.pt"]);
    const last = events.filter(({ event }) => event === "progress").at(-1);
    const size = served.files["weights.pt"].length;
    assert.deepEqual(last, {
      event: "progress",
      label: "Downloading weights.pt of affable-shark",
      done: size,
      total: size,
    });
    assert.deepEqual(served.stored(), ["affable-shark"]);
  } finally {
    served.close();
  }
});

test("the progress of a download of unknown length is not reported for every part that arrives", async (context) => {
  const served = await collection(await changed(() => {}));
  served.hideLength();
  context.mock.method(performance, "now", () => 0);
  try {
    const labels: string[] = [];
    const started = await withZooModel(byId("affable-shark"), (event) => {
      if (event.event === "progress") labels.push(event.label);
    });
    await started.close();
    assert.deepEqual(labels, ["Downloading weights.pt of affable-shark"]);
  } finally {
    served.close();
  }
});

test("a downloaded file that is not what the description says is thrown away, and an unknown id is refused", async () => {
  const served = await collection(await changed((files) => files["weights.pt"].fill(0, 100, 200)));
  try {
    await refused("affable-shark", /weights\.pt is damaged or another file: its SHA-256 differs/);
    await refused("unknown-animal", /answered 404 .* name the file by MODEL\.BMZ\.SOURCE_MODEL_ID/);
    assert.deepEqual(served.stored(), []);
  } finally {
    served.close();
  }
});

test("a description without end, and weights at no address of a file, are refused", async () => {
  const endless = await collection(
    await changed((files) => Object.assign(files, { "rdf.yaml": new Uint8Array(2 ** 23) })),
  );
  try {
    await refused("affable-shark", /rdf\.yaml is too large/);
    assert.deepEqual(endless.stored(), []);
  } finally {
    endless.close();
  }
  for (const source of ["file:///etc/passwd", "http://", "/"]) {
    const wrong = await changed((files) =>
      described(files, ({ weights }) => Object.assign(weights.pytorch_state_dict, { source })),
    );
    const served = await collection(wrong);
    try {
      await refused("affable-shark", /is not the address of a file/);
      assert.deepEqual(served.stored(), []);
    } finally {
      served.close();
    }
  }
});

test("a download can be canceled, and nothing of it stays", async () => {
  const served = await collection(await changed(() => {}));
  served.wait();
  try {
    const controller = new AbortController();
    const stopAtFirstBytes = ({ event }: NewRunEvent) => event === "progress" && controller.abort();
    await assert.rejects(withZooModel(byId("affable-shark"), stopAtFirstBytes, controller.signal), {
      name: "AbortError",
    });
    assert.deepEqual(served.stored(), []);
  } finally {
    served.close();
  }
});

test("without the internet, the message says what to do", async () => {
  const served = await collection(await changed(() => {}));
  served.close();
  process.env.BIOIMAGEIO_COLLECTION_HTTP_PATTERN = "http://127.0.0.1:9/{bioimageio_id}/rdf.yaml";
  process.env.BIAPY_STORAGE = folder;
  try {
    await refused("affable-shark", /127\.0\.0\.1:9 cannot be reached .* download the package as a ZIP file/);
  } finally {
    delete process.env.BIOIMAGEIO_COLLECTION_HTTP_PATTERN;
    delete process.env.BIAPY_STORAGE;
  }
});

test("authors that are set in a configuration's text are read as a list", () => {
  const authors = [{ name: "Ada Example", github_user: "ada" }];
  const text = withSettings("MODEL: {ARCHITECTURE: unet}", { "MODEL.BMZ.EXPORT.AUTHORS": authors });
  const { config, problems } = loadConfig("a.yaml", text);
  assert.deepEqual(problems, []);
  assert.deepEqual(config.value("MODEL.BMZ.EXPORT.AUTHORS"), authors);
});

test("sizes in a graph are found as products of the input's sizes, or as one of them with an offset", () => {
  type Formula = (batch: number, y: number, x: number) => number;
  const at = (formula: Formula) =>
    [
      [11, 40, 48],
      [13, 40, 48],
      [17, 40, 48],
      [11, 56, 48],
      [11, 72, 48],
      [11, 40, 88],
      [13, 56, 88],
    ].map((sizes) => ({
      sizes,
      value: formula(sizes[0], sizes[1], sizes[2]),
    }));
  const value = (formula: Formula) => {
    const found = sizeExpression(at(formula));
    return found && evaluate(found, [3, 8, 16]);
  };
  assert.equal(
    value(() => 7),
    7,
  );
  assert.equal(
    value((batch, y, x) => (batch * y * x) / 64),
    6,
  );
  assert.equal(
    value((_, y) => y / 4 - 1),
    1,
  );
  assert.equal(
    value((_, y, x) => y + x),
    undefined,
  );
  assert.equal(
    value((_, y) => y * y),
    undefined,
  );
});
