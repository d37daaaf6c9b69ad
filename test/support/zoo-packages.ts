/** Packages for the BioImage Model Zoo of networks with random weights, as they are exported or with changed files. */
import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { strToU8, unzipSync, zipSync } from "fflate";
import { parse, stringify } from "yaml";
import { type Config, loadConfig } from "../../src/config/config.ts";
import { resultTree } from "../../src/facts/result-tree.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import { InputError } from "../../src/workflow/input-error.ts";
import { exportModel } from "../../src/workflow/zoo/export-model.ts";
import { withZooModel } from "../../src/workflow/zoo/start-from-package.ts";
import { saveRandomWeights } from "./network-of.ts";
import { smallNetwork } from "./small-networks.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** The folder of this test file's packages and configurations. */
export const folder = temporaryFolder();
// Degraded copies of the images are written beside them.
cpSync(join(import.meta.dirname, "../../media/samples"), join(folder, "samples"), { recursive: true });

/** Returns the folder of the sample's test images. */
export const samples = (ndim: string) => join(folder, "samples", ndim.toLowerCase(), "test");

/** Keys of MODEL that follow those of a network. */
export const ABOUT =
  ", BMZ: {EXPORT: {ENABLE: True, MODEL_NAME: Tiny network, DESCRIPTION: Random weights., " +
  'AUTHORS: [{"name": "Ada Example", "github_user": "ada"}], TAGS: [test]}}';

/**
 * Writes and reads a configuration.
 *
 * @param model keys of MODEL, in YAML's flow style without braces
 * @param data lines of DATA
 */
export function configuration(name: string, ndim: string, patch: string, model: string, data = ""): Config {
  const file = join(folder, `${name}.yaml`);
  const text = `PROBLEM:
  TYPE: SELF_SUPERVISED
  NDIM: ${ndim}
  SELF_SUPERVISED: {PRETEXT_TASK: ${model.includes("ARCHITECTURE: mae") ? "masking" : "crappify"}}
DATA:
  PATCH_SIZE: ${patch}
  TRAIN: {PATH: ${samples(ndim)}}
  TEST: {PATH: ${samples(ndim)}}${data}
MODEL: {${model}}
TEST: {ENABLE: True}
`;
  writeFileSync(file, text);
  const { config, problems } = loadConfig(file);
  assert.deepEqual(problems, []);
  return config;
}

let runs = 0;

/** Exports a network with random weights. Returns the packages and the weights' checkpoint. */
export async function exported(config: Config): Promise<{ paths: string[]; checkpoint: string }> {
  const checkpoint = join(folder, `weights${++runs}.pth`);
  await saveRandomWeights(checkpoint, config, runs);
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

/** Returns a configuration that starts from a package. */
export const starting = (ndim: string, patch: string, path: string, task = "unet"): Config =>
  configuration(
    "start",
    ndim,
    patch,
    `SOURCE: bmz, BMZ: {SOURCE_MODEL_ID: '${path}'}${task === "mae" ? ", ARCHITECTURE: mae" : ""}`,
  );

export const unet = smallNetwork("unet", "2D");

/** Returns a configuration that starts from a U-Net's package. */
export const startingUnet = (path: string, patch = unet.patch): Config => starting(unet.ndim, patch, path);

let base: Promise<Readonly<Record<string, Uint8Array>>> | undefined;

/** Exports a U-Net with random weights. Returns the files of its package. */
async function exportBase(): Promise<Readonly<Record<string, Uint8Array>>> {
  const config = configuration("base", unet.ndim, unet.patch, `${unet.model}${ABOUT}`);
  const { paths } = await exported(config);
  return unzipSync(readFileSync(paths[0]));
}

/** Changes the files of a U-Net's package and packs them again. The network is exported once. */
export async function changed(change: (files: Record<string, Uint8Array>) => void): Promise<string> {
  base ??= exportBase();
  const files = Object.fromEntries(Object.entries(await base).map(([name, bytes]) => [name, bytes.slice()]));
  change(files);
  const path = join(folder, `changed${++runs}.zip`);
  writeFileSync(path, zipSync(files));
  return path;
}

/** The part of `rdf.yaml` that tests change. */
export type Description = Record<string, never> & {
  outputs: { test_tensor: Record<string, unknown> }[];
  weights: { pytorch_state_dict: Record<string, unknown>; onnx?: Record<string, unknown> };
};

/** Changes the description among a package's files. */
export const described = (files: Record<string, Uint8Array>, change: (description: Description) => void) => {
  const description = parse(new TextDecoder().decode(files["rdf.yaml"]));
  change(description);
  files["rdf.yaml"] = strToU8(stringify(description));
};

/** Asserts that a U-Net's package is refused with a message. */
export const refused = async (path: string, message: RegExp): Promise<void> =>
  assert.rejects(
    withZooModel(startingUnet(path), () => {}),
    (error) => {
      assert.ok(error instanceof InputError);
      assert.match(error.problems[0].message, message);
      return true;
    },
  );

/** Inputs and outputs of a description. */
interface Tensors {
  readonly inputs: { axes: { id?: string; type: string; size?: unknown }[]; preprocessing: object[] }[];
  readonly outputs: { postprocessing: object[] }[];
}

/** Returns a package without weights for PyTorch: its network in ONNX predicts. */
export const onlyOnnx = (change: (description: Tensors) => void = () => {}): Promise<string> =>
  changed((files) =>
    described(files, (description) => {
      Object.assign(description.weights, { pytorch_state_dict: null });
      change(description as never);
    }),
  );
