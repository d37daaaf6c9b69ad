import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pretextTask } from "../../src/config/basics.ts";
import { checkConfig, checkName } from "../../src/config/checks.ts";
import { loadConfig } from "../../src/config/config.ts";
import { layerPattern } from "../../src/config/frozen-layers.ts";
import { joinedProblems } from "../../src/config/joined-problems.ts";
import { keyFacts } from "../../src/config/keys.ts";
import { optimizerBetas } from "../../src/config/optimizer-betas.ts";
import { withSettings } from "../../src/config/with-settings.ts";
import { samples } from "../support/command.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const load = (text: string) => loadConfig("my.yaml", text);

/** The values of BiaPy's public 2D template. */
const TEMPLATE = `
PROBLEM:
    TYPE: SELF_SUPERVISED
    NDIM: 2D
    SELF_SUPERVISED:
        PRETEXT_TASK: "masking"
DATA:
    PATCH_SIZE: (256, 256, 1)
    TRAIN:
        PATH: /path/to/train
        IN_MEMORY: True
    VAL:
        SPLIT_TRAIN: 0.1
    TEST:
        PATH: '/path/to/test'
        OVERLAP: (0.25, 0.25)
AUGMENTOR:
    ENABLE: True
    HFLIP: True
MODEL:
    ARCHITECTURE: mae
TRAIN:
    ENABLE: True
    OPTIMIZER: ADAMW
    LR: 1.E-4
    BATCH_SIZE: 4
    EPOCHS: 100
    PATIENCE: 20
    LR_SCHEDULER:
        NAME: 'warmupcosine'
        MIN_LR: 1.E-5
        WARMUP_COSINE_DECAY_EPOCHS: 10
TEST:
    ENABLE: True
`;

test("Python's tuples, numbers and truth values are read, and missing keys have their defaults", () => {
  const { config, problems } = load(TEMPLATE);
  assert.deepEqual(problems, []);
  assert.deepEqual(config.numbers("DATA.PATCH_SIZE"), [256, 256, 1]);
  assert.equal(config.first("TRAIN.LR"), 1e-4);
  assert.equal(config.flag("DATA.TRAIN.IN_MEMORY"), true);
  assert.equal(config.number("TRAIN.W_DECAY"), 0.02);
  assert.equal(config.text("MODEL.MAE_MASK_TYPE"), "grid");
  assert.equal(pretextTask(config), "masking");
});

/** The values of BiaPy's public 2D and 3D self-supervised templates, written for 3.5.1. */
const PUBLIC = (ndim: string, patch: string, padding: string, more: string) => `
SYSTEM: {NUM_CPUS: -1, NUM_WORKERS: 5}
PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: ${ndim}, SELF_SUPERVISED: {PRETEXT_TASK: 'crappify'}}
DATA:
    PATCH_SIZE: ${patch}
    TRAIN: {PATH: /path/to/data, IN_MEMORY: True}
    VAL: {SPLIT_TRAIN: 0.1}
    TEST:
        IN_MEMORY: True
        PATH: /path/to/data
        PADDING: ${padding}
AUGMENTOR: {ENABLE: True, DA_PROB: 0.25, RANDOM_ROT: True, VFLIP: True, HFLIP: True, VFLIP_PROB: 0.75}
MODEL:
    ARCHITECTURE: unet
    LOAD_CHECKPOINT: False
${more}
TRAIN: {ENABLE: True, OPTIMIZER: ADAMW, LR: 1.E-4, BATCH_SIZE: 12, EPOCHS: 360, PATIENCE: 50}
TEST: {ENABLE: True, AUGMENTATION: False, FULL_IMG: False}
`;

for (const [ndim, patch, padding, more] of [
  ["2D", "(256, 256, 1)", "(32,32)", ""],
  ["3D", "(40, 128, 128, 1)", "(5,32,32)", "    Z_DOWN: [1,1,1,1]"],
]) {
  test(`a ${ndim} template of an earlier BiaPy loads, its older keys converted`, () => {
    const { config, problems } = load(PUBLIC(ndim, patch, padding, more));
    assert.deepEqual(
      problems.map(({ severity, key, line }) => ({ severity, key, line })),
      [{ severity: "warning", key: "AUGMENTOR.DA_PROB", line: 12 }],
    );
    assert.equal(config.number("AUGMENTOR.RANDOM_ROT_PROB"), 0.25);
    assert.equal(config.number("AUGMENTOR.VFLIP_PROB"), 0.75);
    const places = checkConfig(config).map(({ key }) => key);
    assert.deepEqual(places, ["DATA.TRAIN.PATH", "DATA.TEST.PATH"], "only the folders are missing");
  });
}

test("all 585 keys of BiaPy 3.7.1 are known", () => {
  assert.equal(keyFacts.size, 585);
});

