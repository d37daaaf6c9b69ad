/** What is said of a configuration depends on the engine that is to train it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { loadConfig } from "../../src/config/config.ts";
import { checkForEngine } from "../../src/config/engine-checks.ts";
import { applied, problemFixes } from "../../src/extension/language/problem-fixes.ts";
import { samples } from "../workflow/command.ts";

const images = (phase: string) => JSON.stringify(join(samples("2d"), phase));

const INSTANCES = `
PROBLEM: {TYPE: INSTANCE_SEG, NDIM: 2D}
DATA:
  PATCH_SIZE: "(64,64,1)"
  TRAIN: {PATH: ${images("train")}, GT_PATH: ${images("train")}}
  TEST: {PATH: ${images("test")}}
  PREPROCESS: {TRAIN: True, CANNY: {ENABLE: True}}
MODEL: {ARCHITECTURE: unext_v1}
TRAIN: {ENABLE: True}
TEST: {ENABLE: True}
`;

function problems(engine: "embedded" | "biapy", text: string) {
  const { config, problems } = loadConfig("job.yaml", text);
  return [...problems, ...checkForEngine(engine, config, process.cwd())];
}

test("a workflow that BiaPy trains is clean for its engine, and the embedded one says who trains it", () => {
  assert.deepEqual(problems("biapy", INSTANCES), []);
  const [problem] = problems("embedded", INSTANCES).filter(({ key }) => key === "PROBLEM.TYPE");
  assert.match(problem.message, /embedded engine trains SELF_SUPERVISED.*INSTANCE_SEG needs BiaPy/);
  assert.equal(problem.ofEmbeddedEngine, true);
  // To change the workflow is no way to mend it.
  assert.equal(problem.suggestion, undefined);
});

test("BiaPy's engine is told what BiaPy refuses", () => {
  const wrong = INSTANCES.replace("(64,64,1)", "(64,64)").replace("test", "nowhere");
  assert.deepEqual(
    problems("biapy", wrong).map(({ key }) => key),
    ["DATA.PATCH_SIZE", "DATA.TEST.PATH"],
  );
  const mae = INSTANCES.replace("INSTANCE_SEG", "SELF_SUPERVISED").replace(
    "NDIM: 2D",
    "NDIM: 2D, SELF_SUPERVISED: {PRETEXT_TASK: masking}",
  );
  assert.deepEqual(
    problems("biapy", mae).map(({ key }) => key),
    ["MODEL.ARCHITECTURE"],
  );
});

/** What BiaPy's own templates have in common, in each workflow (docs/biapy.md): keys of versions 3.4 to 3.5. */
const OLDER: readonly (readonly [workflow: string, text: string])[] = [
  [
    "SEMANTIC_SEG",
    "LOSS: {CLASS_REBALANCE: True}\nMODEL: {ARCHITECTURE: hrnet48, HRNET: {HEAD_TYPE: FCN}, N_CLASSES: 5}",
  ],
  [
    "INSTANCE_SEG",
    "PROBLEM.INSTANCE_SEG: {DATA_CHANNELS: BCM, DATA_MW_TH_TYPE: manual, DATA_MW_TH_CONTOUR: 0.2, DATA_REMOVE_BEFORE_MW: True}",
  ],
  [
    "DETECTION",
    "TEST: {ENABLE: True, DET_TOLERANCE: [5], BY_CHUNKS: {FORMAT: Zarr, INPUT_IMG_AXES_ORDER: ZYXC}}",
  ],
  ["IMAGE_TO_IMAGE", "MODEL: {ARCHITECTURE: unetr, UNETR_DEC_ACTIVATION: relu, UNETR_DEC_KERNEL_SIZE: 9}"],
  [
    "SUPER_RESOLUTION",
    "AUGMENTOR: {ENABLE: True, DA_PROB: 0.5}\nDATA.NORMALIZATION: {TYPE: div}\nPROBLEM.SUPER_RESOLUTION: {UPSCALING: 2}",
  ],
  [
    "DENOISING",
    "DATA.NORMALIZATION: {TYPE: custom}\nMODEL: {BATCH_NORMALIZATION: True, LAST_ACTIVATION: linear}",
  ],
];

