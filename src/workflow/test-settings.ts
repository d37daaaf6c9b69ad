/** TEST.*: how a model is applied to test images. */

import { ndimOf } from "../config/basics.ts";
import type { Config } from "../config/config.ts";
import { orientations } from "../data/orientation.ts";
import { type Box, boxOf } from "../data/tiling.ts";
import { product } from "../facts/checked-lists.ts";
import { ImageError, type ImageInfo, type ImageShape, type Region, wholeRegion } from "../images/image.ts";
import type { PatchModel } from "./predict.ts";
import { tilingSettings } from "./settings.ts";
import { augmentedModel, augmentedPatch, MERGE_MODES } from "./test-time-augmentation.ts";

/**
 * Returns the model for a test image's patches, with TEST.AUGMENTATION if enabled.
 *
 * @param modelOf the model for patches of a size
 * @param takesOneSize whether there is none for patches of another size
 */
export async function testModel(
  config: Config,
  modelOf: (patch: Box) => PatchModel | Promise<PatchModel>,
  patch: Box,
  takesOneSize: boolean,
): Promise<PatchModel> {
  const group = config.text("TEST.AUGMENTATION_GROUP");
  if (!config.flag("TEST.AUGMENTATION") || group === "none") return modelOf(patch);
  const turnable = patch[1] === patch[2] || !takesOneSize;
  const turns = orientations(ndimOf(config), group !== "flips" && turnable);
  const model = await modelOf(augmentedPatch(patch, turns));
  return augmentedModel(model, patch, turns, config.choice("TEST.AUGMENTATION_MODE", MERGE_MODES));
}

/** Returns the part of an image that is evaluated: all but TEST.EVAL_BORDER_CROP. Throws {@link ImageError} if none is left. */
export function evaluatedRegion(config: Config, { path, shape }: ImageInfo): Region {
  const border = config.numbers("TEST.EVAL_BORDER_CROP");
  const [z = 0, y = 0, x = 0] = border.length === 3 ? border : [0, ...border];
  if (shape[0] > 2 * z && shape[1] > 2 * y && shape[2] > 2 * x)
    return { start: [z, y, x], end: [shape[0] - z, shape[1] - y, shape[2] - x] };
  throw new ImageError(path, `${path}: nothing is left of it within TEST.EVAL_BORDER_CROP.`);
}

/** Largest number of values of an image that is shown whole. Of larger ones, the middle is shown. */
const MOST_SHOWN = 2 ** 22;
const MOST_SLICES = 64;

/** Returns the middle of a large image, or all of a small one. */
export function middleOf(shape: ImageShape): Region {
  if (product(shape) <= MOST_SHOWN) return wholeRegion(shape);
  const [depth, , , channels] = shape;
  const slices = Math.min(depth, MOST_SLICES);
  const side = Math.floor(Math.sqrt(MOST_SHOWN / (slices * channels)));
  const size: Box = [slices, side, side];
  const start = boxOf((axis) => Math.max(0, (shape[axis] - size[axis]) >> 1));
  return { start, end: boxOf((axis) => Math.min(start[axis] + size[axis], shape[axis])) };
}

/** TEST.BY_CHUNKS, if enabled. */
export interface ChunkSettings {
  /** The chunks of the file that is written: `PATCHES_PER_TILE` patches without their padding. */
  readonly chunk: Box;
  readonly axes: string;
  /** Slices `[from, to)` that this run predicts; others may predict the rest. */
  readonly slices?: readonly [from: number, to: number];
  readonly alsoTiff: boolean;
}

const key = <Name extends string>(name: Name) => `TEST.BY_CHUNKS.${name}` as const;

export function chunkSettings(config: Config): ChunkSettings | undefined {
  if (!config.flag(key("ENABLE"))) return undefined;
  const { patch, padding } = tilingSettings(config, "TEST");
  const perTile = config.numbers(key("WORKFLOW_PROCESS.PATCHES_PER_TILE"));
  const [from, to] = [config.number(key("Z_START")), config.number(key("Z_END"))];
  const order = config.text("DATA.TEST.INPUT_IMG_AXES_ORDER").toUpperCase();
  const channelsLast = order.includes("C") && order.indexOf("C") > order.indexOf("X");
  return {
    chunk: boxOf((axis) => (patch[axis] - 2 * padding[axis]) * (perTile[axis] ?? 1)),
    axes: channelsLast ? "TZYXC" : "TZCYX",
    slices: from === -1 && to === -1 ? undefined : [Math.max(from, 0), to === -1 ? Infinity : to],
    alsoTiff: config.flag(key("SAVE_OUT_TIF")),
  };
}
