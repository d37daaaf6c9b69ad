/** With BiaPy as the engine, keys of networks are errors where BiaPy refuses them or cannot build the network, and nowhere else. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { loadConfig } from "../../src/config/config.ts";
import { checkForEngine } from "../../src/config/engine-checks.ts";
import { Random } from "../../src/data/random.ts";
import { python, skip } from "./python.ts";

const folder = mkdtempSync(join(tmpdir(), "biapy-models-"));
after(() => rmSync(folder, { recursive: true, force: true }));
// BiaPy writes degraded copies beside the images.
cpSync(join(import.meta.dirname, "../../media/samples"), folder, { recursive: true });
const samples = (name: string) => JSON.stringify(join(folder, name));

const U_NET = {
  FEATURE_MAPS: ["[4, 8, 16]", "[16, 32, 64]", "[4, 8]", "[16, 32, 64, 128]"],
  YX_DOWN: ["[2, 2]", "[1, 2]", "[2]", "[2, 2, 2]", "[0, 0]", "[2, 2, 2, 2]", "[1, 1, 1, 1]", "[4, 4]"],
  Z_DOWN: ["[2, 2]", "[1, 1]", "[2]", "[1, 1, 1]", "[0, 0]", "[1, 1, 2, 2]"],
  DROPOUT_VALUES: ["[0.1]", "[0.1, 0.1, 0.1]", "[0., 0.]"],
};
const LEVELS = {
  ISOTROPY: ["[False]", "[True]", "[False, True, True]", "[False, True]"],
  CONV_LAYERS: ["[1]", "[1, 2, 1]", "[1, 2]", "[2, 2]", "[]"],
};
const STEM = { CONVNEXT_STEM_K_SIZE: ["2", "4", "8"] };
const NORMALIZED = { NORMALIZATION: ["in", "bn", "gn", "ln", "''"] };
const ORDERED = { CONV_BLOCK_ORDER: ["norm_act_conv", "conv_norm_act"] };
const TOKENS = {
  VIT_TOKEN_SIZE: ["8", "16", "12"],
  VIT_EMBED_DIM: ["24", "30"],
  VIT_NUM_HEADS: ["3", "4"],
  VIT_NUM_LAYERS: ["1", "4"],
  VIT_PRETRAINED_WEIGHTS: ["weights.pth", "''"],
  DROPOUT_VALUES: ["[0.1]", "[0.1, 0.1]", "[0., 0.]"],
};
const HRNET = {
  HEAD_TYPE: ["FCN", "OCR"],
  BLOCK_TYPE: ["BASIC", "BOTTLENECK", "CONVNEXT_V1", "CONVNEXT_V2"],
  NUM_STAGES: ["1", "2", "3"],
  NUM_MODULES: ["[1, 1]", "[2]", "[1, 1, 1]"],
  NUM_BRANCHES: ["[1, 2]", "[2, 2]", "[2]", "[1, 1, 2]"],
  NUM_BLOCKS: ["[[1], [1, 1]]", "[[1, 1], [1, 1]]", "[[1, 1]]"],
  NUM_CHANNELS: ["[[16], [16, 32]]", "[[4, 8], [4, 8]]", "[[16, 24], [16, 24]]"],
  YX_DOWN: ["[2, 2]", "[1, 1]", "[0, 0]", "[2]", "[2, 2, 2]", "[1, 2]"],
  Z_DOWN: ["[1, 1]", "[2, 2]", "[1]", "[1, 1, 1]"],
};
const STUNET = {
  DIMS: ["[4, 8, 8]", "[4, 8]"],
  DEPTH: ["[1, 1, 1]", "[1, 2]"],
  POOL_OP_KERNEL_SIZES: ["[[2, 2], [2, 2]]", "[[2, 2, 2], [1, 2, 2]]", "[[2, 2]]"],
  CONV_KERNEL_SIZES: ["[[3, 3], [3, 3], [3, 3]]", "[[3, 3, 3], [3, 3, 3], [3, 3, 3]]", "[[3, 3]]"],
};

type Choices = Readonly<Record<string, readonly string[]>>;

/** Values of the keys that each architecture reads, right ones and wrong ones. */
const NETWORKS: Readonly<
  Record<string, { readonly keys: Choices; readonly group?: readonly [string, Choices] }>