test("every problem of a file is found at once, at its line and column", () => {
  const text = `PROBLEM:
    TYPE: SELF_SUPERVISED
    NDIMS: 2D
TRAIN:
    ENABLE: yes please
    EPOCHS: 3
    BATCH_SIZE: 0
    OPTIMIZER: ADAMM
    EPOCHS: 1.5
DATTA:
    PATCH_SIZE: (64,64,1)
`;
  const found = load(text).problems.map(({ line, column, key, suggestion }) => [
    line,
    column,
    key,
    suggestion,
  ]);
  assert.deepEqual(found, [
    [3, 5, "PROBLEM.NDIMS", "PROBLEM.NDIM"],
    [5, 5, "TRAIN.ENABLE", undefined],
    [7, 5, "TRAIN.BATCH_SIZE", undefined],
    [8, 5, "TRAIN.OPTIMIZER", "ADAM"],
    [9, 5, "TRAIN.EPOCHS", undefined],
    [9, 5, "TRAIN.EPOCHS", undefined],
    [10, 1, "DATTA", "DATA"],
  ]);
});

/** Wrong values, each in a configuration that uses it and in one that does not. */
const WHERE_USED: readonly (readonly [wrong: string, used: string, unused: string])[] = [
  ["MAE_MASK_TYPE: nonsense", "MODEL: {ARCHITECTURE: mae, X}", "MODEL: {ARCHITECTURE: unet, X}"],
  ["KERNEL_SIZE: 0", "MODEL: {ARCHITECTURE: unet, X}", "MODEL: {ARCHITECTURE: mae, X}"],
  ["HRNET: {VARIANT: W7}", "MODEL: {ARCHITECTURE: hrnet, X}", "MODEL: {ARCHITECTURE: unet, X}"],
  [
    "SELF_SUPERVISED: {RESIZING_FACTOR: 7}",
    "PROBLEM: {TYPE: SELF_SUPERVISED, X}",
    "MODEL: {ARCHITECTURE: mae}\nPROBLEM: {TYPE: SELF_SUPERVISED, X}",
  ],
  ["VFLIP_PROB: 2.0", "AUGMENTOR: {ENABLE: True, X}", "AUGMENTOR: {ENABLE: False, X}"],
  ["E_MODE: mirror", "AUGMENTOR: {ENABLE: True, ELASTIC: True, X}", "AUGMENTOR: {ENABLE: True, X}"],
  [
    "RANDOM_ROT_RANGE: [-400, 400]",
    "AUGMENTOR: {ENABLE: True, RANDOM_ROT: True, X}",
    "AUGMENTOR: {ENABLE: True, X}",
  ],
  [
    "UNET_SR_UPSAMPLE_POSITION: nowhere",
    "PROBLEM: {TYPE: SUPER_RESOLUTION}\nMODEL: {ARCHITECTURE: rcan, X}",
    "MODEL: {ARCHITECTURE: unet, X}",
  ],
  ["Z_START: -2", "TEST: {BY_CHUNKS: {ENABLE: True, X}}", "TEST: {BY_CHUNKS: {X}}"],
  ["DET_TH_TYPE: nonsense", "PROBLEM: {TYPE: DETECTION}\nTEST: {X}", "TEST: {X}"],
];

for (const [wrong, used, unused] of WHERE_USED)
  test(`${wrong} is an error where it is used, and a warning elsewhere, because BiaPy accepts it there`, () => {
    const severities = (text: string) =>
      load(text.replace("X", wrong)).problems.map(({ severity }) => severity);
    assert.deepEqual(severities(used), ["error"]);
    assert.deepEqual(severities(unused), ["warning"]);
  });

test("of a repeated key or section the last one counts, as in PyYAML, with a warning", () => {
  const text = "TRAIN: {EPOCHS: 3, EPOCHS: 4}\nDATA:\n  PATCH_SIZE: (8,8,1)\nDATA:\n  N_CLASSES: 5\n";
  const { config, problems } = load(text);
  assert.deepEqual(
    problems.map(({ severity, line, key }) => [severity, line, key]),
    [
      ["warning", 1, "TRAIN.EPOCHS"],
      ["warning", 4, "DATA"],
    ],
  );
  assert.match(problems[0].message, /is written twice, first on line 1: the last one counts/);
  assert.deepEqual([config.number("TRAIN.EPOCHS"), config.number("DATA.N_CLASSES")], [4, 5]);
  assert.equal(config.sets("DATA.PATCH_SIZE"), false);
  assert.match(withSettings(text, { "TRAIN.EPOCHS": "7" }), /TRAIN: { EPOCHS: 7 }/);
  const thrice = load("DATA: {}\nDATA: {}\nDATA: {}\n").problems;
  assert.deepEqual(
    thrice.map(({ message }) => /first on line (\d)/.exec(message)?.[1]),
    ["1", "1"],
  );
});

