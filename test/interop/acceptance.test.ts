/** The same configurations are accepted or refused by ours and by BiaPy: generated from the key table, a change of one key each. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { checkConfig } from "../../src/config/checks.ts";
import { loadConfig } from "../../src/config/config.ts";
import { type KeyType, keyFacts, keyLimits } from "../../src/config/keys.ts";
import { type Settings, withSettings } from "../../src/config/with-settings.ts";
import { Random } from "../../src/data/random.ts";
import { skip } from "./python.ts";
import { biapysRefusals } from "./refusals.ts";

const samples = (name: string) => join(import.meta.dirname, "../../media/samples", name);

const BASE = (ndim: "2d" | "3d", task: string, model: string, patch: string) => `PROBLEM:
  TYPE: SELF_SUPERVISED
  NDIM: ${ndim.toUpperCase()}
  SELF_SUPERVISED:
    PRETEXT_TASK: ${task}
DATA:
  PATCH_SIZE: ${patch}
  TRAIN:
    PATH: ${samples(`${ndim}/train`)}
  VAL:
    FROM_TRAIN: True
    SPLIT_TRAIN: 0.1
  TEST:
    PATH: ${samples(`${ndim}/test`)}
MODEL:
  ARCHITECTURE: ${model}
TRAIN:
  ENABLE: True
  EPOCHS: 3
TEST:
  ENABLE: True
`;

const BASES = {
  "mae 2D": BASE("2d", "masking", "mae", "(64,64,1)"),
  "mae 3D": BASE("3d", "masking", "mae", "(16,32,32,1)"),
  "unet 2D": BASE("2d", "crappify", "unet", "(64,64,1)"),
  "unet 3D": BASE("3d", "crappify", "unet", "(32,64,64,1)"),
} as const;

interface Case {
  readonly name: string;
  readonly text: string;
}

const WRONG_TYPE: Readonly<Record<KeyType, string>> = {
  bool: "maybe",
  int: "several",
  float: "much",
  str: "[1, 2]",
  list: "True",
  tuple: "0.5",
  NoneType: "several",
};

/** Sections of the configuration that self-supervision reads. */
const SECTIONS = /^(PROBLEM\.(NDIM|TYPE|SELF_SUPERVISED)|DATA|AUGMENTOR|MODEL|LOSS|TRAIN|TEST|LOG|SYSTEM)\b/;
/** Of other kinds of problem or of paths, whose values are files. */
const LEFT_OUT =
  /PATH|_DIR$|INSTANCE|DETECTION|HRNET|STUNET|NAFNET|BMZ|TORCHVISION|CLASSES|CONTRAST|WATERSHED|DET_|MATCHING|INPUT_ZARR|FILTER_|CLASS_|IMAGE_TO_IMAGE|EXTRACT_RANDOM|MEASURE|POST_PROCESSING/;

function changes(): { key: string; value: string }[] {
  const found: { key: string; value: string }[] = [];
  for (const [key, { type }] of keyFacts) {
    if (!SECTIONS.test(key) || LEFT_OUT.test(key)) continue;
    const limits = keyLimits.get(key);
    const values = new Set<string>([WRONG_TYPE[type]]);
    if (type === "bool") for (const value of ["True", "False"]) values.add(value);
    const items: string[] = [];
    for (const value of limits?.allowed ?? []) items.push(String(value));
    if (limits?.allowed !== undefined) items.push("nonsense");
    for (const edge of [limits?.least, limits?.most]) {
      if (edge === undefined) continue;
      items.push(String(edge), String(edge === limits?.least ? edge - 1 : edge + 1));
    }
    for (const item of items) values.add(type === "list" ? `[${item}]` : item === "" ? "''" : item);
    for (const value of values) found.push({ key, value });
  }
  return found;
}

/** A scalar as YAML, not as text that happens to look like a list. */
function changed(text: string, settings: Settings): string {
  return withSettings(text, settings)
    .replace(/: '([[(].*[\])])'$/gm, ": $1")
    .replace(/: "(.*)"$/gm, ": $1");
}