/** Lines such as `A.B: {C: 1}` as nested groups beside those of the base. */
function nested(workflow: string, text: string): string {
  const groups: Record<string, string[]> = {
    PROBLEM: [`TYPE: ${workflow}`, "NDIM: 2D"],
    DATA: [
      'PATCH_SIZE: "(64,64,1)"',
      `TRAIN: {PATH: ${images("train")}, GT_PATH: ${images("train")}}`,
      `TEST: {PATH: ${images("test")}}`,
    ],
  };
  for (const line of text.split("\n")) {
    const [, name = "", inner, value] = /^([A-Z]+)(?:\.([A-Z_]+))?: (.*)$/.exec(line) ?? [];
    groups[name] = [
      ...(groups[name] ?? []),
      inner === undefined ? (value ?? "").slice(1, -1) : `${inner}: ${value}`,
    ];
  }
  return Object.entries(groups)
    .map(([name, items]) => `${name}: {${items.join(", ")}}`)
    .join("\n");
}

for (const [workflow, text] of OLDER)
  test(`keys of earlier versions in ${workflow} are converted with a warning, not refused, under BiaPy's engine`, () => {
    const found = problems("biapy", nested(workflow, text));
    assert.ok(found.length > 0);
    assert.deepEqual(
      found.filter(({ severity }) => severity === "error"),
      [],
    );
  });

test("hrnet48 of earlier versions is hrnet with the variant W48", () => {
  const { config } = loadConfig("job.yaml", "MODEL: {ARCHITECTURE: hrnet48}");
  assert.deepEqual([config.text("MODEL.ARCHITECTURE"), config.text("MODEL.HRNET.VARIANT")], ["hrnet", "W48"]);
});

test("BiaPy's engine is told that super-resolution takes no zero_mean_unit_variance, its own default", () => {
  const [problem] = problems("biapy", INSTANCES.replace("INSTANCE_SEG", "SUPER_RESOLUTION"));
  assert.deepEqual([problem.key, problem.suggestion], ["DATA.NORMALIZATION.TYPE", "div"]);
});

/** Errors under BiaPy's engine and under the embedded one, of a segmentation with these lines. */
function errorsOf(text: string): Record<"biapy" | "embedded", (string | undefined)[]> {
  const errors = (engine: "biapy" | "embedded") =>
    problems(engine, text)
      .filter(({ severity }) => severity === "error")
      .map(({ key }) => key);
  return { biapy: errors("biapy"), embedded: errors("embedded") };
}

