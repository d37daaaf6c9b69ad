/** The keys of BiaPy 3.7.1's configuration: each with its type, default and allowed values. */

import { ACTIVATIONS, ARCHITECTURES } from "../facts/architectures.ts";
import { oneOf } from "../facts/checked-lists.ts";
import facts from "./biapy-keys.json" with { type: "json" };
import { isPythonValue, type PythonValue } from "./python-value.ts";

const KEY_TYPES = ["bool", "int", "float", "str", "list", "tuple", "NoneType"] as const;
export type KeyType = (typeof KEY_TYPES)[number];

/** What a value of each type is called. */
export const TYPE_NAMES: Readonly<Record<KeyType, string>> = {
  bool: "True or False",
  int: "whole number",
  float: "number",
  str: "text",
  list: "list",
  tuple: "tuple",
  NoneType: "number or None",
};

export interface KeyFact {
  readonly type: KeyType;
  readonly default: PythonValue;
}

/** By dotted name. */
export const keyFacts: ReadonlyMap<string, KeyFact> = new Map(
  Object.entries(facts).map(([key, [type, value]]) => [key, keyFact(key, type, value)]),
);

function keyFact(key: string, name: unknown, value: unknown): KeyFact {
  if (!isPythonValue(value))
    throw new Error(`biapy-keys.json: the default of ${key} is not a value of Python.`);
  return { type: oneOf(KEY_TYPES, String(name), `biapy-keys.json: the type of ${key}`), default: value };
}

/** Dotted names that hold further keys: `DATA`, `DATA.TRAIN`, … */
export const keyGroups: ReadonlySet<string> = new Set(
  [...keyFacts.keys()].flatMap((key) => {
    const parts = key.split(".");
    return parts.slice(0, -1).map((_, depth) => parts.slice(0, depth + 1).join("."));
  }),
);

export interface Limits {
  readonly allowed?: readonly (string | number)[];
  /** Matching `allowed` ignores case; its values are lower case. */
  readonly anyCase?: boolean;
  /** Inclusive unless `open`. */
  readonly least?: number;
  readonly most?: number;
  /** Both limits are exclusive. */
  readonly open?: boolean;
}

/** Returns the range of a number as text, such as `from 0 to 1`; undefined if there is none. */
export function rangeText({ least, most, open }: Limits): string | undefined {
  if (most === undefined) return least === undefined ? undefined : `at least ${least}`;
  return open ? `above ${least} and below ${most}` : `from ${least} to ${most}`;
}

const share: Limits = { least: 0, most: 1 };
const positive: Limits = { least: 1 };

const names = (...allowed: string[]): Limits => ({ allowed });

