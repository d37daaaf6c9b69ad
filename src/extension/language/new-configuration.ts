/** A new configuration as a person would write it: few keys, each with a comment. */
import { relative, sep } from "node:path";
import { embeddedArchitectures, readsSetting } from "../../facts/architectures.ts";

/** What is asked before a configuration is written. */
export interface ConfigurationChoices {
  readonly ndim: 2 | 3;
  readonly task: "masking" | "crappify";
  /** One of `architecturesFor(task, ndim)`. */
  readonly architecture: string;
  /** 1 for greyscale, 3 for RGB. */
  readonly channels: number;
  /** Folders as they are to stand in the file. */
  readonly trainFolder: string;
  readonly testFolder: string;
}

/** The architectures that a pretext task can train, the recommended one first. */
export function architecturesFor(task: "masking" | "crappify", ndim: 2 | 3): readonly string[] {
  return embeddedArchitectures(task, `${ndim}D`);
}

/** A path relative to `folder` where it lies inside, else absolute; with forward slashes, which all systems read. */
export function shortestPath(path: string, folder: string): string {
  const inside = relative(folder, path);
  const short = inside === "" ? "." : inside.startsWith("..") ? path : inside;
  return short.split(sep).join("/");
}

/** The text of the configuration that the choices ask for. */
export function configurationText(choices: ConfigurationChoices): string {
  const { ndim, task } = choices;
  return `# ${ndim}D self-supervised training by ${task === "masking" ? "masking" : "restoring worsened images"}
# Hover over a key to read what it does; press Ctrl+Space to see which keys and values there are.

${problem(choices)}
${data(choices)}
${task === "masking" ? maskedAutoencoder(ndim) : model(choices)}
${augmentation(ndim)}
${training(choices)}
TEST:
    # Applies the trained model to the test images and writes what it reconstructs.
    ENABLE: True
`;
}

function problem({ ndim, task }: ConfigurationChoices): string {
  const crappify = `        # An image is shrunk and enlarged by this factor, and noise is added.
        RESIZING_FACTOR: 4
        NOISE: 0.2
`;
  return `PROBLEM:
    TYPE: SELF_SUPERVISED
    # Images are ${ndim === 2 ? "planes: y and x" : "stacks: z, y and x"}.
    NDIM: ${ndim}D
    SELF_SUPERVISED:
        # ${task === "masking" ? "Parts of each patch are hidden; the model fills them in." : "Each image is worsened; the model restores it."}
        PRETEXT_TASK: ${task}
${task === "crappify" ? crappify : ""}`;
}

/** Small enough to train on a laptop. */
function patch({ ndim, channels }: ConfigurationChoices): string {
  return ndim === 2 ? `(64,64,${channels})` : `(16,32,32,${channels})`;
}

const perAxis = (ndim: 2 | 3, share: string) => `(${Array.from({ length: ndim }, () => share).join(",")})`;

function data(choices: ConfigurationChoices): string {
  const { ndim, trainFolder, testFolder } = choices;
  return `DATA:
    # Images are cut into patches: ${ndim === 2 ? "(y, x, channels)" : "(z, y, x, channels)"}.
    PATCH_SIZE: ${patch(choices)}
    TRAIN:
        # Folder of TIFF images, no annotations needed.
        PATH: ${yamlText(trainFolder)}
        # Neighbouring patches share half of each side, which gives more of them.
        OVERLAP: ${perAxis(ndim, "0.5")}
    VAL:
        # Share of the patches that is kept to judge the model by.
        SPLIT_TRAIN: 0.1
    TEST:
        PATH: ${yamlText(testFolder)}
        # Overlaps are blended, which hides seams between patches.
        OVERLAP: ${perAxis(ndim, "0.25")}
`;
}

/** A path that YAML could take for something else is quoted. */
function yamlText(text: string): string {
  return /^[\w./][\w./ -]*$/.test(text) && !/^[\d.]+$|^(true|false|null|none)$|\s$/i.test(text)
    ? text
    : `'${text.replaceAll("'", "''")}'`;
}

