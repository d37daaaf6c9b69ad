/** One checkpoint, one configuration, two engines: the same images in `per_image`. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { checkConfig } from "../../src/config/checks.ts";
import { loadConfig } from "../../src/config/config.ts";
import { resultTree } from "../../src/facts/result-tree.ts";
import { readImage } from "../../src/images/files.ts";
import { type ImageShape, SAMPLE_ARRAYS, type SampleType } from "../../src/images/image.ts";
import { writeTiff } from "../../src/images/tiff-writer.ts";
import { withCheckpointSettings } from "../../src/workflow/checkpoint-settings.ts";
import { InputError } from "../../src/workflow/input-error.ts";
import { runConfig } from "../support/in-process.ts";
import { saveRandomWeights } from "../support/network-of.ts";
import { smallModel } from "../support/small-networks.ts";
import { python, skip } from "./python.ts";

/** Without MAE_DEC_*, which BiaPy ignores: its decoder always has the default size. */
const MAE =
  "ARCHITECTURE: mae, VIT_EMBED_DIM: 24, VIT_NUM_LAYERS: 1, VIT_NUM_HEADS: 3, VIT_TOKEN_SIZE: 8, MAE_MASK_TYPE: grid";

interface Case {
  readonly ndim: 2 | 3;
  /** Keys of MODEL, in YAML's flow style without braces. */
  readonly model: string;
  /** Lines of DATA. */
  readonly data: string;
  /** Lines of TEST. */
  readonly test?: string;
  readonly shape: ImageShape;
  readonly sampleType: SampleType;
  /** What the checkpoint was trained with, if that differs. */
  readonly trained?: Partial<Pick<Case, "model" | "data">>;
}

const flat = (shape: readonly [number, number], data: string, more: Partial<Case> = {}): Case => ({
  ndim: 2,
  model: smallModel("unet", "2D"),
  data,
  shape: [1, ...shape, 1],
  sampleType: "float32",
  ...more,
});
const deep = (shape: readonly [number, number, number], data: string, more: Partial<Case> = {}): Case => ({
  ndim: 3,
  model: smallModel("unet", "3D"),
  data,
  shape: [...shape, 1],
  sampleType: "float32",
  ...more,
});
const tiles = (patch: string, overlap?: string, padding?: string, more = "") =>
  `PATCH_SIZE: "${patch}", REFLECT_TO_COMPLETE_SHAPE: True, ${more}TEST: {PATH: IMAGES${overlap ? `, OVERLAP: "${overlap}"` : ""}${padding ? `, PADDING: "${padding}"` : ""}}`;

const medians = (data: string) => data.replace("TEST: {", "TEST: {MEDIAN_PADDING: True, ");

