/** The problems of a configuration depend on the engine that is to train it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { loadConfig } from "../../src/config/config.ts";
import { checkForEngine } from "../../src/config/engine-checks.ts";
import { joinedProblems } from "../../src/config/joined-problems.ts";
import { applied, problemFixes } from "../../src/extension/language/problem-fixes.ts";
import { samples } from "../support/command.ts";

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
  return joinedProblems(problems, checkForEngine(engine, config, process.cwd()));
}

test("a workflow that BiaPy trains is clean for its engine, and the embedded one says who trains it", () => {
  assert.deepEqual(problems("biapy", INSTANCES), []);
  const [problem] = problems("embedded", INSTANCES).filter(({ key }) => key === "PROBLEM.TYPE");
  assert.match(problem.message, /embedded engine trains SELF_SUPERVISED.*INSTANCE_SEG needs BiaPy/);
  assert.equal(problem.ofEmbeddedEngine, true);
  // Another workflow would be no correction.
  assert.equal(problem.suggestion, undefined);
});

test("an architecture needs BiaPy itself only where BiaPy accepts it", () => {
  const found = (engine: "embedded" | "biapy", type: string) => {
    const text = INSTANCES.replace("INSTANCE_SEG", type).replace("unext_v1", "nafnet");
    return problems(engine, text).find(({ key }) => key === "MODEL.ARCHITECTURE");
  };
  const denoising = found("embedded", "DENOISING");
  assert.match(String(denoising?.message), /nafnet needs BiaPy itself/);
  assert.equal(denoising?.ofEmbeddedEngine, true);
  for (const other of [
    found("embedded", "SELF_SUPERVISED"),
    found("embedded", "SEMANTIC_SEG"),
    found("biapy", "SELF_SUPERVISED"),
  ]) {
    assert.match(String(other?.message), /nafnet is not one of them, and BiaPy 3\.7\.1 refuses it too/);
    assert.equal(other?.ofEmbeddedEngine, undefined);
  }
});

test("with BiaPy's engine, what BiaPy refuses is an error", () => {
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

/** Keys of versions 3.4 to 3.5 that BiaPy's own templates use, by workflow (docs/biapy.md). */
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
    "TEST: {ENABLE: True, DET_TOLERANCE: [5], BY_CHUNKS: {FORMAT: Zarr, INPUT_IMG_AXES_ORDER: ZYXC}}\nMODEL: {LOAD_CHECKPOINT: True}",
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

test("with BiaPy's engine, super-resolution with BiaPy's own default zero_mean_unit_variance is an error", () => {
  const [problem] = problems("biapy", INSTANCES.replace("INSTANCE_SEG", "SUPER_RESOLUTION"));
  assert.deepEqual([problem.key, problem.suggestion], ["DATA.NORMALIZATION.TYPE", "div"]);
});

/** Returns the keys with errors, by engine. */
function errorsOf(text: string): Record<"biapy" | "embedded", (string | undefined)[]> {
  const errors = (engine: "biapy" | "embedded") =>
    problems(engine, text)
      .filter(({ severity }) => severity === "error")
      .map(({ key }) => key);
  return { biapy: errors("biapy"), embedded: errors("embedded") };
}

/** Keys of BiaPy's earliest templates that BiaPy 3.7.1 fails to convert, and the same with the keys that its conversion needs. */
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

/** Older keys with a fix, and the file after the fix. */
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

test("with BiaPy's engine, patches that the levels cannot halve are errors in every workflow", () => {
  for (const type of ["SEMANTIC_SEG", "INSTANCE_SEG", "DETECTION", "IMAGE_TO_IMAGE", "SELF_SUPERVISED"]) {
    const errors = (patch: string, model = "FEATURE_MAPS: [16, 32, 64, 128, 256]", name = "unet") =>
      problems(
        "biapy",
        `PROBLEM: {TYPE: ${type}, NDIM: 3D}\nDATA: {PATCH_SIZE: "${patch}"}\nMODEL: {ARCHITECTURE: ${name}, ${model}}`,
      )
        .map(({ message }) => message)
        .filter((message) => message.includes("cannot be divided"));
    assert.match(errors("(20,80,80,1)")[0], /20 along z cannot be divided by 2 at level 3/, type);
    assert.deepEqual(errors("(32,80,80,1)"), [], type);
    assert.deepEqual(errors("(20,80,80,1)", "FEATURE_MAPS: [16, 32, 64]"), [], type);
    // The two are refused for other reasons.
    assert.deepEqual(errors("(20,80,1)"), [], type);
    assert.deepEqual(errors("(20,80,80,1)", "FEATURE_MAPS: [16, 32, 64, 128], Z_DOWN: [2, 2]"), [], type);
    // BiaPy reads the network from a checkpoint, unless MODEL.ITEMS_TO_LOAD_FROM_CHECKPOINT leaves it out.
    assert.deepEqual(errors("(20,80,80,1)", "LOAD_CHECKPOINT: True"), [], type);
    const weights = "LOAD_CHECKPOINT: True, ITEMS_TO_LOAD_FROM_CHECKPOINT: [weights]";
    assert.equal(errors("(20,80,80,1)", weights).length, 1, type);
    // NAFNet completes patches itself.
    assert.deepEqual(errors("(20,75,75,1)", undefined, "nafnet"), [], type);
  }
});

