/** Sizes of networks by their names. */

/** Size of a vision transformer. */
export interface TransformerSize {
  /** Side of a token in pixels. */
  readonly tokenSize: number;
  /** Features of a token. */
  readonly features: number;
  readonly layers: number;
  readonly heads: number;
}

/** Vision transformers by `MODEL.VIT_MODEL` and `MODEL.UNETR_VIT_MODEL` (Dosovitskiy et al. 2021, table 1). */
export const NAMED_TRANSFORMERS: Readonly<Record<string, TransformerSize>> = {
  vit_base_patch16: { tokenSize: 16, features: 768, layers: 12, heads: 12 },
  vit_large_patch16: { tokenSize: 16, features: 1024, layers: 24, heads: 16 },
  vit_huge_patch14: { tokenSize: 14, features: 1280, layers: 32, heads: 16 },
};

/** HRNet's stages, one entry for each. */
export interface HrNetStages {
  readonly modules: readonly number[];
  /** Residual blocks of each branch. */
  readonly blocks: readonly (readonly number[])[];
  /** Channels of each branch, the finest first. */
  readonly channels: readonly (readonly number[])[];
  /** Downsampling factor of each new branch. */
  readonly yxDown: readonly number[];
  readonly zDown: readonly number[];
}

/**
 * Returns HRNet's stages by `MODEL.HRNET.VARIANT`: `W18` has 18 channels in its finest branch (Wang et al. 2020, section 3.4). Undefined
 * for `custom`.
 */
export function hrNetVariant(name: string): HrNetStages | undefined {
  const width = /^W(\d+)$/i.exec(name)?.[1];
  if (width === undefined) return undefined;
  const branches = [2, 3, 4];
  const perBranch = (value: (branch: number) => number) =>
    branches.map((count) => Array.from({ length: count }, (_, branch) => value(branch)));
  return {
    modules: [1, 4, 3],
    blocks: perBranch(() => 4),
    channels: perBranch((branch) => Number(width) * 2 ** branch),
    yxDown: [2, 2, 2],
    zDown: [1, 1, 1],
  };
}

/** STU-Net's stages, one entry for each, the coarsest last. */
export interface StuNetStages {
  /** Channels. */
  readonly dims: readonly number[];
  /** Residual blocks. */
  readonly depth: readonly number[];
  /** Downsampling factors between a stage and the next one, along each axis; one entry fewer than stages. */
  readonly pools: readonly (readonly number[])[];
  /** Kernels along each axis. */
  readonly kernels: readonly (readonly number[])[];
}

/** STU-Net's variants: residual blocks of each stage, and channels of the first. */
const STUNET_VARIANTS: Readonly<Record<string, readonly [depth: number, width: number]>> = {
  small: [1, 16],
  base: [1, 32],
  large: [2, 64],
};

/** Returns STU-Net's stages by `MODEL.STUNET.VARIANT` (Huang et al. 2023, table 1), for `axes` of space. Undefined for `custom`. */
export function stuNetVariant(name: string, axes: number): StuNetStages | undefined {
  const variant = STUNET_VARIANTS[name.toLowerCase()];
  if (variant === undefined) return undefined;
  const [depth, width] = variant;
  const each = (value: number) => Array.from({ length: axes }, () => value);
  return {
    dims: [1, 2, 4, 8, 16, 16].map((times) => times * width),
    depth: Array.from({ length: 6 }, () => depth),
    pools: [2, 2, 2, 2, 1].map(each),
    kernels: Array.from({ length: 6 }, () => each(3)),
  };
}
