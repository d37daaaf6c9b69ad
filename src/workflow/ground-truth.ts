/** DATA.*.GT_PATH: the ground truth of a phase's images, matched by name and checked before training. */

import { basename } from "node:path";
import type { Phase } from "../config/basics.ts";
import type { Config } from "../config/config.ts";
import { at } from "../facts/checked-lists.ts";
import { firstOf } from "../facts/format.ts";
import type { Problem, ReportEvent } from "../facts/run-events.ts";
import { listImages, openImage } from "../images/files.ts";
import { ImageError, type ImageInfo, type ImageSource, type OpenOptions } from "../images/image.ts";
import { InputError } from "./input-error.ts";
import { imageName } from "./write-image.ts";

/** What the files of a ground truth must hold. */
export interface GroundTruthOptions {
  /** Number of channels of the files. Defaults to that of the images. */
  readonly channels?: number;
  /** Checks a file's values. Returns a message that continues the file's name if they are invalid. */
  readonly check?: (source: ImageSource) => Promise<string | undefined>;
}

/** Returns the files with an image's name: the one with the same extension, else all with any extension. */
export function namedLike(paths: readonly string[], image: string): string[] {
  const same = paths.filter((path) => basename(path) === basename(image));
  return same.length > 0 ? same : paths.filter((path) => imageName(path) === imageName(image));
}

/** Returns why files cannot be assigned to images; undefined if they can. */
function ambiguity(
  images: readonly ImageInfo[],
  matches: readonly (readonly string[])[],
): string | undefined {
  const names = (paths: readonly string[]) => paths.map((path) => basename(path)).join(" and ");
  for (const [index, found] of matches.entries()) {
    if (found.length > 1)
      return `${names(found)} are named as ${basename(at(images, index).path)} is. Keep one of them.`;
    const [own] = found;
    const sharing = images.filter((_, other) => own !== undefined && at(matches, other).includes(own));
    if (sharing.length > 1)
      return `${names(found)} is named as ${names(sharing.map(({ path }) => path))} are. Give each image a name of its own.`;
  }
  return undefined;
}

/**
 * Returns the key of the folder of a phase's ground truth. With INPUT_ZARR_MULTIPLE_DATA one file holds both the image and its ground
 * truth.
 */
export function groundTruthKey(config: Config, phase: Phase): `DATA.${Phase}.PATH` | `DATA.${Phase}.GT_PATH` {
  return config.flag(`DATA.${phase}.INPUT_ZARR_MULTIPLE_DATA`)
    ? `DATA.${phase}.PATH`
    : `DATA.${phase}.GT_PATH`;
}

/**
 * Finds the ground truth of each image: the file of the same name, with any extension.
 *
 * @returns the files in the order of `images`
 * @throws {InputError} that names every image without ground truth, and every file of another size or with wrong values
 */
export async function groundTruth(
  config: Config,
  phase: Phase,
  images: readonly ImageInfo[],
  report: ReportEvent,
  options: GroundTruthOptions = {},
): Promise<ImageInfo[]> {
  const key = groundTruthKey(config, phase);
  const folder = config.text(key);
  const paths = await listImages(folder).catch((error) => {
    if (error instanceof ImageError) throw new InputError([config.problem(key, error.message)]);
    throw error;
  });
  const matches = images.map(({ path }) => namedLike(paths, path));
  const ambiguous = ambiguity(images, matches);
  if (ambiguous !== undefined) throw new InputError([config.problem(key, `${folder}: ${ambiguous}`)]);
  const missing = images.filter((_, index) => at(matches, index).length === 0);
  if (missing.length > 0) {
    const names = missing.map(({ path }) => basename(path));
    const has = paths.map((path) => basename(path));
    const message = `no file in ${folder} is named as these images of DATA.${phase}.PATH: ${firstOf(names, 5)}. The folder holds ${firstOf(has, 3)}.`;
    throw new InputError([config.problem(key, message)]);
  }
  const problems: Problem[] = [];
  const found: ImageInfo[] = [];
  for (const [index, image] of images.entries()) {
    const [path = ""] = at(matches, index);
    report({
      event: "progress",
      label: `Checking images of ${key}`,
      done: index + 1,
      total: images.length,
    });
    try {
      found.push(await inspect(path, image, maskOptions(config, phase), options));
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      problems.push({ severity: "error", file: path, message: error.message });
    }
  }
  if (problems.length > 0) throw new InputError(problems);
  return found;
}

/** Returns which array of Zarr and HDF5 files is read, and the order of its axes. */
function maskOptions(config: Config, phase: Phase): OpenOptions {
  const axes = `DATA.${phase}.INPUT_MASK_AXES_ORDER` as const;
  const inside = config.text(`DATA.${phase}.INPUT_ZARR_MULTIPLE_DATA_GT_PATH`);
  return {
    axes: config.sets(axes) ? config.text(axes) : undefined,
    inside: config.flag(`DATA.${phase}.INPUT_ZARR_MULTIPLE_DATA`) ? inside : undefined,
  };
}

/** Opens a file and compares it with its image. Throws {@link ImageError}. */
async function inspect(
  path: string,
  image: ImageInfo,
  open: OpenOptions,
  { channels = image.shape[3], check }: GroundTruthOptions,
): Promise<ImageInfo> {
  const source = await openImage(path, open);
  try {
    await source.checkPages?.();
    const { shape } = source.info;
    const size = (of: ImageInfo["shape"]) => (of[0] === 1 ? of.slice(1, 3) : of.slice(0, 3)).join(" x ");
    if (size(shape) !== size(image.shape))
      throw new ImageError(
        path,
        `${path}: is ${size(shape)} pixels, but its image ${basename(image.path)} is ${size(image.shape)}.`,
      );
    if (shape[3] !== channels)
      throw new ImageError(path, `${path}: has ${shape[3]} channels, not ${channels}.`);
    const fault = await check?.(source);
    if (fault !== undefined) throw new ImageError(path, `${path}: ${fault}`);
    return { ...source.info, options: open };
  } finally {
    await source.close();
  }
}