test("a changed setting leaves what merge keys bring, and the values that aliases repeat", () => {
  const values = (text: string) => load(text).config.document.entries.map(({ key, value }) => [key, value]);
  const unchanged = (text: string) => {
    const changed = withSettings(text, { "TRAIN.EPOCHS": "7" });
    assert.deepEqual(values(changed), [...values(text), ["TRAIN.EPOCHS", 7]]);
  };
  unchanged("DATA:\n  TEST:\n    <<: {PATH: a}\n    <<: {IN_MEMORY: False}\n");
  // The anchors are in sections that do not count.
  unchanged("DATA:\n  TRAIN: &t\n    PATH: a\n  TRAIN: {PATH: b}\n  TEST:\n    <<: *t\n  VAL: *t\n");
  unchanged("DATA: &d {PATCH_SIZE: &p (8,8,1), N_CLASSES: 3, N_CLASSES: 4}\nDATA: *d\nLOG: {X: *p}\n");
  // The changed section is an alias, or repeated by one, or partly brought by a merge key.
  const changedPath = (text: string) => {
    const changed = withSettings(text, { "DATA.TRAIN.PATH": "new" });
    return Object.fromEntries(values(changed).filter(([key]) => String(key).startsWith("DATA.")));
  };
  const section = "{TRAIN: {PATH: a, IN_MEMORY: False}}";
  assert.deepEqual(changedPath(`X: &x ${section}\nDATA: *x\n`), {
    "DATA.TRAIN.PATH": "new",
    "DATA.TRAIN.IN_MEMORY": false,
  });
  assert.deepEqual(changedPath("DATA: {TRAIN: &t {PATH: a}, VAL: *t}\n"), {
    "DATA.TRAIN.PATH": "new",
    "DATA.VAL.PATH": "a",
  });
  assert.deepEqual(
    changedPath(`X: &x ${section}\nY: &y {N_CLASSES: 3}\nDATA: {<<: [*y, *x], <<: {N_CLASSES: 4}}\n`),
    {
      "DATA.N_CLASSES": 4,
      "DATA.TRAIN.PATH": "new",
      "DATA.TRAIN.IN_MEMORY": false,
    },
  );
  const replaced = withSettings("TRAIN: {EPOCHS: &n 3, PATIENCE: *n}\n", { "TRAIN.EPOCHS": "7" });
  assert.deepEqual(values(replaced), [
    ["TRAIN.EPOCHS", 7],
    ["TRAIN.PATIENCE", 3],
  ]);
});

test("a value that contains itself is named when a setting is changed", () => {
  assert.throws(
    () => withSettings("DATA: &own {TRAIN: *own}\n", { "TRAIN.EPOCHS": "7" }),
    /&own contains itself/,
  );
  assert.throws(() => withSettings("A: &x [[1, *x]]\n", { "TRAIN.EPOCHS": "7" }), /&x contains itself/);
});

test("broken YAML is reported with its line", () => {
  const [problem] = load("PROBLEM:\n  TYPE: [SELF_SUPERVISED\nDATA:\n").problems;
  assert.match(problem.message, /not valid YAML/);
  assert.ok((problem.line ?? 0) >= 2);
});

test("a range in the wrong order is an error where its augmentation is on, else a warning", () => {
  const severity = (more: string) =>
    checkConfig(load(`AUGMENTOR: {ENABLE: True, ${more}BRIGHTNESS_FACTOR: [0.3, 0.1]}`).config).find(
      ({ key }) => key === "AUGMENTOR.BRIGHTNESS_FACTOR",
    )?.severity;
  assert.deepEqual([severity("BRIGHTNESS: True, "), severity("")], ["error", "warning"]);
});

test("keys that contradict each other are found", () => {
  const messages = (text: string) => checkConfig(load(text).config).map(({ key, line }) => `${key}:${line}`);
  const head = "PROBLEM:\n  TYPE: SELF_SUPERVISED\n  NDIM: 3D\n";
  assert.deepEqual(messages(`${head}MODEL:\n  ARCHITECTURE: mae\nDATA:\n  PATCH_SIZE: (60,64,64,1)\n`), [
    "DATA.PATCH_SIZE:7",
  ]);
  assert.deepEqual(messages(`${head}MODEL:\n  ARCHITECTURE: mae\nDATA:\n  PATCH_SIZE: (64,64,1)\n`), [
    "DATA.PATCH_SIZE:7",
  ]);
  assert.deepEqual(
    messages(
      `${head}  SELF_SUPERVISED:\n    PRETEXT_TASK: masking\nMODEL:\n  ARCHITECTURE: unet\nDATA:\n  PATCH_SIZE: (64,64,64,1)\n`,
    ),
    ["MODEL.ARCHITECTURE:7"],
  );
  assert.deepEqual(
    messages(`${head}MODEL:\n  ARCHITECTURE: mae\n  VIT_NUM_HEADS: 5\nDATA:\n  PATCH_SIZE: (64,64,64,1)\n`),
    ["MODEL.VIT_EMBED_DIM:4"],
  );
});

test("missing folders are named with the key", () => {
  const problems = checkConfig(load(TEMPLATE).config);
  assert.deepEqual(
    problems.map(({ key }) => key),
    ["DATA.TRAIN.PATH", "DATA.TEST.PATH"],
  );
  assert.match(problems[0].message, /the folder \/path\/to\/train does not exist\.$/);
  const [relative] = checkConfig(load(TEMPLATE.replace("/path/to/train", "raw")).config, "here");
  assert.match(relative.message, /the folder raw does not exist \(resolved against here\)\.$/);
  // Training is not mentioned, but the test needs its folder: that is one problem.
  const text = "DATA: {TRAIN: {PATH: /nowhere}, TEST: {USE_VAL_AS_TEST: True}}\nTEST: {ENABLE: True}\n";
  assert.deepEqual(
    checkConfig(load(text).config)
      .filter(({ key }) => key === "DATA.TRAIN.PATH")
      .map(({ severity }) => severity),
    ["error"],
  );
});

test("a wrong name of a job gets a suggestion by the documentation's rule", () => {
  assert.equal(checkName("my_model_2"), undefined);
  assert.equal(checkName("my-model")?.suggestion, "my_model");
  assert.equal(checkName("my model")?.suggestion, "my_model");
});