function cases(): Case[] {
  const found: Case[] = Object.entries(BASES).map(([name, text]) => ({ name, text }));
  for (const { key, value } of changes()) {
    const base = /UNET|FEATURE_MAPS|DROPOUT|RESIZING|NOISE$/.test(key) ? "unet 2D" : "mae 2D";
    found.push({ name: `${base}, ${key}: ${value}`, text: changed(BASES[base], { [key]: value }) });
  }
  for (const [base, settings] of COMBINATIONS) {
    const name = Object.entries(settings).map(([key, value]) => `${key}: ${String(value)}`);
    found.push({ name: `${base}, ${name.join(", ")}`, text: changed(BASES[base], settings) });
  }
  return found;
}

/** Changes of several keys at once, and of keys that others depend on. */
const COMBINATIONS: readonly (readonly [base: keyof typeof BASES, settings: Settings])[] = [
  // Only warned of where they are not used.
  ["unet 2D", { "MODEL.ACTIVATION": "nonsense" }],
  ["mae 2D", { "AUGMENTOR.ENABLE": "True", "AUGMENTOR.ELASTIC": "True", "AUGMENTOR.E_MODE": "nonsense" }],
  [
    "mae 2D",
    { "AUGMENTOR.ENABLE": "True", "AUGMENTOR.DROPOUT": "False", "AUGMENTOR.DROP_RANGE": ["0.1", "2.0"] },
  ],
  ...["unet", "resunet", "resunet++", "attention_unet", "seunet", "resunet_se", "multiresunet"].flatMap(
    (name) =>
      [
        ["unet 2D", { "MODEL.ARCHITECTURE": name }],
        ["unet 3D", { "MODEL.ARCHITECTURE": name }],
        ["unet 3D", { "MODEL.ARCHITECTURE": name, "MODEL.Z_DOWN": ["1", "1", "1", "1"] }],
        ["mae 2D", { "MODEL.ARCHITECTURE": name }],
      ] as const,
  ),
  ...["unetr", "rcan", "dfcan", "edsr", "wdsr", "mae"].flatMap(
    (name) =>
      [
        ["unet 2D", { "MODEL.ARCHITECTURE": name }],
        ["unet 3D", { "MODEL.ARCHITECTURE": name }],
        ["mae 2D", { "MODEL.ARCHITECTURE": name }],
      ] as const,
  ),
  ...["unext_v1", "unext_v2", "hrnet", "stunet", "vit"].flatMap(
    (name) =>
      [
        ["unet 2D", { "MODEL.ARCHITECTURE": name }],
        ["unet 3D", { "MODEL.ARCHITECTURE": name }],
        ["unet 2D", { "MODEL.ARCHITECTURE": name, "DATA.PATCH_SIZE": "(60,60,1)" }],
        ["unet 2D", { "MODEL.ARCHITECTURE": name, "MODEL.DROPOUT_VALUES": ["0.1", "0.1"] }],
        ["mae 2D", { "MODEL.ARCHITECTURE": name }],
      ] as const,
  ),
  ...["PCC", "LAPLACIAN", "FFT", "RFFT", "VGG", "LPIPS"].map(
    (name) => ["unet 2D", { "LOSS.TYPE": [name], "LOSS.WEIGHTS": ["1.0"] }] as const,
  ),
  ...["lpips", "fid", "is", "psnr"].map((name) => ["unet 2D", { "TRAIN.METRICS": [name] }] as const),
  ["unet 2D", { "MODEL.ARCHITECTURE": "hrnet", "MODEL.HRNET.VARIANT": "W18" }],
  ["unet 2D", { "MODEL.ARCHITECTURE": "hrnet", "MODEL.HRNET.VARIANT": "W20" }],
  ["unet 2D", { "MODEL.ARCHITECTURE": "stunet", "MODEL.STUNET.VARIANT": "small" }],
  ["unet 2D", { "MODEL.ARCHITECTURE": "stunet", "MODEL.STUNET.VARIANT": "tiny" }],
  ["unet 2D", { "MODEL.FREEZE_LAYERS_MATCHING": ["'^down_path'"] }],
  ["unet 2D", { "MODEL.NORMALIZATION": "ln" }],
  ["mae 2D", { "TRAIN.LR_SCHEDULER.NAME": "warmupreduceonplateau" }],
  ["unet 2D", { "DATA.PATCH_SIZE": "(60,60,1)" }],
  ["unet 2D", { "DATA.PATCH_SIZE": "(64,64)" }],
  ["unet 2D", { "DATA.PATCH_SIZE": "(16,64,64,1)" }],
  ["unet 3D", { "DATA.PATCH_SIZE": "(64,64,1)" }],
  ["unet 3D", { "DATA.PATCH_SIZE": "(32,64,64,1)" }],
  ["unet 2D", { "DATA.PATCH_SIZE": "(16,16,1)" }],
  ["unet 2D", { "DATA.PATCH_SIZE": "(16,16,1)", "MODEL.FEATURE_MAPS": ["4", "8", "16"] }],
  ["unet 2D", { "MODEL.FEATURE_MAPS": ["4", "8", "16"], "MODEL.DROPOUT_VALUES": ["0.1", "0.1"] }],
  ["unet 2D", { "MODEL.FEATURE_MAPS": ["4", "8", "16"], "MODEL.DROPOUT_VALUES": ["0.1", "0.1", "0.2"] }],
  ["unet 2D", { "MODEL.FEATURE_MAPS": ["4", "8", "16"], "MODEL.YX_DOWN": ["2", "1"] }],
  ["unet 2D", { "MODEL.FEATURE_MAPS": ["4", "8", "16"], "MODEL.YX_DOWN": ["2", "2", "2"] }],
  ["mae 2D", { "MODEL.DROPOUT_VALUES": ["0.1"] }],
  ["mae 2D", { "MODEL.DROPOUT_VALUES": ["0.1", "0.1"] }],
  ["mae 2D", { "DATA.PATCH_SIZE": "(48,48,1)" }],
  ["mae 2D", { "DATA.PATCH_SIZE": "(64,32,1)" }],
  ["mae 2D", { "DATA.PATCH_SIZE": "(40,40,1)" }],
  ["mae 3D", { "DATA.PATCH_SIZE": "(32,32,32,1)" }],
  ["mae 2D", { "MODEL.VIT_EMBED_DIM": "100", "MODEL.VIT_NUM_HEADS": "12" }],
  ["mae 2D", { "TRAIN.LR_SCHEDULER.NAME": "reduceonplateau" }],
  [
    "mae 2D",
    { "TRAIN.LR_SCHEDULER.NAME": "reduceonplateau", "TRAIN.LR_SCHEDULER.REDUCEONPLATEAU_PATIENCE": "2" },
  ],
  ["mae 2D", { "TRAIN.LR_SCHEDULER.NAME": "warmupcosine" }],
  [
    "mae 2D",
    { "TRAIN.LR_SCHEDULER.NAME": "warmupcosine", "TRAIN.LR_SCHEDULER.WARMUP_COSINE_DECAY_EPOCHS": "1" },
  ],
  [
    "mae 2D",
    { "TRAIN.LR_SCHEDULER.NAME": "warmupcosine", "TRAIN.LR_SCHEDULER.WARMUP_COSINE_DECAY_EPOCHS": "9" },
  ],
  ["mae 2D", { "TRAIN.LR_SCHEDULER.NAME": "onecycle" }],
  ["unet 2D", { "LOSS.TYPE": ["MAE", "SSIM"], "LOSS.WEIGHTS": ["0.7", "0.3"] }],
  ["unet 2D", { "LOSS.TYPE": ["MAE", "SSIM"], "LOSS.WEIGHTS": ["1.0"] }],
  ["unet 2D", { "LOSS.TYPE": ["DICE"] }],
  ["mae 2D", { "AUGMENTOR.ENABLE": "True", "AUGMENTOR.GAMMA_CONTRAST": "True" }],
  ["mae 2D", { "AUGMENTOR.ENABLE": "True", "AUGMENTOR.GRAYSCALE": "True" }],
  [
    "mae 2D",
    {
      "AUGMENTOR.ENABLE": "True",
      "AUGMENTOR.BRIGHTNESS": "True",
      "AUGMENTOR.BRIGHTNESS_FACTOR": ["0.3", "0.1"],
    },
  ],
  ["mae 2D", { "DATA.VAL.SPLIT_TRAIN": "0.0" }],
  ["mae 2D", { "DATA.VAL.SPLIT_TRAIN": "1.0" }],
  ["mae 2D", { "DATA.TRAIN.PATH": "/nowhere" }],
  [
    "mae 2D",
    {
      "DATA.NORMALIZATION.PERC_CLIP.ENABLE": "True",
      "DATA.NORMALIZATION.PERC_CLIP.LOWER_PERC": "1.0",
      "DATA.NORMALIZATION.PERC_CLIP.UPPER_PERC": "99.0",
    },
  ],
  ["mae 2D", { "TRAIN.OPTIMIZER": "ADAM" }],
  ["mae 2D", { "TRAIN.LR": "1.E-4" }],
  ["mae 2D", { "TRAIN.W_DECAY": "1e-4" }],
  ["mae 2D", { "TRAIN.W_DECAYS": "0.1" }],
  ["mae 2D", { "TRAINING.EPOCHS": "1" }],
];