test("with BiaPy's engine, patches of hrnet and stunet are errors where BiaPy refuses them or its network fails", () => {
  const custom = (yx: string, z = "[1, 1]", normalization = "in") =>
    `ARCHITECTURE: hrnet, NORMALIZATION: "${normalization}", HRNET: {VARIANT: custom, NUM_STAGES: 2, NUM_MODULES: [1, 1], NUM_BRANCHES: [2, 3], NUM_BLOCKS: [[1, 1], [1, 1, 1]], NUM_CHANNELS: [[4, 8], [4, 8, 16]], YX_DOWN: ${yx}, Z_DOWN: ${z}}`;
  const w18 = "ARCHITECTURE: hrnet, HRNET: {VARIANT: W18}";
  const levels = "FEATURE_MAPS: [8, 16, 32]";
  const small = "ARCHITECTURE: stunet, STUNET: {VARIANT: small}";
  const flat = `ARCHITECTURE: stunet, STUNET: {VARIANT: custom, DIMS: [4, 8, 8], DEPTH: [1, 1, 1], POOL_OP_KERNEL_SIZES: [[2, 2], [2, 2]], CONV_KERNEL_SIZES: [[3, 3], [3, 3], [3, 3]]}`;
  const deep = flat.replaceAll("2, 2]", "2, 2, 2]").replaceAll("3, 3]", "3, 3, 3]");
  // What BiaPy 3.7.1 did: its check of the configuration, then `build_model`.
  const cases: readonly [model: string, patches: Readonly<Record<string, RegExp | undefined>>][] = [
    [
      w18,
      {
        "(64,64,1)": undefined,
        "(40,40,1)": undefined,
        "(60,60,1)": /60 along y cannot be divided by 2 at hrnet's stage 3, where 15/,
        "(62,62,1)": /stage 2, where 31/,
        "(64,60,1)": /60 along x/,
        "(24,24,1)": /single pixel/,
      },
    ],
    [custom("[2, 2]"), { "(12,20,1)": undefined, "(62,62,1)": /stage 2/, "(12,12,1)": /single pixel/ }],
    [custom("[2, 2]", "[1, 1]", ""), { "(12,12,1)": /single pixel/ }],
    [custom("[2, 2]", "[1, 1]", "bn"), { "(12,12,1)": undefined, "(4,4,1)": /stage 2, where 2/ }],
    [custom("[1, 1]"), { "(3,3,1)": undefined, "(2,2,1)": /stage 1, where 2/ }],
    [custom("[2, 2]", "[1, 1]"), { "(5,16,16,1)": undefined }],
    [custom("[2, 2]", "[2, 2]"), { "(6,16,16,1)": /6 along z .* stage 2/, "(5,16,16,1)": /5 along z/ }],
    // BiaPy divides by the levels of MODEL.FEATURE_MAPS, which the network does not have.
    [small, { "(32,32,1)": undefined, "(16,16,1)": /level 4, where 2/, "(60,60,1)": /level 3, where 15/ }],
    [
      `${small}, ${levels}`,
      { "(16,32,1)": undefined, "(60,60,1)": /divided by 16, as stunet/, "(16,16,1)": /single pixel/ },
    ],
    [flat, { "(32,32,1)": undefined, "(60,60,1)": /level 3, where 15/ }],
    [`${flat}, ${levels}`, { "(60,60,1)": undefined, "(62,62,1)": /level 2/ }],
    [`${flat}, ${levels}, YX_DOWN: [1, 1]`, { "(60,60,1)": undefined, "(30,30,1)": /divided by 4/ }],
    [`${deep}, ${levels}`, { "(16,16,16,1)": undefined, "(4,16,16,1)": /4 along z .* level 2/ }],
    [`${deep}, ${levels}, Z_DOWN: [1, 1]`, { "(4,16,16,1)": undefined, "(6,16,16,1)": /6 along z/ }],
    [`${w18}, LOAD_CHECKPOINT: True`, { "(60,60,1)": undefined }],
  ];
  for (const type of ["SELF_SUPERVISED", "SEMANTIC_SEG", "DETECTION"])
    for (const [model, patches] of cases)
      for (const [patch, expected] of Object.entries(patches)) {
        const ndim = patch.split(",").length === 4 ? "3D" : "2D";
        const text = `PROBLEM: {TYPE: ${type}, NDIM: ${ndim}}\nDATA: {PATCH_SIZE: "${patch}"}\nMODEL: {${model}}`;
        const found = problems("biapy", text).filter(({ key }) => key === "DATA.PATCH_SIZE");
        const name = `${type} ${model} ${patch}`;
        assert.equal(found.length, expected === undefined ? 0 : 1, name);
        if (expected !== undefined) assert.match(found[0].message, expected, name);
      }
});