const problemsWith = (text: string) =>
  checkConfig(load(`${TEMPLATE.replace("TEST:\n    ENABLE: True\n", "")}${text}`).config)
    .filter(({ key }) => key !== "DATA.TRAIN.PATH" && key !== "DATA.TEST.PATH")
    .map(({ key, severity, line }) => [key, severity, typeof line]);

test("keys of TEST that exclude each other are reported at the key", () => {
  const error = (key: string) => [key, "error", "number"];
  const warning = (key: string) => [key, "warning", "number"];
  for (const [text, expected] of [
    ["TEST: {ENABLE: True, FULL_IMG: True}", [error("TEST.FULL_IMG")]],
    ["TEST: {ENABLE: True, EVAL_BORDER_CROP: [1, 2, 3]}", [error("TEST.EVAL_BORDER_CROP")]],
    ["TEST: {ENABLE: True, EVAL_BORDER_CROP: [1, 2], AUGMENTATION: True}", []],
    [
      "TEST: {ENABLE: True, ANALIZE_2D_IMGS_AS_3D_STACK: True}",
      [warning("TEST.ANALIZE_2D_IMGS_AS_3D_STACK")],
    ],
    ["TEST: {ENABLE: True, BY_CHUNKS: {ENABLE: True}}", []],
    [
      "TEST: {ENABLE: True, BY_CHUNKS: {ENABLE: True, PHASES: [instance_merging]}}",
      [error("TEST.BY_CHUNKS.PHASES")],
    ],
    ["TEST: {ENABLE: True, BY_CHUNKS: {ENABLE: True, Z_START: 4}}", [error("TEST.BY_CHUNKS.Z_START")]],
    ["TEST: {ENABLE: False, BY_CHUNKS: {ENABLE: True, Z_START: 4}}", []],
  ] as const) {
    assert.deepEqual(problemsWith(text), expected, text);
  }
});

const VOLUME = (data: string, test: string) =>
  checkConfig(
    load(`
PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: 3D}
DATA: {PATCH_SIZE: "(16,32,32,1)", TEST: {PADDING: "(2,0,0)"${data}}}
MODEL: {ARCHITECTURE: mae}
TEST: {ENABLE: True, ${test}}
`).config,
  )
    .filter(({ key }) => key !== "DATA.TEST.PATH")
    .map(({ key, suggestion }) => [key, suggestion]);

test("runs that share a volume share no chunks", () => {
  const of = (limits: string) => VOLUME("", `BY_CHUNKS: {ENABLE: True, ${limits}}`);
  assert.deepEqual(of("Z_START: 12, Z_END: 36"), []);
  assert.deepEqual(of("Z_START: 12, Z_END: 38"), [["TEST.BY_CHUNKS.Z_END", "36"]]);
  assert.deepEqual(of('Z_START: 12, WORKFLOW_PROCESS: {PATCHES_PER_TILE: "(2,1,1)"}'), [
    ["TEST.BY_CHUNKS.Z_START", "24"],
  ]);
  assert.deepEqual(of("Z_START: 24, Z_END: 12"), [["TEST.BY_CHUNKS.Z_START", undefined]]);
});

test("axes and datasets of Zarr and HDF5 files are checked, and a mask that the embedded engine lacks is refused", () => {
  const of = (data: string) => VOLUME(`, ${data}`, "VERBOSE: True");
  assert.deepEqual(of("INPUT_IMG_AXES_ORDER: ZYXC"), []);
  assert.deepEqual(of("INPUT_IMG_AXES_ORDER: YXC"), [["DATA.TEST.INPUT_IMG_AXES_ORDER", "TZCYX"]]);
  assert.deepEqual(of("INPUT_IMG_AXES_ORDER: ZZYX"), [["DATA.TEST.INPUT_IMG_AXES_ORDER", "TZCYX"]]);
  assert.deepEqual(of("INPUT_ZARR_MULTIPLE_DATA: True"), [
    ["DATA.TEST.INPUT_ZARR_MULTIPLE_DATA_RAW_PATH", undefined],
  ]);
  assert.deepEqual(of("INPUT_ZARR_MULTIPLE_DATA: True, INPUT_ZARR_MULTIPLE_DATA_RAW_PATH: volumes.raw"), []);
  assert.deepEqual(of("ROI_MASK: {ENABLE: True, PATH: x}"), [["DATA.TEST.ROI_MASK.ENABLE", "False"]]);
});

