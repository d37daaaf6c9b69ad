/** Every architecture of the embedded engine as small as it gets, in 2D and 3D: the `MODEL` group of a configuration and a patch. */
import { ARCHITECTURES, type Dimensions, isEmbedded } from "../../src/facts/architectures.ts";

const LEVELS = "\n  FEATURE_MAPS: [4, 8, 16]\n  DROPOUT_VALUES: [0., 0., 0.]\n  Z_DOWN: [2, 2]";
const SQUEEZED = "\n  FEATURE_MAPS: [16, 16, 32]\n  DROPOUT_VALUES: [0., 0., 0.]\n  Z_DOWN: [2, 2]";
const TOKENS = "\n  VIT_EMBED_DIM: 48\n  VIT_NUM_LAYERS: 2\n  VIT_NUM_HEADS: 3\n  VIT_TOKEN_SIZE: 8";
const UNEXT =
  "\n  FEATURE_MAPS: [4, 8, 16]\n  CONV_LAYERS: [1, 1, 1]\n  Z_DOWN: [2, 2]\n  CONVNEXT_STEM_K_SIZE: 1";
const HRNET = `
  HRNET:
    VARIANT: custom
    NUM_STAGES: 2
    NUM_MODULES: [1, 1]
    NUM_BRANCHES: [2, 3]
    NUM_BLOCKS: [[1, 1], [1, 1, 1]]
    NUM_CHANNELS: [[8, 16], [8, 16, 32]]
    YX_DOWN: [2, 2]
    Z_DOWN: [1, 1]`;

function stunet(axes: number): string {
  const each = (value: number) => `[${Array.from({ length: axes }, () => value)}]`;
  return `
  FEATURE_MAPS: [4, 8, 16]
  Z_DOWN: [2, 2]
  STUNET:
    VARIANT: custom
    DIMS: [4, 8, 8]
    DEPTH: [1, 2, 1]
    POOL_OP_KERNEL_SIZES: [${each(2)}, ${each(2)}]
    CONV_KERNEL_SIZES: [${each(3)}, ${each(3)}, ${each(3)}]`;
}

const SETTINGS: Readonly<Record<string, string>> = {
  mae: `${TOKENS}\n  MAE_MASK_TYPE: random\n  MAE_DEC_HIDDEN_SIZE: 32\n  MAE_DEC_NUM_LAYERS: 1\n  MAE_DEC_NUM_HEADS: 2`,
  vit: TOKENS,
  unetr: `${TOKENS}\n  UNETR_VIT_NUM_FILTERS: 4`,
  multiresunet: "\n  Z_DOWN: [1, 1, 1, 1]",
  seunet: SQUEEZED,
  resunet_se: SQUEEZED,
  "resunet++": SQUEEZED,
  unext_v1: UNEXT,
  unext_v2: UNEXT,
  hrnet: HRNET,
  rcan: "\n  RCAN_RG_BLOCK_NUM: 1\n  RCAN_RCAB_BLOCK_NUM: 1\n  RCAN_CONV_FILTERS: 16",
  edsr: "",
  wdsr: "",
  dfcan: "",
};

export interface TinyNetwork {
  readonly architecture: string;
  readonly ndim: Dimensions;
  /** DATA.PATCH_SIZE. */
  readonly patch: string;
  /** What stands below `MODEL:`. */
  readonly model: string;
}

/** All of them. */
export const TINY_NETWORKS: readonly TinyNetwork[] = [...ARCHITECTURES].flatMap(
  ([architecture, { dimensions }]) =>
    isEmbedded(architecture) ? dimensions.map((ndim) => tiny(architecture, ndim)) : [],
);

function tiny(architecture: string, ndim: Dimensions): TinyNetwork {
  const settings =
    architecture === "stunet" ? stunet(ndim === "3D" ? 3 : 2) : (SETTINGS[architecture] ?? LEVELS);
  return {
    architecture,
    ndim,
    patch: ndim === "2D" ? "(32, 32, 1)" : "(16, 16, 16, 1)",
    model: `  ARCHITECTURE: ${architecture}${settings}`,
  };
}
