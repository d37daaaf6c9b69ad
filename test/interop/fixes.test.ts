/** Quick fixes leave files that BiaPy accepts; files that BiaPy accepts are clean for its engine. */
import assert from "node:assert/strict";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { loadConfig } from "../../src/config/config.ts";
import { checkForEngine } from "../../src/config/engine-checks.ts";
import { withSettings } from "../../src/config/with-settings.ts";
import { applied, problemFixes } from "../../src/extension/language/problem-fixes.ts";
import { skip } from "./python.ts";
import { biapysRefusals } from "./refusals.ts";

const samples = (name: string) => JSON.stringify(join(import.meta.dirname, "../../media/samples", name));

const SOUND = `PROBLEM:
  TYPE: SELF_SUPERVISED
  NDIM: 2D
  SELF_SUPERVISED:
    PRETEXT_TASK: masking
DATA:
  PATCH_SIZE: (64,64,1)
  TRAIN:
    PATH: ${samples("2d/train")}
  VAL:
    FROM_TRAIN: True
    SPLIT_TRAIN: 0.1
  TEST:
    PATH: ${samples("2d/test")}
MODEL:
  ARCHITECTURE: mae
TRAIN:
  ENABLE: True
  EPOCHS: 3
TEST:
  ENABLE: True
`;

/** Lines in place of others, each a fault that a fix mends. */
const FAULTS: readonly (readonly [line: string, wrong: string])[] = [
  ["  EPOCHS: 3", "  EPOCHS: 100.0"],
  ["  EPOCHS: 3", "  EPOCHS: 3\n  LR: 1e-4"],
  ["  EPOCHS: 3", "  EPOCHS: 3\n  LR: 1"],
  ["  EPOCHS: 3", "  EPOCHS: 3\n  LR: [1.E-4, 1.E-3]"],
  ["  EPOCHS: 3", "  EPOCHS: 3\n  OPTIMIZER: [ADAM, SGD]"],
  ["  EPOCHS: 3", "  EPOCHS: 3\n  BATCH_SIZE: 6."],
  ["  EPOCHS: 3", "  EPOCHS: 3\n  W_DECAY: 0"],
  ["  EPOCHS: 3", "  EPOCH: 3"],
  ["  NDIM: 2D", "  NDIMS: 2D"],
  ["  NDIM: 2D", "  NDIM: 2d"],
  ["MODEL:", "MODLE:"],
  ["  ARCHITECTURE: mae", "  ARCHITECTURE: unet"],
  ["  ARCHITECTURE: mae", "  ARCHITECTURE: mae\n  MAE_DEC_HIDDEN_SIZE: 500"],
  ["  ARCHITECTURE: mae", "  ARCHITECTURE: mae\n  BATCH_NORMALIZATION: True"],
  ["  ARCHITECTURE: mae", "  ARCHITECTURE: mae\n  N_CLASSES: 2"],
  ["  ARCHITECTURE: mae", "  ARCHITECTURE: mae\n  LAST_ACTIVATION: sigmoid"],
  ["  PATCH_SIZE: (64,64,1)", "  PATCH_SIZE: (16,64,64,1)"],
  ["  PATCH_SIZE: (64,64,1)", "  PATCH_SIZE: (60,64,1)"],
  ["  PATCH_SIZE: (64,64,1)", "  PATCH_SIZE: (64,64,1)\n  EXTRACT_RANDOM_PATCH: True"],
  ["TEST:\n  ENABLE: True", "TEST:\n  ENABLE: True\n  STATS:\n    FULL_IMG: False"],
  [
    "TEST:\n  ENABLE: True",
    "TEST:\n  ENABLE: True\n  STATS:\n    PER_PATCH: True\n    MERGE_PATCHES: True\n    FULL_IMG: False",
  ],
  ["TRAIN:\n  ENABLE: True", "LOSS:\n  CLASS_REBALANCE: auto\nTRAIN:\n  ENABLE: True"],
  ["  EPOCHS: 3", "  EPOCHS: 3\n  LR_SCHEDULER:\n    NAME: onecycle\n    MIN_LR: 1.E-6"],
  ["TEST:\n  ENABLE: True", "TEST:\n  ENABLE: True\n  EVALUATE: True"],
  ["TEST:\n  ENABLE: True", "TEST:\n  ENABLE: True\n  BY_CHUNKS:\n    FORMAT: H5"],
  ["TRAIN:\n  ENABLE: True", "AUGMENTOR:\n  ENABLE: True\n  AFFINE_MODE: mirror\nTRAIN:\n  ENABLE: True"],
  ["TRAIN:\n  ENABLE: True", "AUGMENTOR:\n  ENABLE: True\n  DA_PROB: 0.5\nTRAIN:\n  ENABLE: True"],
  ["TRAIN:\n  ENABLE: True", "AUGMENTOR:\n  ENABLE: True\n  GAMMA_CONTRAST: True\nTRAIN:\n  ENABLE: True"],
  [`    PATH: ${samples("2d/test")}`, `    PATH: ${samples("2d/test")}\n    OVERLAP: 0.5`],
  [`    PATH: ${samples("2d/test")}`, `    PATH: ${samples("2d/test")}\n    OVERLAP: (0.5,)`],
  ["TRAIN:\n  ENABLE: True", "LOSS:\n  CLASS_REBALANCE: True\nTRAIN:\n  ENABLE: True"],
];

