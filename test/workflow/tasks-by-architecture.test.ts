/** Segmentation and Noise2Void by every architecture that supports them, in 2D and 3D: an epoch, a prediction, and its files. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { before, test } from "node:test";
import { loadBiapyCheckpoint } from "../../src/checkpoint/biapy-checkpoint.ts";
import { channelsOf } from "../../src/config/basics.ts";
import { checkConfig } from "../../src/config/checks.ts";
import { loadConfig } from "../../src/config/config.ts";
import {
  type Dimensions,
  type EmbeddedArchitecture,
  embeddedArchitectures,
} from "../../src/facts/architectures.ts";
import { readImage } from "../../src/images/files.ts";
import { weightsOf } from "../support/checkpoint-weights.ts";
import { epochsOf, type Run, run } from "../support/in-process.ts";
import { messagesOf } from "../support/run-events.ts";
import { samplePart, writePart } from "../support/sample-parts.ts";
import { smallModel, smallPatch } from "../support/small-networks.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
/** The sample's pixels `[z, y, x]` that a patch and half a patch of prediction need. */
const SIZE = { "2D": [1, 32, 48], "3D": [8, 32, 32] } as const;
/** The pixel after the part's last. */
const PART_END = { "2D": [1, 64, 80], "3D": [8, 32, 32] } as const;
/** The part's first pixel: its mask holds nuclei and background. */
const START = { "2D": [0, 32, 32], "3D": [0, 0, 0] } as const;

before(async () => {
  for (const ndim of ["2D", "3D"] as const)
    for (const kind of ["train", "train-masks"]) {
      const name = ndim === "2D" ? "nuclei-01.tif" : "nuclei-train.tif";
      const part = await samplePart(`${ndim.toLowerCase()}/${kind}/${name}`, PART_END[ndim], START[ndim]);
      await writePart(join(folder, ndim, kind, "part.tif"), part);
    }
});

const PROBLEMS = { segmentation: "SEMANTIC_SEG", denoising: "DENOISING" } as const;
type Workflow = keyof typeof PROBLEMS;

/** One epoch; validated by the same images. */
function configuration(
  workflow: Workflow,
  architecture: EmbeddedArchitecture,
  ndim: Dimensions,
  model: Readonly<Record<string, string>> = {},
): string {
  const path = (kind: string) => JSON.stringify(join(folder, ndim, kind));
  const masks = workflow === "segmentation" ? `, GT_PATH: ${path("train-masks")}` : "";
  const loadGt = workflow === "segmentation" ? ", LOAD_GT: True" : "";
  return `
PROBLEM: {TYPE: ${PROBLEMS[workflow]}, NDIM: ${ndim}}
DATA:
  PATCH_SIZE: (${smallPatch(architecture, ndim).join(",")},1)
  REFLECT_TO_COMPLETE_SHAPE: True
  TRAIN: {PATH: ${path("train")}${masks}}
  VAL: {FROM_TRAIN: False, PATH: ${path("train")}${masks}}
  TEST: {PATH: ${path("train")}${masks}${loadGt}}
MODEL: {${smallModel(architecture, ndim, model)}}
TRAIN: {ENABLE: True, OPTIMIZER: ADAMW, LR: 1.E-3, BATCH_SIZE: ${ndim === "2D" ? 3 : 2}, EPOCHS: 1}
TEST: {ENABLE: True}
`;
}

let number = 0;
const trained = (text: string) => run(folder, ++number, text);

/** The losses are finite, and weights are written that build the same network again. */
async function learned(finished: Run): Promise<void> {
  assert.equal(finished.status, "finished");
  const [{ train, validation }] = epochsOf(finished);
  for (const value of Object.values({ ...train, ...validation })) assert.ok(Number.isFinite(value));
  const checkpoint = await loadBiapyCheckpoint(finished.tree.bestCheckpoint);
  assert.ok(checkpoint.weights.size > 0 && checkpoint.modelBuildArguments !== undefined);
  await checkpoint.close();
}

/** EDSR returns as many channels as its images have; it segments two classes of gray images only. */
const takes = (workflow: Workflow, architecture: EmbeddedArchitecture, ndim: Dimensions): boolean => {
  const { config } = loadConfig("job.yaml", configuration(workflow, architecture, ndim));
  return channelsOf(config) === 1 && checkConfig(config).every(({ severity }) => severity !== "error");
};

for (const ndim of ["2D", "3D"] as const) {
  for (const architecture of embeddedArchitectures("segmentation", ndim))
    test(`${architecture} segments ${ndim} images`, async () => {
      assert.ok(takes("segmentation", architecture, ndim));
      const finished = await trained(configuration("segmentation", architecture, ndim));
      await learned(finished);
      const shape = [...SIZE[ndim], 1];
      const probabilities = await readImage(join(finished.tree.perImage, "part.tif"));
      assert.deepEqual([probabilities.shape, probabilities.sampleType], [shape, "float32"]);
      assert.ok(probabilities.data.every((value) => value >= 0 && value <= 1));
      const classes = await readImage(join(finished.tree.perImageBinarized, "part.tif"));
      assert.deepEqual([classes.shape, classes.sampleType], [shape, "uint8"]);
    });
  for (const architecture of embeddedArchitectures("denoising", ndim))
    test(`${architecture} denoises ${ndim} images`, async () => {
      assert.ok(takes("denoising", architecture, ndim));
      const finished = await trained(configuration("denoising", architecture, ndim));
      await learned(finished);
      const source = await readImage(join(folder, ndim, "train/part.tif"));
      const denoised = await readImage(join(finished.tree.perImage, "part.tif"));
      assert.deepEqual([denoised.shape, denoised.sampleType], [source.shape, source.sampleType]);
    });

  test(`a masked autoencoder's frozen encoder starts a UNETR that segments ${ndim} images`, async () => {
    const path = JSON.stringify(join(folder, ndim, "train"));
    const mae = await trained(`
PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: ${ndim}, SELF_SUPERVISED: {PRETEXT_TASK: masking}}
DATA:
  PATCH_SIZE: (${smallPatch("mae", ndim).join(",")},1)
  TRAIN: {PATH: ${path}}
  VAL: {FROM_TRAIN: False, PATH: ${path}}
MODEL: {${smallModel("mae", ndim)}}
TRAIN: {ENABLE: True, OPTIMIZER: ADAMW, BATCH_SIZE: 2, EPOCHS: 1}
TEST: {ENABLE: False}
`);
    const start = {
      LOAD_CHECKPOINT: "True",
      FREEZE_LAYERS_MATCHING: "['^blocks', '^patch_embed', '^cls_token']",
    };
    const text = configuration("segmentation", "unetr", ndim, start);
    const finished = await trained(
      `${text}PATHS: {CHECKPOINT_FILE: ${JSON.stringify(mae.tree.bestCheckpoint)}}\n`,
    );
    await learned(finished);
    const [encoder, segmenting] = await Promise.all(
      [mae, finished].map(({ tree }) => weightsOf(tree.bestCheckpoint)),
    );
    const shared = [...segmenting].filter(([name]) => /^(blocks|patch_embed|cls_token)/.test(name));
    assert.ok(shared.length > 3 * 12);
    for (const [name, values] of shared) assert.deepEqual(values, encoder.get(name), name);
    assert.match(
      messagesOf(finished.events).join("\n"),
      new RegExp(`${shared.length} tensors stay as they are \\(MODEL.FREEZE_LAYERS_MATCHING\\)`),
    );
  });
}
