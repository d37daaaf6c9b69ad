/** Every architecture as small as BiaPy and the embedded engine build it, in 2D and 3D, for tests of all of them. */
import { ARCHITECTURES, type Dimensions, type EmbeddedArchitecture } from "../../src/facts/architectures.ts";
import { keysOf } from "../../src/facts/checked-lists.ts";

/** Keys of MODEL with their values in YAML. */
type Settings = Readonly<Record<string, string>>;

/** Returns a list with the same number for each axis. */
const perAxis = (ndim: Dimensions, value: number) =>
  `[${Array.from({ length: ndim === "3D" ? 3 : 2 }, () => value)}]`;

const LEVELS = {
  FEATURE_MAPS: "[4, 8, 16]",
  DROPOUT_VALUES: "[0., 0., 0.]",
  Z_DOWN: "[2, 2]",
};
/** Squeeze and excitation divides the channels by 16. */
const SQUEEZED = { ...LEVELS, FEATURE_MAPS: "[16, 16, 32]" };
const U_NEXT = { FEATURE_MAPS: "[4, 8, 16]", CONV_LAYERS: "[1, 1, 1]", Z_DOWN: "[2, 2]" };
const TRANSFORMER = {
  VIT_TOKEN_SIZE: "8",
  VIT_EMBED_DIM: "48",
  VIT_NUM_LAYERS: "3",
  VIT_NUM_HEADS: "3",
};

const SMALL: Readonly<Record<EmbeddedArchitecture, Settings | ((ndim: Dimensions) => Settings)>> = {
  mae: {
    ...TRANSFORMER,
    MAE_MASK_TYPE: "random",
    MAE_DEC_HIDDEN_SIZE: "32",
    MAE_DEC_NUM_LAYERS: "1",
    MAE_DEC_NUM_HEADS: "2",
  },
  unet: LEVELS,
  resunet: LEVELS,
  "resunet++": SQUEEZED,
  attention_unet: LEVELS,
  multiresunet: { Z_DOWN: "[1, 1, 1, 1]" },
  seunet: SQUEEZED,
  resunet_se: SQUEEZED,
  unetr: { ...TRANSFORMER, UNETR_VIT_NUM_FILTERS: "4" },
  unext_v1: U_NEXT,
  unext_v2: { ...U_NEXT, CONVNEXT_STEM_K_SIZE: "1" },
  hrnet: {
    HRNET:
      "{VARIANT: custom, NUM_STAGES: 2, NUM_MODULES: [1, 1], NUM_BRANCHES: [2, 3], NUM_BLOCKS: [[1, 1], [1, 1, 1]], " +
      "NUM_CHANNELS: [[8, 16], [8, 16, 32]], YX_DOWN: [2, 2], Z_DOWN: [1, 1]}",
  },
  stunet: (ndim) => ({
    FEATURE_MAPS: "[4, 8, 16]",
    Z_DOWN: "[2, 2]",
    STUNET:
      "{VARIANT: custom, DIMS: [4, 8, 8], DEPTH: [1, 2, 1], " +
      `POOL_OP_KERNEL_SIZES: [${perAxis(ndim, 2)}, ${perAxis(ndim, 2)}], ` +
      `CONV_KERNEL_SIZES: [${perAxis(ndim, 3)}, ${perAxis(ndim, 3)}, ${perAxis(ndim, 3)}]}`,
  }),
  vit: TRANSFORMER,
  edsr: {},
  rcan: { RCAN_RG_BLOCK_NUM: "1", RCAN_RCAB_BLOCK_NUM: "2", RCAN_CONV_FILTERS: "16" },
  dfcan: {},
  wdsr: {},
};

/**
 * Returns the keys of MODEL, in YAML's flow style without braces.
 *
 * @param changes keys to add or override
 */
export function smallModel(
  architecture: EmbeddedArchitecture,
  ndim: Dimensions,
  changes: Settings = {},
): string {
  const small = SMALL[architecture];
  const settings = { ...(typeof small === "function" ? small(ndim) : small), ...changes };
  return Object.entries({ ARCHITECTURE: architecture, ...settings })
    .map(([key, value]) => `${key}: ${value}`)
    .join(", ");
}

/** Networks that compute by far the most per pixel. */
const SLOW: readonly EmbeddedArchitecture[] = ["dfcan", "edsr", "wdsr"];

/** Whether a network trains on a smaller {@link smallPatch} and a smaller image. */
export const isSlow = (architecture: EmbeddedArchitecture): boolean => SLOW.includes(architecture);

/** Returns the smallest patch for training, `[(z,) y, x]`. */
export function smallPatch(architecture: EmbeddedArchitecture, ndim: Dimensions): readonly number[] {
  if (isSlow(architecture)) return ndim === "3D" ? [4, 8, 8] : [8, 8];
  // It halves patches four times.
  if (architecture === "multiresunet") return ndim === "3D" ? [4, 32, 32] : [32, 32];
  // Its coarsest branch needs two pixels.
  if (architecture === "hrnet" && ndim === "2D") return [32, 32];
  return ndim === "3D" ? [8, 16, 16] : [16, 16];
}

/** Networks for super-resolution keep the image's size throughout: they have no encoder. */
const WITHOUT_ENCODER: readonly string[] = ["rcan", "edsr", "wdsr", "dfcan"];

export const hasEncoder = (architecture: string): boolean => !WITHOUT_ENCODER.includes(architecture);

/** A network to export or to predict with. */
export interface SmallNetwork {
  readonly architecture: EmbeddedArchitecture;
  readonly ndim: Dimensions;
  /** DATA.PATCH_SIZE: one that all networks take. */
  readonly patch: string;
  /** See {@link smallModel}. */
  readonly model: string;
}

export function smallNetwork(architecture: EmbeddedArchitecture, ndim: Dimensions): SmallNetwork {
  const patch = ndim === "2D" ? "(32, 32, 1)" : "(16, 16, 16, 1)";
  return { architecture, ndim, patch, model: smallModel(architecture, ndim) };
}

/** One for each architecture and number of dimensions. */
export const SMALL_NETWORKS: readonly SmallNetwork[] = keysOf(SMALL).flatMap((architecture) =>
  (ARCHITECTURES.get(architecture)?.dimensions ?? []).map((ndim) => smallNetwork(architecture, ndim)),
);