> = {
  ...Object.fromEntries(
    ["unet", "resunet", "resunet++", "seunet", "resunet_se", "attention_unet"].map((name) => [
      name,
      { keys: { ...U_NET, ...LEVELS, ...NORMALIZED, ...ORDERED } },
    ]),
  ),
  multiresunet: { keys: { ...U_NET, ...NORMALIZED, ...ORDERED } },
  unext_v1: { keys: { ...U_NET, ...LEVELS, ...NORMALIZED, ...STEM } },
  unext_v2: { keys: { ...U_NET, ...LEVELS, ...NORMALIZED, ...STEM } },
  hrnet: { keys: { ...NORMALIZED, ...U_NET }, group: ["HRNET", HRNET] },
  stunet: { keys: U_NET, group: ["STUNET", STUNET] },
  unetr: { keys: { ...TOKENS, ...NORMALIZED, UNETR_VIT_MODEL: ["nonsense", "custom"] } },
  vit: { keys: { ...TOKENS, VIT_MODEL: ["nonsense", "custom"] } },
  mae: { keys: TOKENS },
  rcan: { keys: { ...U_NET, ...NORMALIZED, ...ORDERED } },
  dfcan: { keys: U_NET },
};

const WORKFLOWS: Readonly<Record<string, readonly string[]>> = {
  mae: ["SELF_SUPERVISED, SELF_SUPERVISED: {PRETEXT_TASK: masking}"],
  vit: ["SELF_SUPERVISED, SELF_SUPERVISED: {PRETEXT_TASK: crappify}"],
  rcan: ["SELF_SUPERVISED, SELF_SUPERVISED: {PRETEXT_TASK: crappify}"],
  dfcan: ["SELF_SUPERVISED, SELF_SUPERVISED: {PRETEXT_TASK: crappify}"],
};
const OF_MOST = ["SELF_SUPERVISED, SELF_SUPERVISED: {PRETEXT_TASK: crappify}", "DENOISING"];
const PATCHES = {
  "2D": ["(64,64,1)", "(32,32,1)", "(48,48,1)", "(40,40,1)", "(16,16,1)", "(64,32,1)"],
  "3D": ["(32,32,32,1)", "(16,32,32,1)", "(16,16,16,1)", "(8,32,32,1)"],
};
/** Layers that are small; a drawn value replaces one. */
const SMALL: Readonly<Record<string, string>> = {
  FEATURE_MAPS: "[4, 8, 16]",
  DROPOUT_VALUES: "[0.]",
  VIT_TOKEN_SIZE: "8",
  VIT_EMBED_DIM: "24",
  VIT_NUM_HEADS: "3",
  VIT_NUM_LAYERS: "4",
  MAE_DEC_HIDDEN_SIZE: "24",
  MAE_DEC_NUM_HEADS: "3",
  MAE_DEC_NUM_LAYERS: "1",
  UNETR_VIT_NUM_FILTERS: "8",
  UNETR_VIT_MODEL: "custom",
  VIT_MODEL: "custom",
  RCAN_RG_BLOCK_NUM: "1",
  RCAN_RCAB_BLOCK_NUM: "1",
};
const SMALL_GROUPS: Readonly<Record<string, (ndim: string) => Readonly<Record<string, string>>>> = {
  HRNET: () => ({
    VARIANT: "custom",
    NUM_STAGES: "2",
    NUM_MODULES: "[1, 1]",
    NUM_BRANCHES: "[1, 2]",
    NUM_BLOCKS: "[[1], [1, 1]]",
    NUM_CHANNELS: "[[16], [16, 32]]",
    YX_DOWN: "[2, 2]",
    Z_DOWN: "[1, 1]",
  }),
  STUNET: (ndim) => {
    const each = (size: number) =>
      `[${Array.from({ length: ndim === "3D" ? 3 : 2 }, () => size).join(", ")}]`;
    return {
      VARIANT: "custom",
      DIMS: "[4, 8, 8]",
      DEPTH: "[1, 1, 1]",
      POOL_OP_KERNEL_SIZES: `[${each(2)}, ${each(2)}]`,
      CONV_KERNEL_SIZES: `[${each(3)}, ${each(3)}, ${each(3)}]`,
    };
  },
};