test("with BiaPy's engine, losses and metrics that a workflow lacks and tests of an untrained network are errors", () => {
  const errors = (type: string, lines: string, train = "True", metrics = "[]") =>
    problems(
      "biapy",
      `PROBLEM: {TYPE: ${type}, NDIM: 2D}\nDATA: {NORMALIZATION: {TYPE: div}}\n${lines}\nTEST: {ENABLE: True, METRICS: ${metrics}}\nTRAIN: {ENABLE: ${train}}`,
    )
      .filter(({ severity, key = "" }) => severity === "error" && !key.startsWith("DATA."))
      .map(({ key }) => key);
  for (const [type, wrong, right] of [
    ["SEMANTIC_SEG", "[CLDICE]", "[dice, CE]"],
    ["SEMANTIC_SEG", "MSE", "CE"],
    ["DENOISING", "[MAE]", "[MSE]"],
    ["DENOISING", "[CE, BCE]", "[MAE, ssim, bce]"],
    ["IMAGE_TO_IMAGE", "[CE]", "[MAE, SSIM, BCE]"],
    ["IMAGE_TO_IMAGE", "[CYCLEGAN]", "CYCLEGAN"],
    ["SUPER_RESOLUTION", "[HINGE]", "[VGG, LPIPS]"],
    ["CLASSIFICATION", "[DICE]", "[CE]"],
  ]) {
    assert.deepEqual(errors(type, `LOSS: {TYPE: ${wrong}}`), ["LOSS.TYPE"], `${type} ${wrong}`);
    assert.deepEqual(errors(type, `LOSS: {TYPE: ${right}}`), [], `${type} ${right}`);
  }
  for (const [type, wrong, right] of [
    ["SEMANTIC_SEG", "[iou, cldice]", "[IoU]"],
    ["IMAGE_TO_IMAGE", "[iou]", "[PSNR, lpips]"],
    ["CLASSIFICATION", "[top-5-accuracy]", "[accuracy]"],
  ]) {
    assert.deepEqual(errors(type, "", "True", wrong), ["TEST.METRICS"], `${type} ${wrong}`);
    assert.deepEqual(errors(type, "", "True", right), [], `${type} ${right}`);
  }
  assert.deepEqual(errors("SEMANTIC_SEG", "", "False"), ["MODEL.LOAD_CHECKPOINT"]);
  assert.deepEqual(errors("SEMANTIC_SEG", "MODEL: {LOAD_CHECKPOINT: True}", "False"), []);
});