test("settings that only BiaPy supports are errors, and those without effect are warnings", () => {
  const problems = (text: string) =>
    checkConfig(load(text).config)
      .filter(({ key }) => !key?.endsWith("PATH") && key !== "PROBLEM.TYPE")
      .map(({ severity, key }) => `${severity} ${key}`);
  const ssl = "PROBLEM: {TYPE: SELF_SUPERVISED}\n";
  for (const [text, found] of [
    ["MODEL: {FREEZE_LAYERS_MATCHING: ['blocks.*']}", []],
    ["MODEL: {FREEZE_LAYERS_MATCHING: ['(']}", ["error MODEL.FREEZE_LAYERS_MATCHING"]],
    ["MODEL: {FREEZE_LAYERS_MATCHING: []}", []],
    [
      "MODEL: {BMZ: {EXPORT: {ENABLE: True}}}",
      ["MODEL_NAME", "DESCRIPTION", "AUTHORS", "TAGS"].map((key) => `error MODEL.BMZ.EXPORT.${key}`),
    ],
    ["DATA: {TEST: {MEDIAN_PADDING: True}}", ["warning DATA.TEST.MEDIAN_PADDING"]],
    ["DATA: {TRAIN: {PROBABILITY_MAP: True}}", ["warning DATA.TRAIN.PROBABILITY_MAP"]],
    [
      "DATA: {TRAIN: {PROBABILITY_MAP: True, EXTRACT_RANDOM_PATCH: True}}",
      ["error DATA.TRAIN.PROBABILITY_MAP"],
    ],
    ["DATA: {RESOLUTION_NORM: {ENABLE: True}}", ["error DATA.RESOLUTION_NORM.TARGET_RESOLUTION"]],
    ["TEST: {ENABLE: True, REDUCE_MEMORY: True}", ["warning TEST.REDUCE_MEMORY"]],
    ["TEST: {ENABLE: False, REDUCE_MEMORY: True}", []],
  ] as const)
    assert.deepEqual(problems(ssl + text), found, text);
});

test("a cosine schedule needs a warm-up or a share of the training, which fit into it", () => {
  const problems = (schedule: string) =>
    checkConfig(
      load(
        `PROBLEM: {TYPE: SELF_SUPERVISED}\nTRAIN: {EPOCHS: 10, LR_SCHEDULER: {NAME: warmupcosine, MIN_LR: [1.E-6], ${schedule}}}`,
      ).config,
    )
      .map(({ key }) => key?.split(".").at(-1))
      .filter((key) => key?.includes("COSINE"));
  assert.deepEqual(problems(""), ["WARMUP_COSINE_DECAY_EPOCHS"], "one of the two is to be set");
  assert.deepEqual(problems("COSINE_DECAY_FRACTION: 0.5"), []);
  assert.deepEqual(problems("WARMUP_COSINE_DECAY_EPOCHS: 5, COSINE_DECAY_FRACTION: 0.5"), []);
  assert.deepEqual(problems("WARMUP_COSINE_DECAY_EPOCHS: 6, COSINE_DECAY_FRACTION: 0.5"), [
    "WARMUP_COSINE_DECAY_EPOCHS",
  ]);
  assert.deepEqual(problems("COSINE_DECAY_FRACTION: 1.5"), ["COSINE_DECAY_FRACTION"]);
});

test("names of JavaScript's own objects are unknown keys like any other", () => {
  const text =
    "constructor: 1\ntoString:\n  a: 1\n__proto__: {x: 1}\nDATA: {hasOwnProperty: 3, __proto__: 3}\n";
  const unknown = loadConfig("x.yaml", text).problems.filter(({ message }) =>
    message.startsWith("BiaPy has no key"),
  );
  assert.deepEqual(
    unknown.map(({ key, line }) => [key, line]),
    [
      ["constructor", 1],
      ["toString", 2],
      ["__proto__", 4],
      ["DATA.hasOwnProperty", 5],
      ["DATA.__proto__", 5],
    ],
  );
  assert.equal(load("LOSS: {TYPE: constructor}").config.value("LOSS.TYPE"), "constructor");
});

test("thousands of unknown or repeated keys are counted, not listed", () => {
  const lines = (line: (index: number) => string) =>
    Array.from({ length: 8000 }, (_, at) => line(at)).join("\n");
  const floods = [
    lines((at) => `KEY_${at}: 1`),
    lines((at) => `KEY_${at}: {a: 1}`),
    `DATA:\n${lines((at) => `  KEY_${at}: 1`)}`,
    `DATA:\n${lines(() => "  VAL: {BINARY_MASKS: 1}")}`,
  ];
  for (const text of floods) {
    const { problems } = loadConfig("x.yaml", text);
    assert.ok(problems.length > 40 && problems.length < 210, String(problems.length));
    assert.match(problems.at(-1)?.message ?? "", /\d+ more/);
  }
  const deep = `A: "${"(".repeat(100_000)}${")".repeat(100_000)}"`;
  assert.equal(loadConfig("x.yaml", deep).problems.length, 1);
  assert.match(loadConfig("x.yaml", `A: ${"x".repeat(2 ** 21)}`).problems[0].message, /x.yaml.*2.1 MB/);
});

test("rates and betas that are no numbers are refused; a pair of betas is read in every form", () => {
  const train = (text: string) => {
    const { config, problems } = loadConfig("x.yaml", `PROBLEM: {TYPE: SELF_SUPERVISED}\nTRAIN: {${text}}\n`);
    const all = [...problems, ...checkConfig(config)].filter(({ key }) =>
      /^TRAIN.(LR|OPT_BETAS)$/.test(key ?? ""),
    );
    return { config, problems: all };
  };
  for (const text of ["LR: '0,001'", "LR: .nan", "LR: .inf", "LR: 1e999", "LR: []", "LR: [x]"])
    assert.deepEqual(
      train(text).problems.map(({ key, severity }) => [key, severity]),
      [["TRAIN.LR", "error"]],
      text,
    );
  assert.match(train("LR: '0,001'").problems[0].message, /decimal comma. Write 0.001/);
  for (const text of ["0.9", "[0.9]", "[0.9, 1.0]", "[-0.1, 0.9]", "[[0.9, x]]", "[]"])
    assert.deepEqual(
      train(`OPT_BETAS: ${text}`).problems.map(({ severity }) => severity),
      ["error"],
      text,
    );
  for (const text of ["[0.9, 0.99]", '"(0.9, 0.99)"', "[[0.9, 0.99]]"]) {
    const { config, problems } = train(`OPT_BETAS: ${text}`);
    assert.ok(
      problems.every(({ severity }) => severity === "warning"),
      text,
    );
    assert.deepEqual(optimizerBetas(config), [0.9, 0.99], text);
  }
});