/** How many random configurations are tried, and from which seed: `RANDOM_CONFIGURATIONS=1000 RANDOM_SEED=7 npm run test:biapy`. */
const RANDOM_COUNT = Number(process.env.RANDOM_CONFIGURATIONS ?? 400);
const RANDOM_SEED = Number(process.env.RANDOM_SEED ?? 1);

/** A configuration with one to four random changes. */
interface RandomCase extends Case {
  /** `KEY: value` each. */
  readonly changes: readonly string[];
}

function randomCases(): RandomCase[] {
  const random = new Random(RANDOM_SEED);
  const names = Object.keys(BASES) as (keyof typeof BASES)[];
  const all = changes();
  return Array.from({ length: RANDOM_COUNT }, () => {
    const base = names[random.integer(names.length)];
    const chosen = new Map<string, string>();
    for (let count = 1 + random.integer(4); count > 0; count--) {
      const { key, value } = all[random.integer(all.length)];
      chosen.set(key, value);
    }
    const drawn = [...chosen].map(([key, value]) => `${key}: ${value}`);
    return {
      name: `${base}, ${drawn.join(", ")}`,
      text: changed(BASES[base], Object.fromEntries(chosen)),
      changes: drawn,
    };
  });
}

const LABELED = (ndim: "2d" | "3d", type: string, patch: string) =>
  BASE(ndim, "crappify", "unet", patch)
    .replace("SELF_SUPERVISED\n", `${type}\n`)
    .replace(/ {2}SELF_SUPERVISED:\n.*\n/, "")
    .replace(/( {4}PATH: (.*\/train))\n/, "$1\n    GT_PATH: $2-masks\n")
    .replace(/( {4}PATH: (.*\/test))\n/, "$1\n    GT_PATH: $2-masks\n")
    .replace(/(ARCHITECTURE: unet)\n/, "$1\n  FEATURE_MAPS: [8, 16, 32]\n");