test("with BiaPy's engine, keys of networks are errors where BiaPy refuses them or cannot build the network", () => {
  const errors = (model: string, ndim = "2D") =>
    problems(
      "biapy",
      `PROBLEM: {TYPE: SEMANTIC_SEG, NDIM: ${ndim}}\nDATA: {PATCH_SIZE: "${ndim === "2D" ? "(64,64,1)" : "(32,64,64,1)"}"}\nMODEL: {${model}}`,
    )
      .filter(({ severity, key = "" }) => severity === "error" && !key.startsWith("DATA."))
      .map(({ key }) => key);
  const three = "ARCHITECTURE: unet, FEATURE_MAPS: [16, 32, 64]";
  const custom = "HRNET: {VARIANT: custom, YX_DOWN: [2, 2, 2], Z_DOWN: [1, 1, 1]";
  const stunet = "ARCHITECTURE: stunet, FEATURE_MAPS: [8, 16, 32], STUNET: {VARIANT: small}";
  for (const [model, key, ndim] of [
    [`${three}, YX_DOWN: [2]`, "MODEL.YX_DOWN"],
    [`${three}, DROPOUT_VALUES: [0.1]`, "MODEL.DROPOUT_VALUES"],
    [`${three}, CONV_LAYERS: [1, 2]`, "MODEL.CONV_LAYERS"],
    ["ARCHITECTURE: unet, FEATURE_MAPS: [16, 32]", "MODEL.FEATURE_MAPS"],
    [`${three}, NORMALIZATION: ln`, "MODEL.NORMALIZATION"],
    [`${three}, NORMALIZATION: gn`, "MODEL.NORMALIZATION"],
    ["ARCHITECTURE: hrnet, NORMALIZATION: ln", "MODEL.NORMALIZATION"],
    ["ARCHITECTURE: hrnet, HRNET: {VARIANT: W32}, NORMALIZATION: gn", "MODEL.NORMALIZATION"],
    ["ARCHITECTURE: hrnet, HRNET: {HEAD_TYPE: OCR}", "MODEL.HRNET.HEAD_TYPE"],
    [`ARCHITECTURE: hrnet, ${custom}, NUM_MODULES: [1]}`, "MODEL.HRNET.NUM_MODULES"],
    [`${stunet}, YX_DOWN: [2]`, "MODEL.YX_DOWN"],
    [`${stunet}, Z_DOWN: [2]`, "MODEL.Z_DOWN", "3D"],
    ["ARCHITECTURE: unetr, VIT_EMBED_DIM: 30, VIT_NUM_HEADS: 4", "MODEL.VIT_EMBED_DIM"],
    ["ARCHITECTURE: unet, VIT_PRETRAINED_WEIGHTS: weights.pth", "MODEL.VIT_PRETRAINED_WEIGHTS"],
    ["ARCHITECTURE: nafnet", "LOSS.TYPE"],
  ] as const) {
    assert.deepEqual(errors(model, ndim), [key], model);
    const built = ["MODEL.FEATURE_MAPS", "MODEL.NORMALIZATION", "MODEL.VIT_EMBED_DIM"].includes(key);
    // BiaPy builds the network that the checkpoint describes.
    if (built) assert.deepEqual(errors(`${model}, LOAD_CHECKPOINT: True`, ndim), [], model);
  }
  for (const model of [
    `${three}, YX_DOWN: [0, 0], DROPOUT_VALUES: [0., 0., 0., 0., 0.], CONV_LAYERS: [1]`,
    "ARCHITECTURE: hrnet, HRNET: {VARIANT: W32}, NORMALIZATION: bn",
    "ARCHITECTURE: unext_v2, NORMALIZATION: gn",
    `${stunet}, Z_DOWN: [2], YX_DOWN: [2, 2, 2]`,
  ])
    assert.deepEqual(errors(model), [], model);
});

test("patches of different sizes along their axes are errors with BiaPy's engine, which builds transformers for one", () => {
  const found = (engine: "biapy" | "embedded", patch: string) =>
    problems(
      engine,
      `PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: 2D, SELF_SUPERVISED: {PRETEXT_TASK: masking}}\nDATA: {PATCH_SIZE: "${patch}"}\nMODEL: {ARCHITECTURE: mae}`,
    ).map(({ key, suggestion }) => [key, suggestion]);
  assert.deepEqual(found("biapy", "(64,32,1)"), [["DATA.PATCH_SIZE", "(64,64,1)"]]);
  assert.deepEqual(found("biapy", "(64,64,1)"), []);
  assert.ok(!found("embedded", "(64,32,1)").some(([key]) => key === "DATA.PATCH_SIZE"));
});

