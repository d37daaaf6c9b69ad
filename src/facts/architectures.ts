/**
 * The catalog of BiaPy 3.7.1's architectures (`MODEL.ARCHITECTURE`): their dimensions, workflows and settings, and whether the embedded
 * engine trains them. All lists of architectures are derived from it.
 */

import { keysOf } from "./checked-lists.ts";
import type { WorkflowName } from "./workflows.ts";

export type Dimensions = "2D" | "3D";

/**
 * How a network relates to the size of its patch:
 *
 * - `pixels`: any size, kept throughout or completed by the network itself;
 * - `levels`: shrinks by `MODEL.YX_DOWN` and `MODEL.Z_DOWN` at each level of `MODEL.FEATURE_MAPS`;
 * - `fixed levels`: shrinks by the same keys, a fixed number of times ({@link Architecture.levels});
 * - `branches`: HRNet's parallel resolutions (`MODEL.HRNET.*`);
 * - `stages`: STU-Net's stages (`MODEL.STUNET.*`);
 * - `tokens`: cut into tokens; the network takes patches of one size only.
 */
export type PatchUse = "pixels" | "levels" | "fixed levels" | "branches" | "stages" | "tokens";

/** What all parts of the program know about an architecture. */
export interface Architecture {
  /** Name in the paper. */
  readonly title: string;
  readonly dimensions: readonly Dimensions[];
  /** Workflows of the embedded engine for which BiaPy accepts it. */
  readonly workflows: readonly WorkflowName[];
  readonly patch: PatchUse;
  /** Number of times that a network with `fixed levels` shrinks its patch. */
  readonly levels?: number;
  /** Keys that it reads, without `MODEL.`. A group (`HRNET`) stands for all of its keys. */
  readonly settings: readonly string[];
}

const BOTH = ["2D", "3D"] as const;
const IMAGES = ["crappify", "denoising", "segmentation"] as const;
/** Super-resolution networks, which BiaPy also accepts for restoration and segmentation. */
const SUPER_RESOLUTION = ["crappify", "segmentation"] as const;

const LEVELS = ["FEATURE_MAPS", "YX_DOWN", "Z_DOWN", "ISOTROPY", "CONV_LAYERS", "UPSAMPLE_LAYER"] as const;
const BLOCKS = ["ACTIVATION", "NORMALIZATION", "DROPOUT_VALUES", "KERNEL_SIZE"] as const;
const U_NET = [...LEVELS, ...BLOCKS, "LARGER_IO", "CONV_BLOCK_ORDER"] as const;
const U_NEXT = [...LEVELS, "CONVNEXT_SD_PROB", "CONVNEXT_STEM_K_SIZE"] as const;
const TRANSFORMER = [
  ...["VIT_TOKEN_SIZE", "VIT_EMBED_DIM", "VIT_NUM_LAYERS", "VIT_NUM_HEADS", "VIT_MLP_RATIO"],
] as const;
const MASKING = [
  ...["MAE_DEC_HIDDEN_SIZE", "MAE_DEC_NUM_LAYERS", "MAE_DEC_NUM_HEADS", "MAE_MASK_TYPE", "MAE_MASK_RATIO"],
] as const;

const uNet = (title: string) =>
  ({ title, dimensions: BOTH, workflows: IMAGES, patch: "levels", settings: U_NET }) as const;

/** Architectures that the embedded engine trains, the most common first. */
const EMBEDDED = {
  mae: {
    title: "Masked autoencoder",
    dimensions: BOTH,
    workflows: ["masking"],
    patch: "tokens",
    settings: [...TRANSFORMER, ...MASKING],
  },
  unet: uNet("U-Net"),
  resunet: uNet("Residual U-Net"),
  "resunet++": uNet("ResUNet++"),
  attention_unet: uNet("Attention U-Net"),
  multiresunet: {
    title: "MultiResUNet",
    dimensions: BOTH,
    workflows: IMAGES,
    patch: "fixed levels",
    levels: 4,
    settings: ["YX_DOWN", "Z_DOWN"],
  },
  seunet: uNet("SE U-Net"),
  resunet_se: uNet("Residual SE U-Net"),
  unetr: {
    title: "UNETR",
    dimensions: BOTH,
    workflows: IMAGES,
    patch: "tokens",
    settings: [...TRANSFORMER, ...BLOCKS, "UNETR_VIT_MODEL", "UNETR_VIT_NUM_FILTERS", "UNETR_VIT_HIDD_MULT"],
  },
  unext_v1: {
    title: "U-NeXt V1",
    dimensions: BOTH,
    workflows: IMAGES,
    patch: "levels",
    settings: [...U_NEXT, "CONVNEXT_LAYER_SCALE"],
  },
  unext_v2: { title: "U-NeXt V2", dimensions: BOTH, workflows: IMAGES, patch: "levels", settings: U_NEXT },
  hrnet: {
    title: "HRNet",
    dimensions: BOTH,
    workflows: IMAGES,
    patch: "branches",
    settings: ["HRNET", "ACTIVATION", "NORMALIZATION"],
  },
  stunet: { title: "STU-Net", dimensions: BOTH, workflows: IMAGES, patch: "stages", settings: ["STUNET"] },
  vit: {
    title: "Vision transformer",
    dimensions: BOTH,
    workflows: ["crappify"],
    patch: "tokens",
    settings: [...TRANSFORMER, "VIT_MODEL", "DROPOUT_VALUES"],
  },
  edsr: { title: "EDSR", dimensions: ["2D"], workflows: SUPER_RESOLUTION, patch: "pixels", settings: [] },
  rcan: {
    title: "RCAN",
    dimensions: BOTH,
    workflows: SUPER_RESOLUTION,
    patch: "pixels",
    settings: ["RCAN_CONV_FILTERS", "RCAN_RG_BLOCK_NUM", "RCAN_RCAB_BLOCK_NUM", "RCAN_REDUCTION_RATIO"],
  },
  dfcan: { title: "DFCAN", dimensions: BOTH, workflows: SUPER_RESOLUTION, patch: "pixels", settings: [] },
  wdsr: { title: "WDSR", dimensions: ["2D"], workflows: SUPER_RESOLUTION, patch: "pixels", settings: [] },
} as const satisfies Readonly<Record<string, Architecture>>;