const WORKFLOW_BASES = {
  "denoising 2D": LABELED("2d", "DENOISING", "(64,64,1)"),
  "denoising 3D": LABELED("3d", "DENOISING", "(16,64,64,1)"),
  "segmentation 2D": LABELED("2d", "SEMANTIC_SEG", "(64,64,1)"),
  "segmentation 3D": LABELED("3d", "SEMANTIC_SEG", "(16,64,64,1)"),
} as const;

/** Values of the keys that denoising and segmentation read, right ones and wrong ones. */
const WORKFLOW_VALUES: Readonly<Record<string, readonly string[]>> = {
  "PROBLEM.DENOISING.N2V_PERC_PIX": ["0.198", "1.0", "0.0", "1.5", "much"],
  "PROBLEM.DENOISING.N2V_MANIPULATOR": ["mean", "normal_fitted", "nonsense"],
  "PROBLEM.DENOISING.N2V_NEIGHBORHOOD_RADIUS": ["3", "0", "far"],
  "PROBLEM.DENOISING.N2V_STRUCTMASK": ["True", "maybe"],
  "PROBLEM.DENOISING.LOAD_GT_DATA": ["True", "False"],
  "DATA.N_CLASSES": ["1", "2", "3", "several"],
  "DATA.TRAIN.GT_PATH": ["/nowhere"],
  "DATA.TEST.GT_PATH": ["/nowhere"],
  "DATA.TEST.LOAD_GT": ["True", "False"],
  "DATA.VAL.FROM_TRAIN": ["False"],
  "LOSS.TYPE": ["[CE]", "[DICE]", "[DICE, CE]", "[MSE]", "[MAE]", "[CE, CE]", "[]"],
  "LOSS.WEIGHTS": ["[1.0]", "[0.5, 0.5]"],
  "LOSS.CLASS_REBALANCE": ["none", "manual", "nonsense"],
  "LOSS.CLASS_WEIGHTS": ["[1.0, 2.0]", "[1.0, 1.0, 1.0]"],
  "LOSS.IGNORE_INDEX": ["-1", "0", "255", "256", "-2"],
  "TRAIN.METRICS": ["[iou]", "[mae, mse]", "[psnr]"],
  "TEST.METRICS": ["[iou]", "[mse]", "[ssim]"],
  "TEST.FULL_IMG": ["True"],
  "TEST.AUGMENTATION": ["True"],
  "MODEL.ARCHITECTURE": [
    ...["unet", "resunet", "resunet++", "seunet", "resunet_se", "attention_unet", "multiresunet", "unetr"],
    ...["unext_v1", "unext_v2", "hrnet", "stunet", "mae", "vit", "rcan", "dfcan", "wdsr", "edsr", "nafnet"],
  ],
};