test("a file is read as PyYAML and yacs read it", () => {
  const value = (
    text: string,
    key: "TRAIN.EPOCHS" | "DATA.PATCH_SIZE" | "AUGMENTOR.ENABLE" | "TRAIN.W_DECAY",
  ) => {
    const { config, problems } = load(text);
    assert.deepEqual(problems, [], text);
    return config.value(key);
  };
  for (const yes of ["yes", "on", "TRUE", "'True'", '"True"'])
    assert.equal(value(`AUGMENTOR: {ENABLE: ${yes}}`, "AUGMENTOR.ENABLE"), true);
  assert.equal(value("TRAIN: {EPOCHS: 0x10}", "TRAIN.EPOCHS"), 16);
  assert.equal(value("TRAIN: {EPOCHS: 1_00}", "TRAIN.EPOCHS"), 100);
  assert.equal(value("TRAIN: {EPOCHS: '100'}", "TRAIN.EPOCHS"), 100);
  assert.equal(value("TRAIN: {EPOCHS: 0o20}", "TRAIN.EPOCHS"), 16);
  assert.equal(value("TRAIN: {EPOCHS: !!int '3'}", "TRAIN.EPOCHS"), 3);
  assert.equal(value("TRAIN: {W_DECAY: 1e-4}", "TRAIN.W_DECAY"), 1e-4);
  assert.equal(value("TRAIN: {W_DECAY: !!float 1}", "TRAIN.W_DECAY"), 1);
  assert.equal(value("TRAIN: {W_DECAY: 1:30.5}", "TRAIN.W_DECAY"), 90.5);
  assert.deepEqual(value("DATA: {PATCH_SIZE: '(0x40, 0o100, 1)'}", "DATA.PATCH_SIZE"), [64, 64, 1]);
  assert.deepEqual(value("DATA: {PATCH_SIZE: '64, 64, 1'}", "DATA.PATCH_SIZE"), [64, 64, 1]);
  const anchored =
    "DATA:\n  TRAIN: &images\n    IN_MEMORY: False\n    PATH: a\n  TEST:\n    <<: *images\n    PATH: b\n";
  const { config, problems } = load(anchored);
  assert.deepEqual(problems, []);
  assert.equal(config.value("DATA.TEST.IN_MEMORY"), false);
  assert.equal(config.text("DATA.TEST.PATH"), "b");
});

test("patterns of frozen layers are Python's", () => {
  const matches = (pattern: string, name: string) => layerPattern(pattern)?.test(name);
  for (const [pattern, name, found] of [
    ["^down_path\\.0", "down_path.0.block", true],
    ["^down\\_path", "down_path.0.block", true],
    ["a\\-b\\:c", "a-b:c", true],
    ["[\\-x]y", "-y", true],
    ["(?i)DOWN", "down_path", true],
    ["\\Ablocks", "decoder_blocks.0", false],
    ["\\Ablocks", "blocks.0", true],
    ["bias\\Z", "bias.x", false],
    ["(?P<part>a)(?P=part)", "aa", true],
    ["blocks\\.[0-5]\\.", "blocks.3.attn", true],
    ["(", "(", undefined],
    ["*", "*", undefined],
  ] as const)
    assert.equal(matches(pattern, name), found, `${pattern} in ${name}`);
});

test("tabs are two spaces, as in BiaPy, and problems are found at their place", () => {
  const { config, problems } = load("TRAIN:\n\tEPOCHS:\t3\t# few\n  PATIENCE: 4\nTEST:\n\tENABLE: maybe\n");
  assert.deepEqual([config.number("TRAIN.EPOCHS"), config.number("TRAIN.PATIENCE")], [3, 4]);
  assert.deepEqual(
    problems.map(({ key, line, column }) => [key, line, column]),
    [["TEST.ENABLE", 5, 2]],
  );
  const [problem] = load("TRAIN:\n\tEPOCHS: [3\nTEST:\n\tENABLE: True\n\t\t]: x\n").problems;
  assert.match(problem.message, /not valid YAML/);
  const changed = withSettings("TRAIN:\n\tEPOCHS: 3\n\tPATIENCE: 4\n", { "TRAIN.EPOCHS": "7" });
  assert.equal(load(changed).config.number("TRAIN.EPOCHS"), 7);
  assert.equal(load(changed).config.number("TRAIN.PATIENCE"), 4);
});