/** Applies the first fix of every problem, one after the other, as long as there are any. */
function mended(text: string): string {
  let current = text;
  for (let round = 0; round < 6; round++) {
    const { config, problems } = loadConfig("job.yaml", current);
    const all = [
      ...problems,
      ...checkForEngine("embedded", config, process.cwd()),
      ...checkForEngine("biapy", config, process.cwd()),
    ];
    const fixes = all.flatMap((problem) => problemFixes(current, problem).slice(0, 1));
    if (fixes.length === 0) return current;
    current = applied(current, fixes[0].edits);
  }
  return current;
}

test("every quick fix leaves a file that BiaPy accepts", { skip }, () => {
  const texts = FAULTS.map(([line, wrong]) => SOUND.replace(line, wrong));
  for (const [index, text] of texts.entries()) assert.notEqual(text, SOUND, FAULTS[index][1]);
  const fixed = texts.map(mended);
  const refused = biapysRefusals(fixed).flatMap((answer, index) =>
    answer === null ? [] : [`${FAULTS[index][1]} became\n${fixed[index]}\n${answer}`],
  );
  assert.deepEqual(refused, []);
});

/** A folder with templates of the repository BiaPyX/BiaPy: `BIAPY_TEMPLATES`. They are not part of this repository. */
const templates = process.env.BIAPY_TEMPLATES ?? "";

const own = mkdtempSync(join(tmpdir(), "biapy-templates-"));
after(() => rmSync(own, { recursive: true, force: true }));
const checkpoint = join(own, "weights.pth");
writeFileSync(checkpoint, "");

/** Images in as many folders as a classification has classes. */
function classFolders(count: number): string {
  const folder = mkdtempSync(join(own, "classes-"));
  for (let index = 0; index < count; index++)
    cpSync(join(import.meta.dirname, "../../media/samples/2d/test"), join(folder, `class${index}`), {
      recursive: true,
    });
  return folder;
}

/** Replaces folders and checkpoints, which nobody has, where a template names them. */
function withOwnFiles(text: string): string {
  const { config } = loadConfig("job.yaml", text);
  const classes = config.text("PROBLEM.TYPE") === "CLASSIFICATION";
  const settings: Record<string, string> = {};
  for (const phase of ["TRAIN", "VAL", "TEST"] as const)
    for (const key of [`DATA.${phase}.PATH`, `DATA.${phase}.GT_PATH`] as const) {
      if (!config.sets(key)) continue;
      const isSingle = phase === "TEST" && !config.flag("DATA.TEST.LOAD_GT");
      settings[key] = classes
        ? classFolders(isSingle ? 1 : config.number("DATA.N_CLASSES"))
        : join(import.meta.dirname, "../../media/samples/2d", key === "DATA.TEST.PATH" ? "test" : "train");
    }
  if (config.flag("MODEL.LOAD_CHECKPOINT") && config.text("PATHS.CHECKPOINT_FILE") !== "")
    settings["PATHS.CHECKPOINT_FILE"] = checkpoint;
  return withSettings(text, settings);
}

test("templates are clean for BiaPy's engine if BiaPy accepts them, and have errors if it refuses them", {
  skip: skip || (existsSync(templates) ? false : "BIAPY_TEMPLATES names no folder"),
}, () => {
  const files = readdirSync(templates, { recursive: true, encoding: "utf8" }).filter((name) =>
    /\.ya?ml$/.test(name),
  );
  const texts = files.map((name) => withOwnFiles(readFileSync(join(templates, name), "utf8")));
  const answers = biapysRefusals(texts);
  const wrong = files.flatMap((name, index) => {
    const { config, problems } = loadConfig(name, texts[index]);
    const errors = [...problems, ...checkForEngine("biapy", config, process.cwd())].filter(
      ({ severity }) => severity === "error",
    );
    if (answers[index] === null) return errors.map(({ message }) => `${name}: ${message}`);
    return errors.length > 0 ? [] : [`${name}: only BiaPy refuses it: ${answers[index]}`];
  });
  assert.deepEqual(wrong, []);
});
