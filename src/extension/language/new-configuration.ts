/** The text of a new configuration: few keys, each with a comment. */
import { sep } from "node:path";
import { ARCHITECTURES, embeddedArchitectures, readsSetting } from "../../facts/architectures.ts";
import { pathInside } from "../../facts/files/lies-inside.ts";
import { WORKFLOWS, type WorkflowName } from "../../facts/workflows.ts";
import { yamlText } from "./yaml-text.ts";

/** The answers that a new configuration is written from. */
export interface ConfigurationChoices {
  readonly ndim: 2 | 3;
  readonly workflow: WorkflowName;
  /** One of `architecturesFor(workflow, ndim)`. */
  readonly architecture: string;
  /** 1 for grayscale, 3 for RGB. */
  readonly channels: number;
  /** `[y, x]` or `[z, y, x]`, as {@link proposedPatch} gives it. */
  readonly patch: readonly number[];
  /** Folders, as written in the file. */
  readonly trainFolder: string;
  readonly testFolder: string;
  /** Folders of masks, for segmentation; without test masks, the test images are predicted but not measured. */
  readonly trainMasks?: string;
  readonly testMasks?: string;
}

/** The architectures for a workflow, the recommended one first. */
export function architecturesFor(workflow: WorkflowName, ndim: 2 | 3): readonly string[] {
  const names = embeddedArchitectures(workflow, `${ndim}D`);
  // Networks for super-resolution see little around a pixel, and need as many classes as channels.
  return workflow === "segmentation"
    ? names.filter((name) => ARCHITECTURES.get(name)?.patch !== "pixels")
    : names;
}

/** A path relative to `folder` if it lies inside, else absolute; with forward slashes, which work on all systems. */
export function shortestPath(path: string, folder: string): string {
  const inside = pathInside(path, folder) ?? path;
  return (inside === "" ? "." : inside).split(sep).join("/");
}

const TITLES: Readonly<Record<WorkflowName, string>> = {
  masking: "self-supervised training by masking",
  crappify: "self-supervised training by restoring degraded images",
  denoising: "denoising without clean images (Noise2Void)",
  segmentation: "semantic segmentation from masks",
};

/** Returns the text of the configuration for these choices. */
export function configurationText(choices: ConfigurationChoices): string {
  const { ndim, workflow } = choices;
  return `# ${ndim}D ${TITLES[workflow]}
# Hover over a key to read what it does; press Ctrl+Space to see which keys and values there are.

${problem(choices)}
${data(choices)}
${workflow === "masking" ? maskedAutoencoder(ndim) : model(choices)}
${workflow === "segmentation" ? loss : ""}${workflow === "denoising" ? "" : augmentation(ndim)}
${training(choices)}
TEST:
    # Apply the trained model to the test images and write its predictions.
    ENABLE: True
`;
}

function problem({ ndim, workflow }: ConfigurationChoices): string {
  return `PROBLEM:
    TYPE: ${WORKFLOWS[workflow].problem}
    # Images are ${ndim === 2 ? "planes: y and x" : "stacks: z, y and x"}.
    NDIM: ${ndim}D
${PROBLEM_SETTINGS[workflow]}`;
}

const PROBLEM_SETTINGS: Readonly<Record<WorkflowName, string>> = {
  masking: `    SELF_SUPERVISED:
        # Parts of each patch are hidden; the model fills them in.
        PRETEXT_TASK: masking
`,
  crappify: `    SELF_SUPERVISED:
        # Each image is degraded; the model restores it.
        PRETEXT_TASK: crappify
        # An image is shrunk and enlarged by this factor, and noise is added.
        RESIZING_FACTOR: 4
        NOISE: 0.2
`,
  denoising: `    DENOISING:
        # Percent of the pixels of each patch that are replaced; the model predicts them from their neighbors.
        N2V_PERC_PIX: 0.198
        N2V_MANIPULATOR: uniform_withCP
        N2V_NEIGHBORHOOD_RADIUS: 5
        # True for noise that is correlated along rows, as in scanning microscopes.
        N2V_STRUCTMASK: False
`,
  segmentation: "",
};

const loss = `LOSS:
    # Dice loss and cross entropy, added up.
    TYPE: [DICE, CE]
    WEIGHTS: [1., 1.]

`;

/** Patch sizes that a laptop trains, `[z, y, x]`. */
const LAPTOP_PATCH = { 2: [1, 64, 64], 3: [16, 32, 32] } as const;
/** Side of a token, which divides each side of a patch; U-Nets of three levels need multiples of 4. */
const TOKEN = 8;

/**
 * Returns a patch size that a laptop can train, smaller if the images are smaller.
 *
 * @param shape `[z, y, x, channel]` of an image, if one is known
 * @returns `[y, x]` or `[z, y, x]`
 */
export function proposedPatch(ndim: 2 | 3, shape: readonly number[] = []): number[] {
  const sides = LAPTOP_PATCH[ndim].map((side, axis) =>
    side === 1 ? 1 : Math.max(TOKEN, Math.min(side, Math.floor((shape[axis] ?? side) / TOKEN) * TOKEN)),
  );
  return sides.slice(3 - ndim);
}

