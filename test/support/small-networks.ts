/** The smallest version of each architecture that trains in a second, for tests of all of them. */
import type { Dimensions } from "../../src/facts/architectures.ts";

/** Keys of MODEL; those without an entry have levels. */
const SMALL: Readonly<Record<string, string>> = {
  unetr:
    "VIT_TOKEN_SIZE: 8, VIT_EMBED_DIM: 24, VIT_NUM_LAYERS: 3, VIT_NUM_HEADS: 3, UNETR_VIT_NUM_FILTERS: 4",
  rcan: "RCAN_RG_BLOCK_NUM: 1, RCAN_RCAB_BLOCK_NUM: 2",
  multiresunet: "Z_DOWN: [1, 1, 1, 1]",
  unext_v1: "FEATURE_MAPS: [4, 8, 16], CONV_LAYERS: [1, 1, 1]",
  unext_v2: "FEATURE_MAPS: [4, 8, 16], CONV_LAYERS: [1, 1, 1], CONVNEXT_STEM_K_SIZE: 1",
  vit: "VIT_TOKEN_SIZE: 8, VIT_EMBED_DIM: 24, VIT_NUM_LAYERS: 3, VIT_NUM_HEADS: 3",
};

/** Those whose keys have as many numbers as images have axes. */
const SMALL_BY_AXES: Readonly<Record<string, (axes: number) => string>> = {
  hrnet: () =>
    "HRNET: {VARIANT: custom, NUM_STAGES: 1, NUM_MODULES: [1], NUM_BRANCHES: [2], NUM_BLOCKS: [[1, 1]], " +
    "NUM_CHANNELS: [[8, 8]], YX_DOWN: [2], Z_DOWN: [1]}",
  stunet: (axes) => {
    const each = (value: number) => `[${Array.from({ length: axes }, () => value)}]`;
    const kernels = `POOL_OP_KERNEL_SIZES: [${each(2)}], CONV_KERNEL_SIZES: [${each(3)}, ${each(3)}]`;
    return `STUNET: {VARIANT: custom, DIMS: [4, 8], DEPTH: [1, 1], ${kernels}}`;
  },
};
const LEVELS = "FEATURE_MAPS: [4, 8, 16]";

/** The keys of MODEL beside ARCHITECTURE, as in a flow mapping. */
export const smallModel = (architecture: string, ndim: Dimensions): string =>
  SMALL_BY_AXES[architecture]?.(ndim === "3D" ? 3 : 2) ?? SMALL[architecture] ?? LEVELS;

/** The smallest patch, `[(z,) y, x]`: MultiResUNet halves four times, DFCAN computes by far the most for each voxel. */
export function smallPatch(architecture: string, ndim: Dimensions): readonly number[] {
  if (architecture === "dfcan" && ndim === "3D") return [4, 8, 8];
  if (architecture === "multiresunet") return ndim === "3D" ? [4, 32, 32] : [32, 32];
  return ndim === "3D" ? [8, 16, 16] : [16, 16];
}