const CASES: Readonly<Record<string, Case>> = {
  "an odd plane": flat([67, 101], tiles("(32,32,1)")),
  "an odd plane with overlap": flat([67, 101], tiles("(32,32,1)", "(0.25,0.5)")),
  "an odd plane with overlap and padding": flat([67, 101], tiles("(32,32,1)", "(0.3,0.1)", "(4,6)")),
  "a plane with padding": flat([217, 100], tiles("(64,64,1)", undefined, "(16,16)")),
  "a plane of exactly a patch with padding": flat([32, 32], tiles("(32,32,1)", "(0.5,0.5)", "(4,4)")),
  "a plane as high as a patch": flat([32, 75], tiles("(32,32,1)", "(0.5,0.5)")),
  "a plane smaller than a patch": flat([25, 30], tiles("(32,32,1)")),
  "a plane lower than a patch with padding": flat([25, 75], tiles("(32,32,1)", "(0.2,0.2)", "(4,4)")),
  "a plane in 8 bits": flat([67, 101], tiles("(32,32,1)", "(0.25,0.25)"), { sampleType: "uint8" }),
  "a plane in 16 bits": flat([67, 101], tiles("(32,32,1)", "(0.25,0.25)"), { sampleType: "uint16" }),
  "a plane in 8 bits divided": flat(
    [67, 101],
    tiles("(32,32,1)", "(0.25,0.25)", undefined, "NORMALIZATION: {TYPE: div}, "),
    { sampleType: "uint8" },
  ),
  "a plane in its own range": flat(
    [67, 101],
    tiles("(32,32,1)", "(0.25,0.25)", undefined, "NORMALIZATION: {TYPE: scale_range}, "),
  ),
  "a plane clipped": flat(
    [67, 101],
    tiles(
      "(32,32,1)",
      "(0.25,0.25)",
      undefined,
      "NORMALIZATION: {PERC_CLIP: {ENABLE: True, LOWER_PERC: 5.0, UPPER_PERC: 95.0}}, ",
    ),
  ),
  "a plane in all orientations": flat([67, 101], tiles("(32,32,1)", "(0.25,0.25)"), {
    test: "AUGMENTATION: True",
  }),
  "a plane in all orientations of long patches": flat([67, 101], tiles("(32,48,1)", "(0.25,0.25)"), {
    test: "AUGMENTATION: True",
  }),
  "a plane normalized as its checkpoint says": flat([67, 101], tiles("(32,32,1)", "(0.25,0.25)"), {
    trained: {
      data: tiles(
        "(32,32,1)",
        undefined,
        undefined,
        "NORMALIZATION: {TYPE: scale_range, PERC_CLIP: {ENABLE: True, LOWER_PERC: 5.0, UPPER_PERC: 95.0}}, ",
      ),
    },
  }),
  "a plane by the network that its checkpoint says": flat([67, 101], tiles("(32,32,1)", "(0.25,0.25)"), {
    model: "ARCHITECTURE: unet",
    trained: { model: smallModel("resunet", "2D") },
  }),
  "a plane by a masked autoencoder": flat([70, 45], tiles("(32,32,1)"), { model: MAE }),
  "a plane by a masked autoencoder with overlap": flat([70, 45], tiles("(32,32,1)", "(0.5,0.25)"), {
    model: MAE,
  }),
  "a plane by a masked autoencoder of one patch": flat([32, 32], tiles("(32,32,1)", "(0.5,0.5)", "(4,4)"), {
    model: MAE,
  }),
  "an odd stack": deep([19, 37, 41], tiles("(8,16,16,1)")),
  "an odd stack with overlap": deep([19, 37, 41], tiles("(8,16,16,1)", "(0.25,0.5,0.25)")),
  "an odd stack with overlap and padding": deep([19, 37, 41], tiles("(8,16,16,1)", "(0.2,0.1,0)", "(1,2,3)")),
  "a flat stack padded by medians": deep(
    [19, 37, 41],
    medians(tiles("(8,16,16,1)", "(0.2,0.1,0)", "(1,2,3)")),
  ),
  "a tall stack padded by medians": deep([43, 20, 25], medians(tiles("(8,16,16,1)", undefined, "(2,3,4)"))),
  "a stack as deep as wide padded by medians": deep(
    [22, 24, 22],
    medians(tiles("(8,16,16,1)", "(0.2,0.2,0.2)", "(0,4,4)")),
  ),
  "a thin stack completed and padded by medians": deep(
    [6, 37, 14],
    medians(tiles("(8,16,16,1)", undefined, "(2,3,4)")),
  ),
  "a stack of exactly a patch": deep([8, 16, 16], tiles("(8,16,16,1)", "(0.5,0.5,0.5)", "(1,2,2)")),
  "a stack as deep as a patch": deep([8, 37, 16], tiles("(8,16,16,1)", "(0.5,0,0.5)")),
  "a stack in all orientations": deep([11, 20, 25], tiles("(8,16,16,1)", "(0.25,0.25,0.25)"), {
    test: "AUGMENTATION: True",
  }),
  "an odd stack by ResUNet": deep([19, 37, 41], tiles("(8,16,16,1)", "(0.25,0.25,0)"), {
    model: smallModel("resunet", "3D"),
  }),
};

/** Every other kind of network, on the same tiles. */
const NETWORKS = [
  ...(["resunet", "resunet++", "seunet", "resunet_se", "attention_unet", "multiresunet"] as const),
  ...(["rcan", "dfcan", "wdsr", "unetr"] as const),
];

const ALL: Readonly<Record<string, Case>> = {
  ...CASES,
  ...Object.fromEntries(
    NETWORKS.map((name) => [
      `an odd plane by ${name}`,
      flat([67, 101], tiles("(32,32,1)", "(0.25,0.25)", "(4,4)"), { model: smallModel(name, "2D") }),
    ]),
  ),
};

/** Waves with noise; integers fill most of their range. */
function image({ shape, sampleType }: Case) {
  const [, height, width] = shape;
  const data = new SAMPLE_ARRAYS[sampleType](shape.reduce((product, size) => product * size, 1));
  const unit = sampleType === "uint16" ? 200 : 1;
  for (let at = 0; at < data.length; at++) {
    const [x, y, z] = [at % width, Math.floor(at / width) % height, Math.floor(at / width / height)];
    const wave = Math.sin(x / 5) + Math.cos(y / 7) + Math.sin(z / 3);
    data[at] = unit * (120 + 35 * wave + ((at * 7919) % 13));
  }
  return { shape, sampleType, data };
}

const task = ({ model }: Case) => (model === MAE ? "masking" : "crappify");