test("values in brackets may be closed under their key, as in PyYAML", () => {
  const text =
    "DATA:\n  PATCH_SIZE: [\n  64, 64, # y, x\n1\n  ]\n  TRAIN: {PATH: 'a # [b',\n  IN_MEMORY: False\n  }\nTEST:\n  ENABLE: maybe\n";
  const { config, problems } = load(text);
  assert.deepEqual(config.numbers("DATA.PATCH_SIZE"), [64, 64, 1]);
  assert.equal(config.text("DATA.TRAIN.PATH"), "a # [b");
  assert.equal(config.value("DATA.TRAIN.IN_MEMORY"), false);
  assert.deepEqual(
    problems.map(({ key, line }) => [key, line]),
    [["TEST.ENABLE", 10]],
  );
  const changed = load(withSettings(text, { "DATA.N_CLASSES": "3" })).config;
  assert.deepEqual(changed.numbers("DATA.PATCH_SIZE"), [64, 64, 1]);
  assert.equal(changed.text("DATA.TRAIN.PATH"), "a # [b");
  assert.match(load("DATA:\n  PATCH_SIZE: [64,\n64\nTEST: {}\n").problems[0].message, /not valid YAML/);
});

test("a sign may stand apart from its number, as in Python", () => {
  assert.deepEqual(
    load("DATA:\n  PATCH_SIZE: (+ 64, 0x40, 1)\n").config.numbers("DATA.PATCH_SIZE"),
    [64, 64, 1],
  );
  assert.equal(load("LOSS:\n  IGNORE_INDEX: '- 1'\n").config.number("LOSS.IGNORE_INDEX"), -1);
});

test("quoted texts may go on at a lower indentation, as in PyYAML", () => {
  const text = `DATA:
  TRAIN:
    PATH: "my
images"   # it's here
    GT_PATH: 'it''s
  # "mine'
  PATCH_SIZE: "(64,
64, 1)"
  TEST: {PATH: &x "a\\
b", GT_PATH: *x}
SYSTEM:
  NUM_WORKERS: >-
    "two
TEST:
  ENABLE: maybe
`;
  for (const each of [text, withSettings(text, { "TRAIN.EPOCHS": "7" })]) {
    const { config } = load(each);
    assert.equal(config.text("DATA.TRAIN.PATH"), "my images");
    assert.equal(config.text("DATA.TRAIN.GT_PATH"), "it's # \"mine");
    assert.deepEqual(config.numbers("DATA.PATCH_SIZE"), [64, 64, 1]);
    assert.equal(config.text("DATA.TEST.PATH"), "ab");
    assert.equal(config.text("DATA.TEST.GT_PATH"), "ab");
  }
  assert.deepEqual(
    load(text).problems.map(({ key, line }) => [key, line]),
    [
      ["SYSTEM.NUM_WORKERS", 12],
      ["TEST.ENABLE", 15],
    ],
  );
  // A key stands on one line.
  assert.match(load('DATA:\n  "TRA\nIN": {PATH: a}\n').problems[0].message, /not valid YAML/);
});

test("of several merged sections the last one counts, as in PyYAML 6.0.4, and so in a copy of the file", () => {
  const sections = "DATA:\n  TRAIN: &a {PATH: a}\n  VAL: &b {<<: *a, PATH: b}\n";
  for (const [merge, path] of [
    ["{<<: [*a, *b]}", "b"],
    ["{<<: *a, <<: *b}", "b"],
    // What arrives by two ways counts where it came first.
    ["{<<: [*b, *a]}", "b"],
    ["{<<: [*a, *b], PATH: c}", "c"],
  ]) {
    const text = `${sections}  TEST: ${merge}\n`;
    for (const each of [text, withSettings(text, { "TRAIN.EPOCHS": "7" })]) {
      const { config, problems } = load(each);
      assert.deepEqual(problems, [], each);
      assert.equal(config.text("DATA.TEST.PATH"), path, each);
    }
  }
  const repeated = "DATA:\n  TRAIN: &a {PATH: a, PATH: c}\n  TEST: {<<: *a}\n";
  for (const each of [repeated, withSettings(repeated, { "TRAIN.EPOCHS": "7" })])
    assert.equal(load(each).config.text("DATA.TEST.PATH"), "c", each);
});

test("a file that is not in UTF-8 is refused, as by BiaPy", () => {
  const file = join(temporaryFolder(), "job.yaml");
  writeFileSync(file, Buffer.from("DATA:\n  TRAIN:\n    PATH: 5 \xb5m\n", "latin1"));
  assert.match(loadConfig(file).problems[0].message, /job.yaml is not a text in UTF-8/);
  writeFileSync(file, "\ufeffDATA:\n  TRAIN:\n    PATH: 5 µm\n");
  const { config, problems } = loadConfig(file);
  assert.deepEqual(problems, []);
  assert.equal(config.text("DATA.TRAIN.PATH"), "5 µm");
});