const flow = (values: Readonly<Record<string, string>>) =>
  Object.entries(values)
    .map(([key, value]) => `${key}: ${value}`)
    .join(", ");

function drawn(random: Random, choices: Choices, most: number): Record<string, string> {
  const names = Object.keys(choices);
  const found: Record<string, string> = {};
  for (let count = random.integer(most + 1); count > 0; count--) {
    const name = names[random.integer(names.length)];
    found[name] = choices[name][random.integer(choices[name].length)];
  }
  return found;
}

function randomText(random: Random, architecture: string): string {
  const { keys, group } = NETWORKS[architecture];
  const ndim = random.uniform() < 0.6 ? "2D" : "3D";
  const workflows = WORKFLOWS[architecture] ?? OF_MOST;
  const patches = PATCHES[ndim];
  const model = { ARCHITECTURE: architecture, ...SMALL, ...drawn(random, keys, group === undefined ? 3 : 2) };
  const [name, choices] = group ?? [];
  const inner =
    name === undefined || choices === undefined
      ? {}
      : { [name]: `{${flow({ ...SMALL_GROUPS[name](ndim), ...drawn(random, choices, 2) })}}` };
  const folder = samples(`${ndim.toLowerCase()}/train`);
  return `PROBLEM: {TYPE: ${workflows[random.integer(workflows.length)]}, NDIM: ${ndim}}
DATA: {PATCH_SIZE: "${patches[random.integer(patches.length)]}", TRAIN: {PATH: ${folder}, GT_PATH: ${folder}}}
MODEL: {${flow({ ...model, ...inner })}}
TRAIN: {ENABLE: True}
TEST: {ENABLE: False}
`;
}

/** How many networks are tried of each architecture, and from which seed. */
const COUNT = Number(process.env.RANDOM_MODELS ?? 10);
const SEED = Number(process.env.RANDOM_SEED ?? 4);

test(`${COUNT} random networks of each architecture have errors where BiaPy does not build them`, {
  skip,
}, () => {
  const random = new Random(SEED);
  const texts = Object.keys(NETWORKS).flatMap((architecture) =>
    Array.from({ length: COUNT }, () => randomText(random, architecture)),
  );
  const { stdout, stderr, status } = spawnSync(python, [join(import.meta.dirname, "biapy-models-judge.py")], {
    input: JSON.stringify(texts),
    encoding: "utf8",
    maxBuffer: 1e8,
  });
  assert.equal(status, 0, stderr.slice(-3000));
  const answers: unknown = JSON.parse(stdout);
  assert.ok(Array.isArray(answers));
  let [built, refused] = [0, 0];
  const wrong = texts.flatMap((text, index) => {
    const { config, problems } = loadConfig("job.yaml", text);
    const [error] = [...problems, ...checkForEngine("biapy", config, process.cwd())].filter(
      ({ severity }) => severity === "error",
    );
    const answer: unknown = answers[index];
    if (answer === null) built++;
    else refused++;
    if ((error === undefined) === (answer === null)) return [];
    return [`${text}ours: ${error?.message ?? "accepts"}\nBiaPy: ${answer ?? "builds"}`];
  });
  assert.deepEqual(wrong, []);
  assert.ok(built >= texts.length / 5 && refused >= texts.length / 5, `${built} built, ${refused} refused`);
});