/** Keys of BiaPy's earliest templates on whose conversion BiaPy 3.7.1 fails, and the same with what it lacks. */
const UNCONVERTED: readonly (readonly [fails: string, key: string, converts: string])[] = [
  [
    "TEST: {STATS: {PER_PATCH: True}}",
    "TEST.STATS.PER_PATCH",
    "TEST: {STATS: {PER_PATCH: True, FULL_IMG: False}}",
  ],
  [
    "TEST: {POST_PROCESSING: {YZ_FILTERING: False}}",
    "TEST.POST_PROCESSING.YZ_FILTERING",
    "TEST: {POST_PROCESSING: {YZ_FILTERING: False, YZ_FILTERING_SIZE: 5}}",
  ],
  [
    "TEST: {POST_PROCESSING: {YZ_FILTERING_SIZE: 5}}",
    "TEST.POST_PROCESSING.YZ_FILTERING_SIZE",
    "TEST: {POST_PROCESSING: {YZ_FILTERING: False, YZ_FILTERING_SIZE: 5}}",
  ],
  ...["VALUES: [[100]]", "SIGN: [[lt]]"].map(
    (list) =>
      [
        `TEST: {POST_PROCESSING: {REMOVE_BY_PROPERTIES_${list}}}`,
        `TEST.POST_PROCESSING.REMOVE_BY_PROPERTIES_${list.slice(0, list.indexOf(":"))}`,
        `TEST: {POST_PROCESSING: {REMOVE_BY_PROPERTIES: [[size]], REMOVE_BY_PROPERTIES_${list}}}`,
      ] as const,
  ),
  ...[
    "TEST: {BY_CHUNKS: {INPUT_IMG_AXES_ORDER: ZYXC, ENABLE: False}}",
    "TEST: {BY_CHUNKS: {ENABLE: False, INPUT_IMG_AXES_ORDER: ZYXC}}\nDATA: {TEST: {IN_MEMORY: True}}",
  ].map(
    (converts) =>
      [
        "TEST: {BY_CHUNKS: {ENABLE: False, INPUT_IMG_AXES_ORDER: ZYXC}}",
        "TEST.BY_CHUNKS.INPUT_IMG_AXES_ORDER",
        converts,
      ] as const,
  ),
  [
    "PROBLEM: {TYPE: DETECTION}\nLOSS: {CLASS_REBALANCE: True}",
    "LOSS.CLASS_REBALANCE",
    "PROBLEM: {TYPE: DETECTION, DETECTION: {CENTRAL_POINT_DILATION: [1]}}\nLOSS: {CLASS_REBALANCE: True}",
  ],
  [
    "DATA: {SELF_SUPERVISED: {PRETEXT_TASK: masking}}",
    "DATA.SELF_SUPERVISED.PRETEXT_TASK",
    "PROBLEM: {SELF_SUPERVISED: {PRETEXT_TASK: masking}}",
  ],
  [
    "PROBLEM: {INSTANCE_SEG: {DATA_CHANNELS: [F], DATA_MW_TH_TYPE: manual}}",
    "PROBLEM.INSTANCE_SEG.DATA_MW_TH_TYPE",
    "PROBLEM: {INSTANCE_SEG: {DATA_CHANNELS: B, DATA_MW_TH_TYPE: manual}}",
  ],
  [
    "PROBLEM: {INSTANCE_SEG: {DISTANCE_CHANNEL_MASK: False}}",
    "PROBLEM.INSTANCE_SEG.DISTANCE_CHANNEL_MASK",
    "PROBLEM: {INSTANCE_SEG: {DATA_CHANNELS: [F], DISTANCE_CHANNEL_MASK: False}}",
  ],
  [
    "DATA: {EXTRACT_RANDOM_PATCH: False}",
    "DATA.EXTRACT_RANDOM_PATCH",
    `DATA: {EXTRACT_RANDOM_PATCH: False, TRAIN: {IN_MEMORY: True}}`,
  ],
  [
    "DATA: {NORMALIZATION: {APPLICATION_MODE: image}}",
    "DATA.NORMALIZATION.APPLICATION_MODE",
    "DATA: {NORMALIZATION: {TYPE: custom, APPLICATION_MODE: image}}",
  ],
  [
    "DATA: {NORMALIZATION: {PERC_LOWER: 0.1}}",
    "DATA.NORMALIZATION.PERC_LOWER",
    "DATA: {NORMALIZATION: {PERC_CLIP: True, PERC_LOWER: 0.1}}",
  ],
  [
    "TRAIN: {LR_SCHEDULER: {MIN_LR: 1.E-6}}",
    "TRAIN.LR_SCHEDULER.MIN_LR",
    "TRAIN: {OPTIMIZER: ADAMW, LR_SCHEDULER: {MIN_LR: 1.E-6}}",
  ],
];

for (const [fails, key, converts] of UNCONVERTED)
  test(`${key} alone is an error under BiaPy's engine, which fails to convert it, and none under the embedded one`, () => {
    const only = (text: string) => `PROBLEM: {TYPE: SEMANTIC_SEG, NDIM: 2D}\n${text}\n`;
    assert.ok(errorsOf(only(fails)).biapy.includes(key));
    assert.ok(!errorsOf(only(converts)).biapy.includes(key));
    assert.ok(!errorsOf(only(fails)).embedded.includes(key));
  });

test("a fraction in an older list is refused where BiaPy takes a whole number", () => {
  const text = (radius: string) =>
    `PROBLEM: {TYPE: DETECTION}\nTEST: {POST_PROCESSING: {REMOVE_CLOSE_POINTS_RADIUS: [${radius}]}}\n`;
  const key = "TEST.POST_PROCESSING.REMOVE_CLOSE_POINTS_RADIUS";
  assert.ok(errorsOf(text("4.0")).biapy.includes(key));
  assert.ok(!errorsOf(text("4")).biapy.includes(key));
});

/** Older keys with a fix, and what becomes of their file. */
const FIXED: readonly (readonly [text: string, key: string, becomes: string])[] = [
  [
    "DATA:\n  TRAIN:\n    MASK_PATH: masks\n",
    "DATA.TRAIN.MASK_PATH",
    "DATA:\n  TRAIN:\n    GT_PATH: masks\n",
  ],
  [
    "TEST:\n  ENABLE: True\n  STATS:\n    PER_PATCH: True\n    MERGE_PATCHES: True\n    FULL_IMG: False\n  VERBOSE: True\n",
    "TEST.STATS.FULL_IMG",
    "TEST:\n  ENABLE: True\n  VERBOSE: True\n  FULL_IMG: False\n",
  ],
  [
    "TEST:\n  STATS:\n    FULL_IMG: True\nDATA:\n  PATCH_SIZE: (64,64,1)\nTEST:\n  STATS:\n    FULL_IMG: False\n",
    "TEST.STATS.FULL_IMG",
    "TEST:\n  STATS:\n    FULL_IMG: True\nDATA:\n  PATCH_SIZE: (64,64,1)\nTEST:\n  FULL_IMG: False\n",
  ],
  ["LOSS:\n  CLASS_REBALANCE: auto\n", "LOSS.CLASS_REBALANCE", "LOSS:\n  CLASS_REBALANCE: none\n"],
];