function configuration(each: Case, checkpoint: string, images: string): string {
  return `PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: ${each.ndim}D, SELF_SUPERVISED: {PRETEXT_TASK: ${task(each)}}}
SYSTEM: {NUM_CPUS: 1, SEED: 1, NUM_WORKERS: 0}
DATA: {${each.data.replace("IMAGES", JSON.stringify(images))}}
MODEL: {${each.model}, LOAD_CHECKPOINT: True}
PATHS: {CHECKPOINT_FILE: ${JSON.stringify(checkpoint)}}
TRAIN: {ENABLE: False, BATCH_SIZE: 3}
TEST: {ENABLE: True, ${each.test ?? "AUGMENTATION: False"}}
`;
}

interface Prepared {
  readonly name: string;
  readonly folder: string;
  readonly config: string;
}

/** Writes image, degraded copy, configuration and a checkpoint of random weights. */
async function prepare(parent: string, name: string, each: Case): Promise<Prepared> {
  const folder = join(parent, name.replaceAll(/\W+/g, "_"));
  const images = join(folder, "images");
  mkdirSync(images, { recursive: true });
  await writeTiff(join(images, "image.tif"), image(each));
  // The copy is the image itself: both engines make their copies with noise of their own.
  if (task(each) === "crappify") cpSync(images, `${images}_ssl_source`, { recursive: true });
  const checkpoint = join(folder, "weights.pth");
  const config = join(folder, "job.yaml");
  writeFileSync(config, configuration(each, checkpoint, images));
  const trained = configuration({ ...each, ...each.trained }, checkpoint, images);
  await saveRandomWeights(checkpoint, loadConfig("trained.yaml", trained).config, 5);
  return { name, folder, config };
}

/** Tests a configuration with the embedded engine, in this process. */
async function testHere(file: string, results: string): Promise<void> {
  const { config: given, problems } = loadConfig(file);
  const config = await withCheckpointSettings(given, resultTree(results, "job", 1), () => {});
  const errors = [...problems, ...checkConfig(config)].filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new InputError(errors);
  await runConfig(results, 1, config);
}

const written = (folder: string, engine: string) =>
  readImage(join(folder, engine, "job/results/job_1/per_image/image.tif"));

const parent = mkdtempSync(join(tmpdir(), "whole-images-"));
const faults = new Map<string, string>();
const folders = new Map<string, string>();

before(async () => {
  if (skip) return;
  const all: Prepared[] = [];
  for (const [name, each] of Object.entries(ALL)) all.push(await prepare(parent, name, each));
  for (const { name, folder, config } of all) {
    folders.set(name, folder);
    try {
      await testHere(config, join(folder, "ours"));
    } catch (error) {
      faults.set(
        name,
        `ours: ${error instanceof InputError ? JSON.stringify(error.problems) : String(error)}`,
      );
    }
  }
  const input = all.map(({ folder, config }) => ({ config, results: join(folder, "biapy") }));
  const { stdout, stderr, status } = spawnSync(python, [join(import.meta.dirname, "whole-images-judge.py")], {
    input: JSON.stringify(input),
    encoding: "utf8",
    maxBuffer: 1e8,
  });
  assert.equal(status, 0, stderr.slice(-3000));
  const answers = JSON.parse(stdout) as (string | null)[];
  for (const [index, answer] of answers.entries())
    if (answer !== null) faults.set(all[index].name, `BiaPy: ${answer}`);
});

process.on("exit", () => rmSync(parent, { recursive: true, force: true }));

for (const [name, each] of Object.entries(ALL)) {
  test(`${name} is predicted the same by both engines`, { skip }, async (context) => {
    assert.equal(faults.get(name), undefined);
    const folder = folders.get(name) ?? "";
    const [ours, theirs] = [await written(folder, "ours"), await written(folder, "biapy")];
    assert.deepEqual(ours.shape, theirs.shape);
    assert.equal(ours.sampleType, theirs.sampleType);
    let [apart, least, most, unequal] = [0, Infinity, -Infinity, 0];
    for (const [at, value] of theirs.data.entries()) {
      const difference = Math.abs(value - ours.data[at]);
      apart = Math.max(apart, difference);
      if (difference > 0) unequal++;
      [least, most] = [Math.min(least, value), Math.max(most, value)];
    }
    context.diagnostic(`differ by ${apart.toExponential(1)} in a range of ${(most - least).toFixed(1)}`);
    assert.ok(most > least, "BiaPy's prediction is not constant");
    if (each.sampleType === "float32") assert.ok(apart / (most - least) < 1e-4, String(apart));
    // Where rounding decides, single precision may fall on either side.
    else assert.ok(apart <= 1 && unequal / ours.data.length < 1e-2, `${apart}, ${unequal} pixels`);
  });
}