function maskedAutoencoder(ndim: 2 | 3): string {
  return `MODEL:
    ARCHITECTURE: mae
    # Half of the tokens are hidden at random.
    MAE_MASK_TYPE: random
    MAE_MASK_RATIO: 0.5
    # A token is a ${ndim === 2 ? "square" : "cube"} of this side; each side of a patch is a multiple of it.
    VIT_TOKEN_SIZE: 8
    # The size of the encoder. A full ViT-B has 768, 12 and 12, and wants many images and a graphics card.
    VIT_EMBED_DIM: 192
    VIT_NUM_LAYERS: 6
    VIT_NUM_HEADS: 6
    # The decoder is needed for training only.
    MAE_DEC_HIDDEN_SIZE: 128
    MAE_DEC_NUM_LAYERS: 2
    MAE_DEC_NUM_HEADS: 4
`;
}

function model(choices: ConfigurationChoices): string {
  const { architecture, ndim } = choices;
  const reads = (setting: string) => readsSetting(architecture, setting);
  const features = `    # Features at each level, from full resolution down.
    FEATURE_MAPS: [16, 32, 64]
${reads("DROPOUT_VALUES") ? "    DROPOUT_VALUES: [0., 0., 0.]\n" : ""}    CONV_LAYERS: [2, 2, 2]
    ISOTROPY: [True, True, True]
`;
  // MultiResUNet's levels are fixed, but not how much they shrink.
  const fixed = !reads("FEATURE_MAPS");
  const shrink = fixed ? { yx: "2, 2, 2, 2", z: "2, 2, 1, 1" } : { yx: "2, 2", z: "2, 2" };
  const levels = `${fixed ? "" : features}    # How much each level shrinks its input.
    YX_DOWN: [${shrink.yx}]
    Z_DOWN: [${ndim === 2 ? shrink.yx.replaceAll("2", "1") : shrink.z}]
`;
  const tokens = `    # The transformer sees a patch in tokens of this side.
    VIT_TOKEN_SIZE: 8
    VIT_EMBED_DIM: 192
    VIT_NUM_LAYERS: 6
    VIT_NUM_HEADS: 6
${reads("UNETR_VIT_HIDD_MULT") ? "    UNETR_VIT_HIDD_MULT: 2\n" : ""}    DROPOUT_VALUES: [0.]
`;
  const variants: Readonly<Record<string, string>> = {
    hrnet: "    # Channels of the finest branch: W18, W32, W48 or W64.\n    HRNET: {VARIANT: W18}\n",
    stunet: "    # small, base or large.\n    STUNET: {VARIANT: small}\n",
  };
  const sized = reads("YX_DOWN") ? levels : reads("VIT_TOKEN_SIZE") ? tokens : "";
  const more = variants[architecture] ?? sized;
  return `MODEL:
    ARCHITECTURE: ${architecture}
${more}`;
}

function augmentation(ndim: 2 | 3): string {
  return `AUGMENTOR:
    # Flips and quarter turns: safe wherever no direction is special.
    ENABLE: True
    HFLIP: True
    VFLIP: True
    ROT90: True
${ndim === 3 ? "    ZFLIP: True\n" : ""}`;
}

function training({ task }: ConfigurationChoices): string {
  return `TRAIN:
    ENABLE: True
    OPTIMIZER: ADAMW
    LR: ${task === "masking" ? "1.E-3" : "5.E-4"}
    # Patches in each step: make it smaller when memory runs out.
    BATCH_SIZE: ${task === "masking" ? 12 : 4}
    EPOCHS: 100
    # Stops early after so many epochs without a better validation loss.
    PATIENCE: 30
    LR_SCHEDULER:
        # The learning rate rises first and then falls along a cosine.
        NAME: warmupcosine
        MIN_LR: [1.E-5]
        WARMUP_COSINE_DECAY_EPOCHS: 5
`;
}