const perAxis = (ndim: 2 | 3, share: string) => `(${Array.from({ length: ndim }, () => share).join(",")})`;

function data(choices: ConfigurationChoices): string {
  const { ndim, workflow, trainFolder, testFolder, trainMasks, testMasks } = choices;
  const segments = workflow === "segmentation";
  const classes = `    # Background and foreground. Masks hold 0 and 1, or 0 and 255, or the numbers of several classes.
    N_CLASSES: 2
`;
  const trainGt = `        # Masks with the names of the images.
        GT_PATH: ${yamlText(trainMasks ?? "")}
`;
  const testGt = `        # Compare the predictions with these masks.
        LOAD_GT: True
        GT_PATH: ${yamlText(testMasks ?? "")}
`;
  return `DATA:
${segments ? classes : ""}    # Images are cut into patches: ${ndim === 2 ? "(y, x, channels)" : "(z, y, x, channels)"}.
    PATCH_SIZE: (${[...choices.patch, choices.channels].join(",")})
    TRAIN:
        # Folder of images${segments ? "" : ", no annotations needed"}.
        PATH: ${yamlText(trainFolder)}
${segments ? trainGt : ""}        # Neighboring patches overlap by half, which gives more patches.
        OVERLAP: ${perAxis(ndim, "0.5")}
    VAL:
        # Share of the patches kept for validation.
        SPLIT_TRAIN: 0.1
    TEST:
        PATH: ${yamlText(testFolder)}
${segments && testMasks !== undefined ? testGt : ""}        # Overlapping predictions are blended, which hides seams between patches.
        OVERLAP: ${perAxis(ndim, "0.25")}
`;
}

function maskedAutoencoder(ndim: 2 | 3): string {
  return `MODEL:
    ARCHITECTURE: mae
    # Half of the tokens are hidden at random.
    MAE_MASK_TYPE: random
    MAE_MASK_RATIO: 0.5
    # A token is a ${ndim === 2 ? "square" : "cube"} of this side; each side of a patch is a multiple of it.
    VIT_TOKEN_SIZE: 8
    # Size of the encoder. ViT-B has 768, 12 and 12; it needs many images and a GPU.
    VIT_EMBED_DIM: 192
    VIT_NUM_LAYERS: 6
    VIT_NUM_HEADS: 6
    # The decoder is used for pretraining only.
    MAE_DEC_HIDDEN_SIZE: 128
    MAE_DEC_NUM_LAYERS: 2
    MAE_DEC_NUM_HEADS: 4
`;
}

function model(choices: ConfigurationChoices): string {
  const { architecture, ndim } = choices;
  const reads = (setting: string) => readsSetting(architecture, setting);
  const features = `    # Feature maps of each level, from full resolution down.
    FEATURE_MAPS: [16, 32, 64]
${reads("DROPOUT_VALUES") ? "    DROPOUT_VALUES: [0., 0., 0.]\n" : ""}    CONV_LAYERS: [2, 2, 2]
    ISOTROPY: [True, True, True]
`;
  // MultiResUNet has fixed levels; only their downsampling can be set.
  const fixed = !reads("FEATURE_MAPS");
  const shrink = fixed ? { yx: "2, 2, 2, 2", z: "2, 2, 1, 1" } : { yx: "2, 2", z: "2, 2" };
  const levels = `${fixed ? "" : features}    # Downsampling factor of each level.
    YX_DOWN: [${shrink.yx}]
    Z_DOWN: [${ndim === 2 ? shrink.yx.replaceAll("2", "1") : shrink.z}]
`;
  const tokens = `    # Side of a token; each side of a patch is a multiple of it.
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
  const sized = () => {
    if (reads("YX_DOWN")) return levels;
    return reads("VIT_TOKEN_SIZE") ? tokens : "";
  };
  const more = variants[architecture] ?? sized();
  return `MODEL:
    ARCHITECTURE: ${architecture}
${more}`;
}

function augmentation(ndim: 2 | 3): string {
  return `AUGMENTOR:
    # Flips and 90° rotations: safe for images without a preferred direction.
    ENABLE: True
    HFLIP: True
    VFLIP: True
    ROT90: True
${ndim === 3 ? "    ZFLIP: True\n" : ""}`;
}

function training({ workflow }: ConfigurationChoices): string {
  return `TRAIN:
    ENABLE: True
    OPTIMIZER: ADAMW
    LR: ${workflow === "masking" ? "1.E-3" : "5.E-4"}
    # Patches in each step. Use fewer if memory runs out.
    BATCH_SIZE: ${workflow === "masking" ? 12 : 4}
    EPOCHS: 100
    # Stop early after this many epochs without a better validation loss.
    PATIENCE: 30
    LR_SCHEDULER:
        # The learning rate rises linearly, then falls along a cosine.
        NAME: warmupcosine
        MIN_LR: [1.E-5]
        WARMUP_COSINE_DECAY_EPOCHS: 5
`;
}
