/** Masked autoencoders that learn normalized pixels (`--norm_pix_loss`): loss and written reconstruction as PyTorch computes them. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { saveBiapyCheckpoint } from "../../src/checkpoint/biapy-checkpoint.ts";
import { CheckpointTensor } from "../../src/checkpoint/tensor.ts";
import { checkConfig } from "../../src/config/checks.ts";
import { type Config, loadConfig } from "../../src/config/config.ts";
import { readImage } from "../../src/images/files.ts";
import type { ImageShape } from "../../src/images/image.ts";
import { writeTiff } from "../../src/images/tiff-writer.ts";
import { maeLoss, maePrediction, maeTarget } from "../../src/models/mae.ts";
import { declaredWeights } from "../../src/runtime/declared-weights.ts";
import { OnnxRuntime } from "../../src/runtime/onnx/runtime.ts";
import { Parameters } from "../../src/runtime/parameters.ts";
import { maeSettings } from "../../src/workflow/tasks/mae-settings.ts";
import { runConfig } from "../support/in-process.ts";
import { networkOf } from "../support/network-of.ts";
import { python, skip } from "./python.ts";

/** An image of one patch, of `token` pixels along each side of a token. */
interface Case {
  readonly ndim: 2 | 3;
  readonly token: number;
}

const CASES: readonly Case[] = [2, 3].flatMap((ndim) =>
  [2, 4, 8].map((token): Case => ({ ndim: ndim === 3 ? 3 : 2, token })),
);
const nameOf = ({ ndim, token }: Case) => `${ndim}d-tokens-of-${token}`;
const sideOf = ({ ndim, token }: Case) => (ndim === 2 ? 4 : 2) * token;
const shapeOf = (each: Case): ImageShape => {
  const side = sideOf(each);
  return [each.ndim === 3 ? side : 1, side, side, 1];
};

const parent = mkdtempSync(join(tmpdir(), "normalized-pixels-"));
after(() => rmSync(parent, { recursive: true, force: true }));

function configuration(each: Case, images: string, checkpoint: string): string {
  const patch = [...new Array<number>(each.ndim).fill(sideOf(each)), 1];
  return `PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: ${each.ndim}D, SELF_SUPERVISED: {PRETEXT_TASK: masking}}
DATA: {PATCH_SIZE: "(${patch.join(",")})", TEST: {PATH: ${JSON.stringify(images)}}}
MODEL: {ARCHITECTURE: mae, VIT_TOKEN_SIZE: ${each.token}, VIT_EMBED_DIM: 24, VIT_NUM_LAYERS: 1, VIT_NUM_HEADS: 3,
  MAE_DEC_HIDDEN_SIZE: 32, MAE_DEC_NUM_LAYERS: 1, MAE_DEC_NUM_HEADS: 2, MAE_MASK_TYPE: random, MAE_MASK_RATIO: 0.5, LOAD_CHECKPOINT: True}
PATHS: {CHECKPOINT_FILE: ${JSON.stringify(checkpoint)}}
TRAIN: {ENABLE: False, BATCH_SIZE: 1}
TEST: {ENABLE: True}
`;
}

/** Writes noise on a wave, a configuration, and a checkpoint of random weights that predict values far from 0. */
async function prepare(each: Case): Promise<{ config: Config; weights: Parameters; folder: string }> {
  const folder = join(parent, nameOf(each));
  const images = join(folder, "images");
  mkdirSync(images, { recursive: true });
  const shape = shapeOf(each);
  const data = Float32Array.from(
    { length: shape.reduce((product, size) => product * size) },
    (_, at) => 100 + 40 * Math.sin(at / 5) + ((at * 7919) % 61),
  );
  await writeTiff(join(images, "image.tif"), { shape, sampleType: "float32", data });
  const checkpoint = join(folder, "weights.pth");
  const file = join(folder, "job.yaml");
  writeFileSync(file, configuration(each, images, checkpoint));
  const { config, problems } = loadConfig(file);
  assert.deepEqual([...problems, ...checkConfig(config)], []);
  const { program, build } = networkOf(config);
  const weights = new Parameters(declaredWeights(program), { trainable: false, threads: 1 });
  weights.initialize(5);
  await saveBiapyCheckpoint(checkpoint, {
    weights: new Map(
      weights.specs.map(({ name, shape }) => [name, CheckpointTensor.of(weights.read(name), shape)]),
    ),
    modelBuildArguments: build,
    epoch: "best",
    config: config.toObject(),
  });
  return { config, weights, folder };
}