/** Restrictions on a key's values beyond its type; for lists and tuples, on each item. */
export const keyLimits: ReadonlyMap<string, Limits> = new Map<string, Limits>([
  [
    "PROBLEM.TYPE",
    {
      allowed: [
        "SEMANTIC_SEG",
        "INSTANCE_SEG",
        "DETECTION",
        "DENOISING",
        "SUPER_RESOLUTION",
        "SELF_SUPERVISED",
        "CLASSIFICATION",
        "IMAGE_TO_IMAGE",
      ],
    },
  ],
  ["PROBLEM.NDIM", { allowed: ["2D", "3D"] }],
  ["PROBLEM.SELF_SUPERVISED.PRETEXT_TASK", { allowed: ["masking", "crappify"] }],
  ["PROBLEM.SELF_SUPERVISED.RESIZING_FACTOR", { allowed: [2, 4, 6] }],
  ["PROBLEM.SELF_SUPERVISED.NOISE", share],
  ["DATA.PATCH_SIZE", positive],
  ["DATA.PREPROCESS.GAUSSIAN_BLUR.SIGMA", { least: 0 }],
  ["DATA.NORMALIZATION.TYPE", { allowed: ["div", "scale_range", "zero_mean_unit_variance"] }],
  ["DATA.VAL.SPLIT_TRAIN", share],
  ["DATA.TRAIN.OVERLAP", { least: 0, most: 0.99 }],
  ["DATA.TEST.OVERLAP", { least: 0, most: 0.99 }],
  ["DATA.TRAIN.PADDING", { least: 0 }],
  ["DATA.TEST.PADDING", { least: 0 }],
  ["MODEL.VIT_TOKEN_SIZE", positive],
  ["MODEL.VIT_EMBED_DIM", positive],
  ["MODEL.VIT_NUM_LAYERS", positive],
  ["MODEL.VIT_NUM_HEADS", positive],
  ["MODEL.MAE_DEC_HIDDEN_SIZE", positive],
  ["MODEL.MAE_DEC_NUM_LAYERS", positive],
  ["MODEL.MAE_DEC_NUM_HEADS", positive],
  ["MODEL.MAE_MASK_TYPE", { allowed: ["random", "grid"] }],
  ["MODEL.MAE_MASK_RATIO", { ...share, open: true }],
  ["TRAIN.OPTIMIZER", { allowed: ["SGD", "ADAM", "ADAMW"] }],
  ["TRAIN.LR", { least: 0 }],
  ["TRAIN.W_DECAY", { least: 0 }],
  ["TRAIN.BATCH_SIZE", positive],
  ["TRAIN.EPOCHS", positive],
  ["TRAIN.PATIENCE", { least: -1 }],
  ["TRAIN.GRADIENT_CLIP_NORM", { least: 0 }],
  [
    "TRAIN.LR_SCHEDULER.NAME",
    { allowed: ["", "reduceonplateau", "warmupcosine", "onecycle", "warmupreduceonplateau"] },
  ],
  ["LOG.CHART_CREATION_FREQ", positive],
  ["AUGMENTOR.AUG_NUM_SAMPLES", { least: 0 }],
  ["AUGMENTOR.AFFINE_MODE", { allowed: ["constant", "reflect", "wrap", "symmetric"] }],
  ["AUGMENTOR.E_MODE", { allowed: ["constant", "nearest", "reflect", "wrap"] }],
  ["AUGMENTOR.RANDOM_ROT_RANGE", { least: -360, most: 360 }],
  ["AUGMENTOR.E_SIGMA", { least: 0 }],
  ["AUGMENTOR.G_SIGMA", { least: 0 }],
  ["AUGMENTOR.SHEAR_RANGE", { least: -360, most: 360 }],
  ["AUGMENTOR.ZOOM_RANGE", { least: 0.1, most: 10 }],
  ["AUGMENTOR.CBLUR_DOWN_RANGE", { least: 1, most: 8 }],
  ...["DROP_RANGE", "COUT_SIZE", "CBLUR_SIZE", "CMIX_SIZE", "CNOISE_SCALE", "CNOISE_SIZE"].map(
    (name) => [`AUGMENTOR.${name}`, share] as const,
  ),
  ...["GRID_RATIO", "GRID_D_RANGE", "GRID_ROTATE"].map((name) => [`AUGMENTOR.${name}`, share] as const),
  ...[...keyFacts.keys()]
    .filter((key) => key.startsWith("AUGMENTOR.") && key.endsWith("_PROB"))
    .map((key) => [key, share] as const),
  ["DATA.VAL.OVERLAP", { least: 0, most: 0.99 }],
  ["DATA.VAL.PADDING", { least: 0 }],
  ["PROBLEM.INSTANCE_SEG.TYPE", names("regular", "synapses")],
  ["PROBLEM.INSTANCE_SEG.BORDER_EXTRA_WEIGHTS", names("", "unet-like")],
  [
    "PROBLEM.INSTANCE_SEG.INSTANCE_CREATION_PROCESS",
    names("", "watershed", "agglomeration", "stardist", "embeddings", "gradient-flow"),
  ],
  ["PROBLEM.INSTANCE_SEG.SYNAPSES.TH_TYPE", names("auto", "manual", "relative", "relative_by_patch")],
  ["PROBLEM.INSTANCE_SEG.SYNAPSES.POINT_CREATION_FUNCTION", names("peak_local_max", "blob_log")],
  ["PROBLEM.IMAGE_TO_IMAGE.MEMBRANE_REPAIR.POSTPROCESS.METHOD", names("watershed", "agglomeration")],
  ["MODEL.SOURCE", names("biapy", "bmz", "torchvision")],
  ["MODEL.ARCHITECTURE", { allowed: [...ARCHITECTURES.keys()], anyCase: true }],
  ["MODEL.ACTIVATION", { allowed: ACTIVATIONS, anyCase: true }],
  ["MODEL.NORMALIZATION", names("in", "bn", "sync_bn", "gn", "ln", "")],
  ["MODEL.UPSAMPLE_LAYER", names("convtranspose", "upsampling")],
  ["MODEL.CONV_BLOCK_ORDER", names("conv_norm_act", "norm_act_conv")],
  ["MODEL.DROPOUT_VALUES", share],
  ["MODEL.FEATURE_MAPS", positive],
  ["MODEL.KERNEL_SIZE", positive],
  ["MODEL.UNET_SR_UPSAMPLE_POSITION", names("pre", "post")],
  ["MODEL.HRNET.VARIANT", names("W18", "W32", "W48", "W64", "custom")],
  ["MODEL.HRNET.BLOCK_TYPE", names("BASIC", "BOTTLENECK", "CONVNEXT_V1", "CONVNEXT_V2")],
  ["MODEL.HRNET.HEAD_TYPE", names("FCN", "OCR", "ASPP", "PSP")],
  ["MODEL.STUNET.VARIANT", names("small", "base", "large", "custom")],
  ["MODEL.NAFNET.GENERATOR_BACKBONE", names("nafnet", "stunet")],
  ["MODEL.OUT_CHECKPOINT_FORMAT", names("pth", "safetensors")],
  ["MODEL.ITEMS_TO_LOAD_FROM_CHECKPOINT", names("weights", "norm", "model_arch", "optimizer", "epoch")],
  ["LOSS.CLASS_REBALANCE", names("none", "manual")],
  ["TEST.AUGMENTATION_MODE", names("mean", "min", "max")],
  ["TEST.AUGMENTATION_GROUP", names("auto", "full", "flips", "none")],
  ["TEST.EVAL_BORDER_CROP", { least: 0 }],
  ["TEST.BY_CHUNKS.PHASES", names("prediction", "instance_creation", "instance_merging")],
  ["TEST.BY_CHUNKS.FLUSH_EACH", positive],
  ["TEST.BY_CHUNKS.Z_START", { least: -1 }],
  ["TEST.BY_CHUNKS.Z_END", { least: -1 }],
  ["TEST.BY_CHUNKS.WORKFLOW_PROCESS.PATCHES_PER_TILE", positive],
  ["TEST.DET_TH_TYPE", names("manual", "auto")],
  ["TEST.DET_POINT_CREATION_FUNCTION", names("peak_local_max", "blob_log")],
  ["TEST.BY_CHUNKS.WORKFLOW_PROCESS.TYPE", names("chunk_by_chunk", "entire_pred")],
]);