for (const [text, key, becomes] of FIXED)
  test(`the fix of ${key} leaves nothing that BiaPy refuses`, () => {
    const found = problems("biapy", text).filter((problem) => problem.key === key);
    const fixes = found.flatMap((problem) => problemFixes(text, problem));
    assert.deepEqual(
      fixes.map(({ edits }) => applied(text, edits)),
      [becomes],
    );
  });

test("there is no fix where a change of one older key would leave others without meaning, or would be a guess", () => {
  const alone = (text: string, key: string) =>
    problems("biapy", text)
      .filter((problem) => problem.key === key)
      .flatMap((problem) => problemFixes(text, problem));
  const custom = "DATA:\n  NORMALIZATION:\n    TYPE: custom\n    APPLICATION_MODE: image\n";
  assert.deepEqual(alone(custom, "DATA.NORMALIZATION.TYPE"), []);
  assert.deepEqual(alone("MODEL:\n  ARCHITECTURE: srunet\n", "MODEL.ARCHITECTURE"), []);
  // BiaPy drops a deviation that is moved before the mean.
  const mean = "DATA:\n  NORMALIZATION:\n    TYPE: custom\n    CUSTOM_MEAN: 0.5\n    CUSTOM_STD: 0.2\n";
  assert.deepEqual(alone(mean, "DATA.NORMALIZATION.CUSTOM_STD"), []);
  // `hrnet` alone would be another variant, and `none` alone would balance the channels.
  assert.deepEqual(alone("MODEL:\n  ARCHITECTURE: hrnet48\n", "MODEL.ARCHITECTURE"), []);
  const balanced = "PROBLEM:\n  TYPE: DETECTION\n  DETECTION: {}\nLOSS:\n  CLASS_REBALANCE: False\n";
  assert.deepEqual(alone(balanced, "LOSS.CLASS_REBALANCE"), []);
  // Without the second STATS, the first would count.
  const twice = "TEST:\n  STATS:\n    FULL_IMG: True\n  STATS:\n    FULL_IMG: False\n";
  assert.deepEqual(alone(twice, "TEST.STATS.FULL_IMG"), []);
});

test("class weights of an earlier version still count, in semantic segmentation as in BiaPy", () => {
  const rebalance = (text: string) => loadConfig("job.yaml", text).config.text("LOSS.CLASS_REBALANCE");
  assert.equal(rebalance("LOSS: {CLASS_REBALANCE: True, CLASS_WEIGHTS: [1, 2]}"), "manual");
  assert.equal(rebalance("LOSS: {CLASS_REBALANCE: True, CLASS_WEIGHTS: []}"), "none");
  assert.equal(
    rebalance("PROBLEM: {TYPE: DETECTION}\nLOSS: {CLASS_REBALANCE: True, CLASS_WEIGHTS: [1, 2]}"),
    "none",
  );
});

test("losses that need trained networks are left to BiaPy, and unknown ones are errors even where a masked autoencoder ignores them", () => {
  const text = (task: string, model: string, loss: string) =>
    `PROBLEM: {TYPE: SELF_SUPERVISED, SELF_SUPERVISED: {PRETEXT_TASK: ${task}}}\nMODEL: {ARCHITECTURE: ${model}}\nLOSS: {TYPE: ${loss}}\n`;
  const has = (engine: "biapy" | "embedded", ...of: [string, string, string]) =>
    errorsOf(text(...of))[engine].includes("LOSS.TYPE");
  assert.deepEqual(
    [has("biapy", "crappify", "unet", "LPIPS"), has("embedded", "crappify", "unet", "LPIPS")],
    [false, true],
  );
  assert.deepEqual(
    [has("biapy", "masking", "mae", "CE"), has("embedded", "masking", "mae", "CE")],
    [true, false],
  );
  assert.equal(has("biapy", "masking", "mae", "LPIPS"), false);
  const { config } = loadConfig("job.yaml", text("crappify", "unet", "W_MAE_SSIM"));
  assert.deepEqual(config.value("LOSS.TYPE"), ["MAE", "SSIM"]);
  assert.equal(has("embedded", "crappify", "unet", "W_MAE_SSIM"), false);
});
