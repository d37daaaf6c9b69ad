/** DATA.PREPROCESS: steps applied to whole images before they are normalized and cut into patches. */

import { channelsOf, ndimOf, type Phase } from "../config/basics.ts";
import type { Config } from "../config/config.ts";
import type { ImagePreparation } from "../data/image-set.ts";
import type { ImageDemands } from "../data/patches.ts";
import { cannyEdges } from "../data/preprocess/canny.ts";
import { colorsEqualized, contrastEqualized } from "../data/preprocess/clahe.ts";
import { gaussianBlurred } from "../data/preprocess/gaussian-blur.ts";
import { GRID_BORDERS, type GridBorder } from "../data/preprocess/grid.ts";
import { histogramMatched, quantilesOf } from "../data/preprocess/match-histogram.ts";
import { medianBlurred } from "../data/preprocess/median-blur.ts";
import { type ResizeSettings, resizedImage } from "../data/preprocess/resize-image.ts";
import { at, exactly } from "../facts/checked-lists.ts";
import { listImages, readImage } from "../images/files.ts";
import { type Image, ImageError, type ImageInfo, type ImageShape, type SampleType } from "../images/image.ts";
import { patchBox } from "./settings.ts";

/** scikit-image's names of borders in its `resize`, by SciPy's. */
const RESIZE_BORDERS: Readonly<Partial<Record<string, GridBorder>>> = {
  reflect: "mirror",
  symmetric: "reflect",
  edge: "nearest",
  wrap: "wrap",
  constant: "constant",
};

type Step = (image: Image) => Image;

/**
 * Returns the preprocessing of a phase's images; undefined if there is none.
 *
 * @param of images or targets: targets are only resized
 */
export async function preprocessing(
  config: Config,
  phase: Phase,
  of: "images" | "targets",
): Promise<ImagePreparation | undefined> {
  // Validation patches split from the training images have had the training's preprocessing.
  if (!config.flag(`DATA.PREPROCESS.${phase}`)) return undefined;
  const resize = resizeStep(config, of);
  const others = of === "images" ? await filterSteps(config) : [];
  const steps = [...(resize === undefined ? [] : [resize]), ...others];
  if (steps.length === 0) return undefined;
  return {
    apply: (image) => steps.reduce((done, step) => step(done), image),
    result: (info) => preprocessedInfo(config, info, of),
  };
}

/** Returns what a phase's images must be like. */
export const imageDemands = (config: Config, phase: Phase): ImageDemands => ({
  patch: patchBox(config),
  channels: channelsOf(config),
  ndim: ndimOf(config),
  reflect: config.flag("DATA.REFLECT_TO_COMPLETE_SHAPE"),
  prepared: preparedInfo(config, phase),
});

/** Describes a phase's images before they are cut into patches: preprocessed, with three channels under DATA.FORCE_RGB. */
function preparedInfo(config: Config, phase: Phase): (info: ImageInfo) => ImageInfo {
  return (info) => {
    const done = config.flag(`DATA.PREPROCESS.${phase}`) ? preprocessedInfo(config, info, "images") : info;
    const [z, y, x, channels] = done.shape;
    return config.flag("DATA.FORCE_RGB") && channels === 1 ? { ...done, shape: [z, y, x, 3] } : done;
  };
}

/** Returns the properties of an image after preprocessing. */
function preprocessedInfo(config: Config, info: ImageInfo, of: "images" | "targets"): ImageInfo {
  const canny = of === "images" && config.flag("DATA.PREPROCESS.CANNY.ENABLE");
  const resized = config.flag("DATA.PREPROCESS.RESIZE.ENABLE");
  const [z, y, x] = resized ? resizeSettings(config, of).size : info.shape;
  const shape: ImageShape = [z, y, x, canny ? 1 : info.shape[3]];
  return { ...info, shape, sampleType: canny ? "uint8" : info.sampleType };
}

function resizeStep(config: Config, of: "images" | "targets"): Step | undefined {
  if (!config.flag("DATA.PREPROCESS.RESIZE.ENABLE")) return undefined;
  const settings = resizeSettings(config, of);
  return (image) => resizedImage(image, settings);
}