test("a file that BiaPy cannot parse is refused at its line, with what to write", () => {
  for (const [text, line, message, suggestion] of [
    ["TRAIN: &a {EPOCHS: 3}\nTEST: &a {ENABLE: True}\n", 2, /&a is set twice/, undefined],
    ["TRAIN.EPOCHS: 3\n", 1, /has no key TRAIN.EPOCHS/, undefined],
    ["TRAIN:\n  EPOCHS: &a.b 3\n", 2, /&a.b is no name/, undefined],
    ["DATA:\n  PATCH_SIZE: !!python/tuple [64, 64, 1]\n", 2, /the tag !!python\/tuple/, undefined],
    ["DATA:\n  TRAIN:\n    PATH: 2024-01-31\n", 3, /as a date/, "./2024-01-31"],
    ["LOG:\n  LOG_FILE_PREFIX: 2024-01-31\n", 2, /as a date/, "'2024-01-31'"],
    ["TRAIN:\n  EPOCHS: 3\n---\nTEST:\n  ENABLE: True\n", 3, /second document/, undefined],
    ["", 1, /empty/, undefined],
    ["# nothing\n", 1, /empty/, undefined],
    ["PATHS:\nTRAIN:\n  EPOCHS: 3\n", 1, /no keys/, undefined],
    ["TRAIN:\n  LR: *rate\n", 2, /no anchor/, undefined],
    ["TRAIN:\n  LR: 1e-4\n", 2, /dot/, "0.0001"],
    ["TRAIN:\n  LR: 1\n", 2, /whole number/, "1.0"],
    ["TRAIN:\n  EPOCHS: 100.0\n", 2, /decimal point/, "100"],
    ["TRAIN:\n  BATCH_SIZE: 6.\n", 2, /decimal point/, "6"],
  ] as const) {
    const [problem] = load(text).problems;
    assert.match(problem.message, message, text);
    assert.deepEqual([problem.severity, problem.line, problem.suggestion], ["error", line, suggestion], text);
  }
  const repeated = Array.from(
    { length: 20 },
    (_, at) => `  k${at}: &a${at} [${at === 0 ? "x" : `*a${at - 1}, *a${at - 1}`}]`,
  );
  assert.match(load(`TRAIN:\n${repeated.join("\n")}\n`).problems[0].message, /repeats itself/);
});

test("problems of a segmentation do not speak of self-supervision", () => {
  const config = loadConfig(
    "job.yaml",
    `
PROBLEM: {TYPE: SEMANTIC_SEG, NDIM: 2D}
DATA: {PATCH_SIZE: "(32,32,1)", TEST: {ROI_MASK: {ENABLE: True, PATH: masks}}}
MODEL: {ARCHITECTURE: unet}
LOSS: {CONTRAST: {ENABLE: True}}
TRAIN: {OPTIMIZER: [ADAM, SGD]}
TEST: {ENABLE: True, ANALIZE_2D_IMGS_AS_3D_STACK: True, BY_CHUNKS: {ENABLE: True, PHASES: [instance_creation], Z_START: 3}}
`,
  ).config;
  const messages = checkConfig(config).map(({ message }) => message);
  for (const [key, said] of [
    ["TRAIN.OPTIMIZER", /one network/],
    ["TEST.BY_CHUNKS.PHASES", /prediction, is missing/],
    ["TEST.BY_CHUNKS.Z_START", /3D images only/],
    ["TEST.ANALIZE_2D_IMGS_AS_3D_STACK", /one by one/],
    ["DATA.TEST.ROI_MASK.ENABLE", /ignores this mask/],
    ["LOSS.CONTRAST.ENABLE", /no contrastive loss/],
  ] as const)
    assert.match(messages.find((message) => message.startsWith(`${key}:`)) ?? "none", said);
  assert.deepEqual(
    messages.filter((message) => /self-supervision|without labels/i.test(message)),
    [],
  );
});

test("a wrong value has one message: checks of several keys are silent about it", () => {
  const text = (features: string, overlap: string) => `
PROBLEM: {TYPE: SELF_SUPERVISED, NDIM: 2D, SELF_SUPERVISED: {PRETEXT_TASK: crappify}}
DATA: {PATCH_SIZE: "(64,64,1)", TRAIN: {PATH: ${JSON.stringify(samples("2d/train"))}, OVERLAP: ${overlap}}}
MODEL: {ARCHITECTURE: vit, VIT_TOKEN_SIZE: 8, VIT_EMBED_DIM: ${features}, VIT_NUM_HEADS: 3}
TRAIN: {ENABLE: True, OPTIMIZER: ADAM, LR: 1.E-3}
`;
  const errors = (content: string) => {
    const { config, problems } = loadConfig("job.yaml", content);
    return joinedProblems(problems, checkConfig(config))
      .filter(({ severity }) => severity === "error")
      .map(({ key, message }) => [key, message]);
  };
  assert.deepEqual(errors(text("192", '"(0,0)"')), []);
  assert.deepEqual(errors(text("wide", "half")), [
    ["DATA.TRAIN.OVERLAP", "DATA.TRAIN.OVERLAP is a tuple ((0, 0)), not half."],
    ["MODEL.VIT_EMBED_DIM", "MODEL.VIT_EMBED_DIM is a whole number, such as 768, not wide."],
  ]);
});

test("a key in a wrong section is named in its own, before keys with a similar name", () => {
  const { problems } = loadConfig(
    "job.yaml",
    "LOSS: {BATCH_SIZE: 4}\nDATA: {BATCH_SIZE: 4, PATHC_SIZE: '(64,64,1)'}",
  );
  assert.deepEqual(
    problems.map(({ key, suggestion }) => [key, suggestion]),
    [
      ["LOSS.BATCH_SIZE", "TRAIN.BATCH_SIZE"],
      ["DATA.BATCH_SIZE", "TRAIN.BATCH_SIZE"],
      ["DATA.PATHC_SIZE", "DATA.PATCH_SIZE"],
    ],
  );
});