/** Configurations of the two workflows with labels: two to four of their own keys changed, and often one of all others. */
function workflowCases(): RandomCase[] {
  const random = new Random(RANDOM_SEED + 1);
  const names = Object.keys(WORKFLOW_BASES) as (keyof typeof WORKFLOW_BASES)[];
  const keys = Object.keys(WORKFLOW_VALUES);
  const others = changes().filter(({ key }) => !(key in WORKFLOW_VALUES) && !key.startsWith("PROBLEM."));
  return Array.from({ length: RANDOM_COUNT }, () => {
    const base = names[random.integer(names.length)];
    const chosen = new Map<string, string>();
    for (let count = 1 + random.integer(3); count > 0; count--) {
      const key = keys[random.integer(keys.length)];
      chosen.set(key, WORKFLOW_VALUES[key][random.integer(WORKFLOW_VALUES[key].length)]);
    }
    if (random.uniform() < 0.3) {
      const { key, value } = others[random.integer(others.length)];
      chosen.set(key, value);
    }
    const drawn = [...chosen].map(([key, value]) => `${key}: ${value}`);
    return {
      name: `${base}, ${drawn.join(", ")}`,
      text: changed(WORKFLOW_BASES[base], Object.fromEntries(chosen)),
      changes: drawn,
    };
  });
}

function ourRefusal(text: string, folder: string): string | null {
  const file = join(folder, "case.yaml");
  writeFileSync(file, text);
  const { config, problems } = loadConfig(file);
  const all = [...problems, ...checkConfig(config)].filter(({ severity }) => severity === "error");
  return all[0]?.message ?? null;
}

/** Where the documentation begins with the differences of denoising and segmentation alone. */
const OF_LABELS = "### Denoising and segmentation";