/** Returns how images are resized; targets by the nearest pixel, because BiaPy treats them as masks. */
function resizeSettings(config: Config, of: "images" | "targets"): ResizeSettings {
  const sizes = config.numbers("DATA.PREPROCESS.RESIZE.OUTPUT_SHAPE");
  const [y, x] = exactly(sizes.slice(-2), 2, "DATA.PREPROCESS.RESIZE.OUTPUT_SHAPE");
  // BiaPy's default has two numbers, also in 3D.
  const depth = sizes.length === 3 ? at(sizes, 0) : y;
  return {
    size: [ndimOf(config) === 3 ? depth : 1, y, x],
    order: of === "targets" ? 0 : resizeOrder(config.number("DATA.PREPROCESS.RESIZE.ORDER")),
    border: RESIZE_BORDERS[config.text("DATA.PREPROCESS.RESIZE.MODE")] ?? "mirror",
    outside: config.number("DATA.PREPROCESS.RESIZE.CVAL"),
    clip: config.flag("DATA.PREPROCESS.RESIZE.CLIP"),
    preserveRange: config.flag("DATA.PREPROCESS.RESIZE.PRESERVE_RANGE"),
    antiAliasing: config.flag("DATA.PREPROCESS.RESIZE.ANTI_ALIASING"),
  };
}

/** Returns the order of interpolation. Throws RangeError for others, which `checkConfig` refuses. */
function resizeOrder(order: number): ResizeSettings["order"] {
  const known = ([0, 1, 2, 3, 4, 5] as const).find((each) => each === order);
  if (known === undefined) throw new RangeError(`Images are resized in the order 0 to 5, not ${order}.`);
  return known;
}

/** Throws {@link ImageError} for sample types other than 8 and 16 bits, whose gray levels can be counted. */
function requireLevels(path: string, sampleType: SampleType): void {
  if (sampleType === "uint8" || sampleType === "uint16") return;
  const message = `${path}: histograms are matched to images of 8 or 16 bits, and this is one of ${sampleType}.`;
  throw new ImageError(path, message);
}

/** Returns all steps except resizing, in BiaPy's order. */
async function filterSteps(config: Config): Promise<Step[]> {
  const axes = ndimOf(config) === 3 ? [0, 1, 2, 3] : [1, 2, 3];
  const steps: Step[] = [];
  if (config.flag("DATA.PREPROCESS.GAUSSIAN_BLUR.ENABLE")) {
    const sigma = config.number("DATA.PREPROCESS.GAUSSIAN_BLUR.SIGMA");
    const border = config.choice("DATA.PREPROCESS.GAUSSIAN_BLUR.MODE", GRID_BORDERS);
    const channelAxis = config.value("DATA.PREPROCESS.GAUSSIAN_BLUR.CHANNEL_AXIS");
    const notBlurred = typeof channelAxis === "number" ? axes.at(channelAxis) : undefined;
    const blurred = axes.filter((axis) => axis !== notBlurred);
    steps.push((image) => gaussianBlurred(image, sigma, blurred, border));
  }
  if (config.flag("DATA.PREPROCESS.MEDIAN_BLUR.ENABLE")) {
    const sizes = config.numbers("DATA.PREPROCESS.MEDIAN_BLUR.KERNEL_SIZE");
    const kernel: ImageShape = exactly(
      sizes.length === 4 ? sizes : [1, ...sizes],
      4,
      "DATA.PREPROCESS.MEDIAN_BLUR.KERNEL_SIZE",
    );
    steps.push((image) => medianBlurred(image, kernel));
  }
  if (config.flag("DATA.PREPROCESS.MATCH_HISTOGRAM.ENABLE")) {
    const paths = await listImages(config.text("DATA.PREPROCESS.MATCH_HISTOGRAM.REFERENCE_PATH"));
    const references = await Promise.all(paths.map((path) => readImage(path)));
    for (const [index, { sampleType }] of references.entries()) requireLevels(at(paths, index), sampleType);
    const reference = quantilesOf(references);
    steps.push((image) => histogramMatched(image, reference));
  }
  if (config.flag("DATA.PREPROCESS.CLAHE.ENABLE")) {
    const kernel = config.value("DATA.PREPROCESS.CLAHE.KERNEL_SIZE");
    const limit = config.number("DATA.PREPROCESS.CLAHE.CLIP_LIMIT");
    const tile = typeof kernel === "number" ? kernel : undefined;
    steps.push((image) =>
      image.shape[0] === 1 && image.shape[3] === 3
        ? colorsEqualized(image, limit, tile)
        : contrastEqualized(image, axes, limit, tile),
    );
  }
  if (config.flag("DATA.PREPROCESS.CANNY.ENABLE")) {
    const threshold = (name: "LOW" | "HIGH") => {
      const value = config.value(`DATA.PREPROCESS.CANNY.${name}_THRESHOLD`);
      return typeof value === "number" ? value : undefined;
    };
    const thresholds = { low: threshold("LOW"), high: threshold("HIGH") };
    steps.push((image) => cannyEdges(image, thresholds));
  }
  return steps;
}
