/** Packages for the BioImage Model Zoo, judged by the Zoo's own program, in ONNX and in PyTorch with BiaPy's classes. Needs BIAPY_PYTHON. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { loadConfig } from "../../src/config/config.ts";
import { resultTree } from "../../src/facts/result-tree.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import { exportModel } from "../../src/workflow/zoo/export-model.ts";
import { saveRandomWeights } from "../support/network-of.ts";
import { SMALL_NETWORKS, type SmallNetwork, smallNetwork } from "../support/small-networks.ts";
import { python, skip } from "./python.ts";

/** An author whom the Zoo's program knows without asking GitHub. */
const ABOUT =
  'ENABLE: True, DESCRIPTION: "A network with random weights, for tests.", ' +
  'AUTHORS: [{"name": "Ada Example", "github_user": "bioimageiobot"}], TAGS: [test]';

interface Case extends SmallNetwork {
  readonly name: string;
  readonly problem: string;
  readonly normalization: string;
}

const RESTORING = "  TYPE: SELF_SUPERVISED\n  SELF_SUPERVISED: {PRETEXT_TASK: crappify}";
const MASKING = "  TYPE: SELF_SUPERVISED\n  SELF_SUPERVISED: {PRETEXT_TASK: masking}";

/** Every architecture, with another normalization each, and segmentations of two and of three classes. */
const NORMALIZATIONS = [
  "{TYPE: zero_mean_unit_variance}",
  "{TYPE: div}",
  "{TYPE: scale_range}",
  "{TYPE: zero_mean_unit_variance, ZERO_MEAN_UNIT_VAR: {MEAN_VAL: [90.0], STD_VAL: [31.0]}}",
  "{TYPE: scale_range, PERC_CLIP: {ENABLE: True, LOWER_PERC: 2.0, UPPER_PERC: 99.0}}",
];
const segmentation = (network: SmallNetwork, classes: number): Case => ({
  ...network,
  name: `Segmentation of ${classes} classes`,
  problem: "  TYPE: SEMANTIC_SEG",
  normalization: `${NORMALIZATIONS[0]}\n  N_CLASSES: ${classes}`,
});
const CASES: readonly Case[] = [
  ...SMALL_NETWORKS.map((network, index) => ({
    ...network,
    name: `${network.architecture.replace("++", " plus")} in ${network.ndim}`,
    problem: network.architecture === "mae" ? MASKING : RESTORING,
    normalization: NORMALIZATIONS[index % NORMALIZATIONS.length],
  })),
  ...[2, 3].map((classes) => segmentation(smallNetwork("unet", "2D"), classes)),
];

const folder = mkdtempSync(join(tmpdir(), "biapy-zoo-test-"));
after(() => rmSync(folder, { recursive: true, force: true }));
// Degraded copies of the images are written beside them.
cpSync(join(import.meta.dirname, "../../media/samples"), join(folder, "samples"), { recursive: true });
const samples = (ndim: string) => join(folder, "samples", ndim.toLowerCase(), "test");

/** Exports a network with random weights. Returns the paths of its packages. */
async function exported(
  { name, problem, ndim, patch, model, normalization }: Case,
  run: number,
): Promise<string[]> {
  const configFile = join(folder, `case${run}.yaml`);
  const configText = `PROBLEM:
${problem}
  NDIM: ${ndim}
DATA:
  PATCH_SIZE: ${patch}
  TRAIN: {PATH: ${samples(ndim)}}
  TEST: {PATH: ${samples(ndim)}}
  NORMALIZATION: ${normalization}
MODEL: {${model}, BMZ: {EXPORT: {${ABOUT}, MODEL_NAME: ${name}}}}
TEST: {ENABLE: True}
`;
  writeFileSync(configFile, configText);
  const { config, problems } = loadConfig(configFile);
  assert.deepEqual(problems, [], name);
  const checkpoint = join(folder, `case${run}.pth`);
  await saveRandomWeights(checkpoint, config, run);
  return exportModel({
    config,
    configText,
    tree: resultTree(folder, "zoo", run),
    normalizePixels: run % 2 === 1,
    checkpoint,
    openRuntime: async () => new OnnxRuntime(1),
    report: () => {},
    signal: new AbortController().signal,
  });
}

interface Judgment {
  readonly path: string;
  readonly status: string;
  readonly errors: readonly string[];
  /** Largest difference from the test output, relative to its largest value, by weight format. */
  readonly apart: Readonly<Record<string, number>>;
  /** Sets of operators beside ONNX's own. */
  readonly domains: readonly string[];
  /** The input's axes in the ONNX model: a name where any size is taken. */
  readonly axes: readonly (string | number)[];
}

const judged: Judgment[] = [];

async function judge(paths: readonly string[]): Promise<Judgment[]> {
  const env = { ...process.env, BIOIMAGEIO_PERFORM_IO_CHECKS: "0", OMP_NUM_THREADS: "1" };
  const args = [join(import.meta.dirname, "zoo-judge.py"), ...paths];
  const { stdout } = await promisify(execFile)(python, args, { env, maxBuffer: 1e8 });
  return JSON.parse(stdout.slice(stdout.lastIndexOf("\n[") + 1));
}

before(async () => {
  if (skip) return;
  const paths: string[] = [];
  for (const [run, each] of CASES.entries()) {
    paths.push(...(await exported(each, run)));
  }
  // Two at a time, each on one thread.
  const halves = [0, 1].map((half) => paths.filter((_, index) => index % 2 === half));
  for (const found of await Promise.all(halves.map(judge))) judged.push(...found);
});

test("packages of every architecture in 2D and 3D pass bioimageio's test", { skip }, (context) => {
  for (const { path, status, errors, apart } of judged) {
    context.diagnostic(`${basename(path)}: ${status} ${JSON.stringify(apart)}`);
    assert.deepEqual(
      { path: basename(path), status, errors },
      { path: basename(path), status: "passed", errors: [] },
    );
  }
  assert.equal(
    judged.length,
    CASES.length + CASES.filter(({ architecture }) => architecture === "mae").length,
  );
});

test("their ONNX models and PyTorch weights predict as this engine does", { skip }, () => {
  for (const { path, apart } of judged) {
    assert.deepEqual(Object.keys(apart), ["onnx", "pytorch_state_dict"], basename(path));
    for (const [format, each] of Object.entries(apart))
      assert.ok(each < 1e-4, `${basename(path)}, ${format}: ${each}`);
  }
});

test("their ONNX models have standard operators only, and take any number of images, of any size but for transformers and DFCAN", {
  skip,
}, () => {
  for (const { path, domains, axes } of judged) {
    assert.deepEqual({ path, domains, batch: axes[0] }, { path, domains: [], batch: "batch" });
    const fixed = /^(mae|vit|unetr|dfcan)_in/.test(basename(path));
    const [y, x] = axes.slice(-2);
    if (fixed) assert.equal(typeof y, "number", path);
    else assert.deepEqual([y, x], ["y", "x"], path);
  }
});