/** An architecture that the embedded engine trains. */
export type EmbeddedArchitecture = keyof typeof EMBEDDED;

/** An architecture that maps images to images: all but the masked autoencoder, which has other inputs and outputs. */
export type ImageArchitecture = Exclude<EmbeddedArchitecture, "mae">;

/** Architectures that only BiaPy itself trains. */
const BIAPY_ONLY: Readonly<Record<string, Architecture>> = {
  nafnet: {
    title: "NAFNet",
    dimensions: BOTH,
    workflows: ["denoising"],
    patch: "pixels",
    settings: [...LEVELS, "DROPOUT_VALUES", "KERNEL_SIZE", "LARGER_IO", "NAFNET"],
  },
  simple_cnn: {
    title: "Simple CNN",
    dimensions: BOTH,
    workflows: [],
    patch: "pixels",
    settings: ["ACTIVATION"],
  },
  ...Object.fromEntries(
    Array.from({ length: 8 }, (_, size): [string, Architecture] => [
      `efficientnet_b${size}`,
      { title: `EfficientNet-B${size}`, dimensions: ["2D"], workflows: [], patch: "pixels", settings: [] },
    ]),
  ),
};

/** Every architecture that BiaPy builds, by its name in lower case. */
export const ARCHITECTURES: ReadonlyMap<string, Architecture> = new Map<string, Architecture>(
  Object.entries({ ...EMBEDDED, ...BIAPY_ONLY }),
);

/** Whether the embedded engine trains the architecture of this name. */
export const isEmbedded = (name: string): name is EmbeddedArchitecture => Object.hasOwn(EMBEDDED, name);

/** Whether the architecture of this name is an {@link ImageArchitecture}. */
export const isImageArchitecture = (name: string): name is ImageArchitecture =>
  isEmbedded(name) && name !== "mae";

/** Returns the architectures that the embedded engine trains in a workflow. Defaults to those for images of any dimensions. */
export function embeddedArchitectures(
  workflow: WorkflowName,
  dimensions?: Dimensions,
): EmbeddedArchitecture[] {
  return keysOf(EMBEDDED).filter((name) => {
    const facts: Architecture = EMBEDDED[name];
    return (
      facts.workflows.includes(workflow) &&
      (dimensions === undefined || facts.dimensions.includes(dimensions))
    );
  });
}

/** Whether the architecture of this name reads `MODEL.<setting>`. */
export const readsSetting = (name: string, setting: string): boolean =>
  ARCHITECTURES.get(name)?.settings.includes(setting) ?? false;

/** Returns the names of the architectures of the embedded engine that read `MODEL.<setting>`. */
export const readersOf = (setting: string): EmbeddedArchitecture[] =>
  keysOf(EMBEDDED).filter((name) => readsSetting(name, setting));

/** Values of MODEL.ACTIVATION. */
export const ACTIVATIONS = [
  ...(["relu", "tanh", "leaky_relu", "elu", "gelu", "silu"] as const),
  ...(["sigmoid", "softmax", "softplus", "linear", "none"] as const),
] as const;
export type Activation = (typeof ACTIVATIONS)[number];

/** Number of groups of channels in group normalization (`MODEL.NORMALIZATION: gn`), by the number of spatial axes. */
export const NORMALIZATION_GROUPS: Readonly<Record<2 | 3, number>> = { 2: 16, 3: 8 };
