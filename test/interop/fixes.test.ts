/** Quick fixes leave files that BiaPy accepts; files that BiaPy accepts are clean for its engine. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { loadConfig } from "../../src/config/config.ts";
import { checkForEngine } from "../../src/config/engine-checks.ts";
import { withSettings } from "../../src/config/with-settings.ts";
import { applied, problemFixes } from "../../src/extension/language/problem-fixes.ts";
import { python, skip } from "./python.ts";

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

function biapysRefusals(texts: readonly string[]): (string | null)[] {
  const { stdout, stderr, status } = spawnSync(python, [join(import.meta.dirname, "acceptance-judge.py")], {
    input: JSON.stringify(texts.map((text) => ["", text])),
    encoding: "utf8",
    maxBuffer: 1e8,
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
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

/** A folder with the repository BiaPyX/BiaPy's templates: `BIAPY_TEMPLATES`. They are not part of this repository. */
const templates = process.env.BIAPY_TEMPLATES ?? "";

test("a template that BiaPy accepts is clean for its engine", {
  skip: skip || (existsSync(templates) ? false : "BIAPY_TEMPLATES names no folder"),
}, () => {
  const files = readdirSync(templates, { recursive: true, encoding: "utf8" }).filter((name) =>
    /\.ya?ml$/.test(name),
  );
  // Templates name folders that nobody has.
  const texts = files.map((name) =>
    withSettings(readFileSync(join(templates, name), "utf8"), {
      "DATA.TRAIN.PATH": join(import.meta.dirname, "../../media/samples/2d/train"),
      "DATA.VAL.PATH": join(import.meta.dirname, "../../media/samples/2d/train"),
      "DATA.TEST.PATH": join(import.meta.dirname, "../../media/samples/2d/test"),
      ...Object.fromEntries(
        ["TRAIN", "VAL", "TEST"].map((phase) => [
          `DATA.${phase}.GT_PATH`,
          join(import.meta.dirname, "../../media/samples/2d/train"),
        ]),
      ),
    }),
  );
  const answers = biapysRefusals(texts);
  const wrong = files.flatMap((name, index) => {
    if (answers[index] !== null) return [];
    const { config, problems } = loadConfig(name, texts[index]);
    const errors = [...problems, ...checkForEngine("biapy", config, process.cwd())].filter(
      ({ severity }) => severity === "error",
    );
    return errors.map(({ message }) => `${name}: ${message}`);
  });
  assert.deepEqual(wrong, []);
});