/** PyTorch's results for the checkpoint and the tokens that the engine hid. */
interface Judged {
  /** BiaPy's loss of the normalized image. */
  readonly loss: number;
  /** The normalized image, `[(z,) y, x]`. */
  readonly image: readonly number[];
  /** 1 where a token is hidden. */
  readonly mask: readonly number[];
  /** The image that is to be written, by the variance of N - 1 and of N. */
  readonly unbiased: readonly number[];
  readonly biased: readonly number[];
}

/** The loss that the engine trains with, of the same image and hidden tokens. */
async function ownLoss(config: Config, weights: Parameters, { image, mask }: Judged): Promise<number> {
  const settings = maeSettings(config, true);
  const tokens = mask.map((_, token) => token);
  const visible = tokens.filter((token) => mask[token] === 0);
  const order = [...visible, ...tokens.filter((token) => mask[token] === 1)];
  const executable = new OnnxRuntime(1).compile(
    {
      training: false,
      inputs: {
        images: { shape: [1, ...settings.patchSize, 1], type: "float32" },
        keep: { shape: [1, visible.length], type: "int32" },
        restore: { shape: [1, tokens.length], type: "int32" },
        mask: { shape: [1, tokens.length], type: "float32" },
      },
      forward: (scope, { images, keep, restore, mask }) => {
        const prediction = maePrediction(scope, settings, images, { keep, restore, mask });
        return { loss: maeLoss(prediction, maeTarget(settings, images), mask) };
      },
    },
    weights,
    { gradients: false },
  );
  executable.inputs.images.set(image);
  executable.inputs.keep.set(visible);
  executable.inputs.restore.set(tokens.map((token) => order.indexOf(token)));
  executable.inputs.mask.set(mask);
  await executable.run(0);
  const [loss] = executable.outputs.loss;
  executable.release();
  return loss;
}

const judged = new Map<string, Judged & { readonly ownLoss: number }>();

before(async () => {
  if (skip) return;
  const prepared = [];
  for (const each of CASES) {
    const made = await prepare(each);
    await runConfig(made.folder, 1, made.config, { normalizePixels: true });
    prepared.push(made);
  }
  const script = join(import.meta.dirname, "normalized-pixels-judge.py");
  const answers: Judged[] = JSON.parse(
    execFileSync(python, [script], {
      input: JSON.stringify(prepared.map(({ folder }) => folder)),
      encoding: "utf8",
      maxBuffer: 1e8,
      stdio: ["pipe", "pipe", "pipe"],
    }),
  );
  for (const [index, { config, weights }] of prepared.entries()) {
    judged.set(nameOf(CASES[index]), {
      ...answers[index],
      ownLoss: await ownLoss(config, weights, answers[index]),
    });
    await weights.close();
  }
});

/** The largest difference, relative to the range of the first values. */
function apart(expected: readonly number[], actual: ArrayLike<number>): number {
  assert.equal(actual.length, expected.length);
  const range = Math.max(...expected) - Math.min(...expected);
  return Math.max(...expected.map((value, at) => Math.abs(value - actual[at]))) / range;
}

for (const each of CASES) {
  test(`${nameOf(each)}: loss and reconstruction are PyTorch's, by the variance of N - 1`, {
    skip,
  }, async () => {
    const found = judged.get(nameOf(each));
    assert.ok(found !== undefined);
    assert.ok(Math.abs(found.ownLoss / found.loss - 1) < 1e-5, `${found.ownLoss}, BiaPy ${found.loss}`);
    const folder = join(parent, nameOf(each), "job/results/job_1");
    const { data } = await readImage(join(folder, "per_image/image.tif"));
    const off = apart(found.unbiased, data);
    assert.ok(off < 1e-5, `differs by ${off} of its range`);
    assert.ok(apart(found.biased, data) > 10 * off, "the two variances give different images");
  });
}
