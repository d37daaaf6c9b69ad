/** Packages for the BioImage Model Zoo: written, and started from again; damaged and hostile ones. */
import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { strToU8, unzipSync } from "fflate";
import { checkConfig } from "../../src/config/checks.ts";
import { type Config, loadConfig } from "../../src/config/config.ts";
import { withSettings } from "../../src/config/with-settings.ts";
import { resultTree } from "../../src/facts/result-tree.ts";
import type { NewRunEvent } from "../../src/facts/run-events.ts";
import { declaredWeights } from "../../src/runtime/declared-weights.ts";
import type { Runtime } from "../../src/runtime/executable.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import { evaluate, sizeExpression } from "../../src/runtime/onnx/size-expressions.ts";
import { InputError } from "../../src/workflow/input-error.ts";
import { buildArguments } from "../../src/workflow/model-settings.ts";
import { exportModel } from "../../src/workflow/zoo/export-model.ts";
import { inNewForm } from "../../src/workflow/zoo/older-description.ts";
import { withZooModel } from "../../src/workflow/zoo/start-from-package.ts";
import { weightsOf } from "../support/checkpoint-weights.ts";
import { biapy, workspace } from "../support/command.ts";
import { networkOf } from "../support/network-of.ts";
import { messagesOf } from "../support/run-events.ts";
import { SMALL_NETWORKS } from "../support/small-networks.ts";
import {
  ABOUT,
  changed,
  configuration,
  type Description,
  described,
  exported,
  folder,
  refused,
  samples,
  starting,
  startingUnet,
  unet,
} from "../support/zoo-packages.ts";

for (const { architecture, ndim, patch, model } of SMALL_NETWORKS.filter(({ ndim, architecture }) =>
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

test("packages that are damaged, hostile or of another network are refused with the reason", async () => {
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

/** Turns a package into another program's: a class with BiaPy's name, and nothing else that names BiaPy. */
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

test("a class that only shares BiaPy's name is not used as BiaPy's: its network in ONNX predicts, or the package is refused", async () => {
  for (const architecture of [UNETR, FROM_FILE]) {
    const path = await changed((files) => ofOthers(files, architecture, true));
    const events: NewRunEvent[] = [];
    const started = await withZooModel(startingUnet(path).with("TRAIN.ENABLE", false), (event) =>
      events.push(event),
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
  const started = await withZooModel(startingUnet(await other(() => {})), () => {});
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
  const started = await withZooModel(startingUnet(path), () => {});
  assert.ok(started.foreign);
  await started.close();
  await assert.rejects(
    withZooModel(startingUnet(path).with("TRAIN.ENABLE", true), () => {}),
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

test("a network that cannot be built from its arguments is refused with the reason; a patch that does not fit is reported later", async () => {
  const path = await changed((files) =>
    described(files, ({ weights }) => {
      const { architecture } = weights.pytorch_state_dict as { architecture: { kwargs: object } };
      Object.assign(architecture.kwargs, { activation: "unheard_of" });
      delete weights.onnx;
    }),
  );
  await refused(path, /its network cannot be built of its arguments: .*unheard_of/);
  const odd = startingUnet(await changed(() => {}), "(31, 31, 1)");
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
    const started = await withZooModel(startingUnet(each), () => {});
    assert.deepEqual(buildArguments(started.config).feature_maps, [4, 8, 16]);
    await started.close();
  }
});

test("a configuration whose package is missing, or that describes its model wrongly, is refused", () => {
  const missing = startingUnet("affable.zip");
  assert.match(
    checkConfig(missing)[0]?.message ?? "",
    /there is no affable\.zip: an id of the BioImage Model Zoo/,
  );
  const about = ABOUT.replace("Tiny network", "x").replace('"github_user": "ada"', '"mail": "ada"');
  const problems = checkConfig(configuration("about", unet.ndim, unet.patch, `${unet.model}${about}`));
  const keys = problems.filter(({ severity }) => severity === "error").map(({ key }) => key);
  assert.deepEqual(keys, ["MODEL.BMZ.EXPORT.MODEL_NAME", "MODEL.BMZ.EXPORT.AUTHORS"]);
});

test("an export that is stopped while it makes degraded copies makes at most the one under way, and fails with the stop", async () => {
  const images = join(folder, "stopped");
  cpSync(samples("2D"), images, { recursive: true });
  for (const name of readdirSync(images)) cpSync(join(images, name), join(images, `again-${name}`));
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
      if (event.event === "progress" && event.label === "Making degraded copies") controller.abort();
    },
    signal: controller.signal,
  };
  await assert.rejects(exportModel(request), (error) => error === controller.signal.reason);
  const copies = readdirSync(`${images}_ssl_source`).filter((name) => name.endsWith(".tif"));
  assert.ok(copies.length <= 2, `of four images: ${copies}`);
});

test("an export that is stopped while it predicts the test image writes no package", async () => {
  const controller = new AbortController();
  const config = configuration("stoppedLater", unet.ndim, unet.patch, `${unet.model}${ABOUT}`);
  const { checkpoint } = await exported(config);
  const tree = resultTree(folder, "stopped", 2);
  const runtime = new OnnxRuntime(1);
  const stopping: Runtime = {
    ...runtime,
    threads: runtime.threads,
    compile: (...given) => {
      // As a signal of the system does, the stop arrives when nothing computes.
      setImmediate(() => controller.abort());
      return runtime.compile(...given);
    },
  };
  const request = { config, configText: "", tree, normalizePixels: false, checkpoint };
  const watched = { openRuntime: async () => stopping, report: () => {}, signal: controller.signal };
  await assert.rejects(
    exportModel({ ...request, ...watched }),
    (error) => error === controller.signal.reason,
  );
  assert.equal(existsSync(tree.zooPackages), false);
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

test("a package says in words which steps of DATA.PREPROCESS it leaves out", async () => {
  const readme = async (name: string, data: string) => {
    const config = configuration(name, unet.ndim, unet.patch, unet.model + ABOUT, data);
    const said = checkConfig(config).filter(({ message }) => /package cannot say/.test(message));
    const { paths } = await exported(config);
    const files = unzipSync(readFileSync(paths[0]));
    return { said, text: Buffer.from(files["README.md"]).toString() };
  };
  const steps = "\n  PREPROCESS: {TRAIN: True, TEST: True, CLAHE: {ENABLE: True}, CANNY: {ENABLE: False}}";
  const prepared = await readme("prepared", steps);
  assert.deepEqual(
    prepared.said.map(({ severity, key }) => [severity, key]),
    [["warning", "MODEL.BMZ.EXPORT.ENABLE"]],
  );
  assert.match(prepared.text, /prepared by `DATA\.PREPROCESS\.CLAHE` of the configuration/);
  const other = await readme("unprepared", "");
  assert.deepEqual(other.said, []);
  assert.doesNotMatch(other.text, /PREPROCESS/);
});

test("a package is read although the configuration has a warning, such as that of an older key", async () => {
  const path = await changed(() => {});
  const { arguments: args } = await workspace(`
PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: 2D, SELF_SUPERVISED: {PRETEXT_TASK: crappify}}
DATA: {PATCH_SIZE: "${unet.patch}", TEST: {PATH: ${JSON.stringify(samples("2D"))}}}
MODEL: {SOURCE: bmz, BMZ: {SOURCE_MODEL_DOI: ${JSON.stringify(path)}}}
TRAIN: {ENABLE: False}
TEST: {ENABLE: True}
`);
  const { code, events } = await biapy(args());
  const said = messagesOf(events).join("\n");
  assert.equal(code, 0, said);
  assert.match(said, /Starting from the package Tiny network/);
});