test("with BiaPy's engine, sizes of a masked autoencoder's decoder that BiaPy ignores are warnings", () => {
  const text = `PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: 2D, SELF_SUPERVISED: {PRETEXT_TASK: masking}}\nDATA: {PATCH_SIZE: "(64,64,1)"}\nMODEL: {ARCHITECTURE: mae, MAE_DEC_HIDDEN_SIZE: 500, MAE_DEC_NUM_HEADS: 16, VIT_NORM_EPS: 1.E-3}`;
  const found = (engine: "biapy" | "embedded") =>
    problems(engine, text)
      .filter(({ key }) => key?.startsWith("MODEL."))
      .map(({ key, severity }) => [key, severity]);
  assert.deepEqual(found("biapy"), [
    ["MODEL.VIT_NORM_EPS", "warning"],
    ["MODEL.MAE_DEC_HIDDEN_SIZE", "warning"],
  ]);
  assert.deepEqual(found("embedded"), [
    ["MODEL.MAE_DEC_HIDDEN_SIZE", "error"],
    ["MODEL.VIT_NORM_EPS", "warning"],
  ]);
});

const SELF_SUPERVISED = (model: string, rest = "") => `
PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: 2D}
DATA: {PATCH_SIZE: "(64,64,1)", TRAIN: {PATH: ${images("train")}}${rest}}
MODEL: {ARCHITECTURE: unet, ${model}}
TRAIN: {ENABLE: True}
TEST: {ENABLE: False}
`;

test("a value of the wrong type is one error, with the correction that follows from other keys", () => {
  for (const engine of ["biapy", "embedded"] as const) {
    const found = problems(engine, SELF_SUPERVISED("Z_DOWN: 1"));
    assert.deepEqual(
      found.map(({ message, suggestion }) => [message, suggestion]),
      [["MODEL.Z_DOWN is a list ((0, 0, 0, 0)), not 1.", "[1, 1, 1, 1]"]],
    );
    const empty = problems(engine, SELF_SUPERVISED("FEATURE_MAPS: 1", ", VAL: {PATH: None}"));
    assert.deepEqual(
      empty.map(({ key }) => key),
      ["DATA.VAL.PATH", "MODEL.FEATURE_MAPS"],
    );
    assert.match(empty[0].message, /is text, such as .*, not None/);
  }
});

test("None is no name: it stands for nothing where a text may be empty, as in BiaPy", () => {
  for (const none of ["None", "null", "'None'"]) {
    const text = SELF_SUPERVISED(`BMZ: {SOURCE_MODEL_ID: ${none}}`).replace(
      "MODEL:",
      `PATHS: {CHECKPOINT_FILE: ${none}}\nMODEL:`,
    );
    assert.deepEqual(problems("biapy", text), []);
    assert.deepEqual(problems("embedded", text), []);
    assert.equal(loadConfig("job.yaml", text).config.text("PATHS.CHECKPOINT_FILE"), "");
  }
});

test("patches are errors where a network cannot shrink them as it does, beyond BiaPy's own check", () => {
  const withPatch = (patch: string, model: string) =>
    SELF_SUPERVISED(`FEATURE_MAPS: [4, 8, 16], DROPOUT_VALUES: [0.], ${model}`).replace("(64,64,1)", patch);
  const messages = (engine: "biapy" | "embedded", patch: string, architecture: string, more = "") =>
    problems(engine, withPatch(patch, more).replace("unet", architecture))
      .filter(({ severity }) => severity === "error")
      .map(({ message }) => message)
      .join();
  for (const engine of ["biapy", "embedded"] as const) {
    // Its stem halves the patch before the levels: 20 -> 10 -> 5.
    assert.match(
      messages(engine, "(20,20,1)", "unext_v1"),
      /20 along y cannot be divided by 8: 2 by the stem/,
    );
    assert.equal(messages(engine, "(24,24,1)", "unext_v1"), "");
    // MultiResUNet does not read YX_DOWN, though BiaPy checks it.
    const ones = "YX_DOWN: [1, 1, 1, 1]";
    assert.match(messages(engine, "(40,40,1)", "multiresunet", ones), /40 along y cannot be divided by 16/);
    assert.equal(messages(engine, "(48,48,1)", "multiresunet", ones), "");
    const threes = "YX_DOWN: [3, 3]";
    assert.match(messages(engine, "(9,9,1)", "resunet", threes), /a single pixel is left/);
    assert.equal(messages(engine, "(9,9,1)", "resunet", `NORMALIZATION: bn, ${threes}`), "");
    assert.equal(messages(engine, "(27,27,1)", "resunet", threes), "");
    // BiaPy takes a list of ISOTROPY that is one short.
    const short = "ISOTROPY: [False, True], YX_DOWN: [4, 4]";
    assert.match(messages("biapy", "(40,40,1)", "unext_v1", short), /40 along y cannot be divided by 32/);
    const masking = withPatch("(40,40,1)", "VIT_EMBED_DIM: 24, VIT_NUM_HEADS: 3").replace("unet", "mae");
    const [error] = problems(
      engine,
      masking.replace("NDIM", "SELF_SUPERVISED: {PRETEXT_TASK: masking}, NDIM"),
    );
    assert.match(error.message, /40, 40 cannot be divided into tokens of 16/);
  }
});