/** The tables of differences in the documentation: which cases, who refuses them. */
function documentedDifferences(labels = false): {
  readonly pattern: RegExp;
  readonly refusedBy: string;
  readonly row: string;
}[] {
  const all = readFileSync(join(import.meta.dirname, "../../docs/biapy.md"), "utf8");
  const text = labels ? all : all.slice(0, all.indexOf(OF_LABELS));
  const rows = [...text.matchAll(/^\| (`.+`) \| (ours|BiaPy) \|/gm)];
  return rows.map(([row, keys, refusedBy]) => {
    const patterns = [...keys.matchAll(/`([^`]+)`/g)].map(([, key]) =>
      key.replace(/[.+()[\]]/g, "\\$&").replaceAll("*", ".*"),
    );
    return { pattern: new RegExp(`, (${patterns.join("|")})$`), refusedBy, row };
  });
}

test("ours and BiaPy accept and refuse the same configurations, but for documented differences", {
  skip,
}, () => {
  const all = cases();
  const folder = mkdtempSync(join(tmpdir(), "acceptance-"));
  const theirs = biapysRefusals(all.map(({ text }) => text));
  const documented = documentedDifferences();
  const met = new Set<string>();
  const surprises: string[] = [];
  let accepted = 0;
  for (const [index, { name, text }] of all.entries()) {
    const ours = ourRefusal(text, folder);
    const their = theirs[index];
    if (ours === null && their === null) accepted++;
    if ((ours === null) === (their === null)) continue;
    const refusedBy = ours === null ? "BiaPy" : "ours";
    const known = documented.find((each) => each.refusedBy === refusedBy && each.pattern.test(name));
    if (known === undefined)
      surprises.push(`${name}: ours ${ours ?? "accepts"}; BiaPy ${their ?? "accepts"}`);
    else met.add(known.row);
  }
  assert.deepEqual(surprises, []);
  assert.deepEqual(
    documented.map(({ row }) => row).filter((row) => !met.has(row)),
    [],
    "documented, but no difference",
  );
  assert.ok(accepted >= 100 && all.length - accepted >= 100, `${accepted} of ${all.length} accepted by both`);
});

for (const [what, made] of [
  ["self-supervision", randomCases],
  ["denoising and segmentation", workflowCases],
] as const)
  test(`${RANDOM_COUNT} random configurations of ${what} are accepted or refused alike, but for documented differences`, {
    skip,
  }, () => {
    const all = made();
    const folder = mkdtempSync(join(tmpdir(), "acceptance-"));
    const theirs = biapysRefusals(all.map(({ text }) => text));
    const documented = documentedDifferences(made === workflowCases);
    const surprises = all.flatMap(({ name, text, changes }, index) => {
      const [ours, their] = [ourRefusal(text, folder), theirs[index]];
      if ((ours === null) === (their === null)) return [];
      const refusedBy = ours === null ? "BiaPy" : "ours";
      const known = documented.some(
        (each) => each.refusedBy === refusedBy && changes.some((change) => each.pattern.test(`, ${change}`)),
      );
      return known ? [] : [`${name}: ours ${ours ?? "accepts"}; BiaPy ${their ?? "accepts"}`];
    });
    assert.deepEqual(surprises, []);
  });

test("a whole number that BiaPy refuses for one with a fraction is warned of", { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), "acceptance-"));
  const written = ["0", "0.0", "1e-4", "1.E-4"];
  const texts = written.map((value) => changed(BASES["mae 2D"], { "TRAIN.W_DECAY": value }));
  const refusals = biapysRefusals(texts);
  for (const [index, text] of texts.entries()) {
    const problems = loadConfig(join(folder, "case.yaml"), text).problems;
    const expected = refusals[index] === null ? [] : [["warning", "TRAIN.W_DECAY", "0.0"]];
    assert.deepEqual(
      problems.map(({ severity, key, suggestion }) => [severity, key, suggestion]),
      expected,
      written[index],
    );
  }
  assert.notEqual(refusals[0], null);
});