test("a test-only configuration without an architecture takes the checkpoint's, and is not judged as a U-Net", () => {
  const text = SELF_SUPERVISED("LOAD_CHECKPOINT: True", `, TEST: {PATH: ${images("test")}}`)
    .replace("ARCHITECTURE: unet, ", "")
    .replace("NDIM", "SELF_SUPERVISED: {PRETEXT_TASK: masking}, NDIM")
    .replace("(64,64,1)", "(40,40,1)")
    .replace("TRAIN: {ENABLE: True}", "TRAIN: {ENABLE: False}")
    .replace("TEST: {ENABLE: False}", "TEST: {ENABLE: True}");
  assert.deepEqual(problems("embedded", text), []);
  // Where something is trained, or the checkpoint's network is not wanted, the network is the configuration's.
  for (const changed of [
    text.replace("TRAIN: {ENABLE: False}", "TRAIN: {ENABLE: True}"),
    text.replace("LOAD_CHECKPOINT: True", "LOAD_CHECKPOINT: True, ITEMS_TO_LOAD_FROM_CHECKPOINT: [norm]"),
    text.replace("LOAD_CHECKPOINT", "ARCHITECTURE: unet, LOAD_CHECKPOINT"),
  ])
    assert.ok(problems("embedded", changed).some(({ key }) => key === "MODEL.ARCHITECTURE"));
});

test("classes are for workflows that have some, as in BiaPy", () => {
  for (const engine of ["biapy", "embedded"] as const) {
    const [problem, ...more] = problems(engine, SELF_SUPERVISED("KERNEL_SIZE: 3", ", N_CLASSES: 3"));
    assert.equal(problem.message, "DATA.N_CLASSES: SELF_SUPERVISED has no classes: leave this key out.");
    assert.deepEqual(more, []);
  }
  assert.deepEqual(problems("biapy", INSTANCES.replace("PREPROCESS", "N_CLASSES: 3\n  PREPROCESS")), []);
});

test("with BiaPy's engine, what BiaPy refuses in the workflows of the embedded engine is an error there too", () => {
  const found = (data: string, rest = "") =>
    problems("biapy", `${SELF_SUPERVISED("KERNEL_SIZE: 3", data)}${rest}`).map(({ key }) => key);
  const crossed = ", VAL: {CROSS_VAL: True, CROSS_VAL_NFOLD: 5, CROSS_VAL_FOLD: 6}";
  assert.deepEqual(found(crossed), ["DATA.VAL.CROSS_VAL_FOLD"]);
  const percentiles = ["DATA.NORMALIZATION.PERC_CLIP.LOWER_PERC", "DATA.NORMALIZATION.PERC_CLIP.UPPER_PERC"];
  assert.deepEqual(found(", NORMALIZATION: {PERC_CLIP: {ENABLE: True}}"), percentiles);
  const target = ["DATA.RESOLUTION_NORM.TARGET_RESOLUTION"];
  assert.deepEqual(found(", RESOLUTION_NORM: {ENABLE: True, TARGET_RESOLUTION: [1.0, 0.0, 1.0]}"), target);
  assert.deepEqual(found("", "LOSS: {CLASS_REBALANCE: manual}\n"), ["LOSS.CLASS_WEIGHTS"]);
  // The default loss has a weight, too.
  assert.deepEqual(found("", "LOSS: {WEIGHTS: [1.0]}\n"), []);
  assert.deepEqual(found("", "LOSS: {WEIGHTS: [0.5, 0.5]}\n"), ["LOSS.WEIGHTS"]);
  // Warnings of the embedded engine do not concern BiaPy.
  assert.deepEqual(found("", "AUGMENTOR: {ENABLE: False}\n").length, 0);
});
