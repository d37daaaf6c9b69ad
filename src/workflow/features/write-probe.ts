/** Evaluates an encoder with labels: `biapy --features --labels FOLDER` writes metrics and a map for each labeled image. */

import { basename, join } from "node:path";
import Papa from "papaparse";
import type { Config } from "../../config/config.ts";
import type { ImageSet } from "../../data/image-set.ts";
import { type Box, boxOf } from "../../data/tiling.ts";
import { at } from "../../facts/checked-lists.ts";
import { writeFileAtomically } from "../../facts/files/write-file.ts";
import type { ResultTree } from "../../facts/result-tree.ts";
import type { Metrics, ReportEvent } from "../../facts/run-events.ts";
import { listImages, readImage } from "../../images/files.ts";
import { ImageError, type ImageInfo, sampleArray, wholeRegion } from "../../images/image.ts";
import { groundTruth, namedLike } from "../ground-truth.ts";
import { InputError } from "../input-error.ts";
import { resultName } from "../result-names.ts";
import { type ClassSettings, classesOf, classSettings, MaskCheck } from "../tasks/masks.ts";
import { OverlapCounts } from "../tasks/overlap-counts.ts";
import { writeSamples } from "../write-image.ts";
import type { FeatureMap } from "./feature-map.ts";
import { type LabeledMap, probe } from "./linear-probe.ts";

/** Largest number of folds. Each is predicted by a probe fitted to the others. */
const MOST_PARTS = 5;

/** A test image that has a mask. */
export interface LabeledImage {
  readonly info: ImageInfo;
  readonly mask: ImageInfo;
  /** Its place among the test images. */
  readonly index: number;
}

/**
 * Finds the masks of the test images in a folder by name; images without one are skipped.
 *
 * @throws {InputError} if there is none, or one does not fit
 */
export async function labeledImages(
  labels: string,
  config: Config,
  images: ImageSet,
  report: ReportEvent,
): Promise<readonly LabeledImage[]> {
  const wrong = (message: string) => new InputError([{ severity: "error", message: `--labels: ${message}` }]);
  const paths = await listImages(labels).catch((error) => {
    if (error instanceof ImageError) throw wrong(error.message);
    throw error;
  });
  const found = [...images.infos.entries()].filter(([, { path }]) => namedLike(paths, path).length > 0);
  if (found.length === 0) throw wrong(`no file in ${labels} is named as an image of DATA.TEST.PATH.`);
  const infos = found.map(([, info]) => info);
  const check = new MaskCheck(classSettings(config), report);
  const named = config.with("DATA.TEST.GT_PATH", labels);
  const masks = await groundTruth(named, "TEST", infos, report, { channels: 1, check: check.check });
  const useless = check.ignoredForeground();
  if (useless !== undefined) throw wrong(useless);
  return found.map(([index, info], place) => ({ index, info, mask: at(masks, place) }));
}

/**
 * Cross-validates the probe, and writes `<image>_probe.tif` (the class of each place over the image) and `linear_probe.csv`.
 *
 * @param mapOf reads the features of a test image
 */
export async function writeProbe(
  labeled: readonly LabeledImage[],
  mapOf: (info: ImageInfo) => Promise<FeatureMap>,
  config: Config,
  tree: ResultTree,
  report: ReportEvent,
): Promise<void> {
  const settings = classSettings(config);
  const classes = Math.max(2, settings.classes);
  const maps: LabeledMap[] = [];
  for (const [index, { info, mask }] of labeled.entries()) {
    const map = await mapOf(info);
    const { data } = await readImage(mask.path);
    const pixels = classesOf(Float32Array.from(data), settings);
    const labels = placeLabels(map, pixels, sizeOf(info), classes);
    maps.push({ map, labels, parts: partsOf(map, index, labeled.length) });
  }
  const found = probe(maps, classes);
  const measured = new Map<string, Metrics>();
  for (const [index, image] of labeled.entries()) {
    const { labels, map } = at(maps, index);
    const classesFound = at(found, index);
    const metrics = judged(classesFound, labels, settings);
    const name = basename(image.info.path);
    measured.set(name, metrics);
    report({ event: "test", image: name, metrics });
    await writeClasses(image, classesFound, map, tree, report);
  }
  const rows = [...measured].map(([file, metrics]) => ({ file, ...metrics }));
  const table = `${Papa.unparse(rows, { newline: "\n" })}\n`;
  await writeFileAtomically(join(tree.features, "linear_probe.csv"), table);
  reportMeans([...measured.values()], report);
}

const sizeOf = ({ shape }: ImageInfo): Box => boxOf((axis) => shape[axis]);

/** Writes the class of each place over an image, and reports the file. */
async function writeClasses(
  { info, mask }: LabeledImage,
  found: Int32Array,
  map: FeatureMap,
  { features }: ResultTree,
  report: ReportEvent,
): Promise<void> {
  const path = join(features, `${resultName(info)}_probe.tif`);
  const kind = { channels: 1, sampleType: "uint8", pixelSize: info.pixelSize } as const;
  await writeSamples(path, spread(found, map, sizeOf(info)), kind, wholeRegion(info.shape));
  report({
    event: "image",
    kind: "features",
    image: basename(info.path),
    files: {
      original: info.path,
      features: join(features, `${resultName(info)}.tif`),
      prediction: path,
      groundTruth: mask.path,
    },
  });
}

/** Reports the mean IoU and accuracy of all labeled images. */
function reportMeans(measured: readonly Metrics[], report: ReportEvent): void {
  const mean = (name: string) => {
    const values = measured.map((each) => each[name] ?? Number.NaN).filter(Number.isFinite);
    return values.reduce((sum, value) => sum + value, 0) / values.length;
  };
  const metrics = { iou: mean("iou"), accuracy: mean("accuracy") };
  report({ event: "test", metrics });
  const images = measured.length === 1 ? "image" : "images";
  const message = `Linear probe: IoU ${metrics.iou.toFixed(3)}, accuracy ${metrics.accuracy.toFixed(3)} of ${measured.length} labeled ${images}, each judged by a fit to others.`;
  report({ event: "log", level: "info", message });
}

/** Returns the class that most pixels of each place have; -1 if all of them are ignored. */
function placeLabels(
  { shape, stride }: FeatureMap,
  pixels: Float32Array,
  size: Box,
  classes: number,
): Int32Array {
  const [depth, rows, columns] = shape;
  const counts = new Int32Array(depth * rows * columns * classes);
  eachPixel(size, stride, [depth, rows, columns], (pixel, place) => {
    const label = pixels[pixel] ?? -1;
    const count = place * classes + label;
    if (label >= 0 && label < classes) counts[count] = (counts[count] ?? 0) + 1;
  });
  return Int32Array.from({ length: depth * rows * columns }, (_, place) => {
    const own = counts.subarray(place * classes, (place + 1) * classes);
    const most = Math.max(...own);
    return most === 0 ? -1 : own.indexOf(most);
  });
}

/** Returns the fold of each place. A single image is split in two along its longest axis; of several images, each belongs to one fold. */
function partsOf({ shape: [depth, rows, columns] }: FeatureMap, index: number, images: number): Int32Array {
  const places = depth * rows * columns;
  if (images > 1) return new Int32Array(places).fill(index % Math.min(MOST_PARTS, images));
  const longest = Math.max(depth, rows, columns);
  const alongLongest = (place: number) => {
    if (longest === rows) return Math.floor(place / columns) % rows;
    return longest === columns ? place % columns : Math.floor(place / columns / rows);
  };
  return Int32Array.from({ length: places }, (_, place) =>
    Number(alongLongest(place) >= Math.ceil(longest / 2)),
  );
}

/** Returns the IoU as segmentation measures it, and the accuracy over all labeled places. */
function judged(found: Int32Array, labels: Int32Array, { classes }: ClassSettings): Metrics {
  const counts = new OverlapCounts(classes);
  counts.add(found, labels);
  const labeled = labels.filter((label) => label >= 0).length;
  const right = labels.filter((label, place) => label >= 0 && found[place] === label).length;
  return { ...counts.iou, accuracy: labeled === 0 ? 0 : right / labeled };
}

/** Returns the class of each place for all of its pixels. */
function spread(found: Int32Array, { shape: [depth, rows, columns], stride }: FeatureMap, size: Box) {
  const classes = sampleArray("uint8", size[0] * size[1] * size[2]);
  eachPixel(size, stride, [depth, rows, columns], (pixel, place) => {
    classes[pixel] = found[place] ?? 0;
  });
  return classes;
}

/** Calls `each` with every pixel of an image and the place of the grid that it belongs to, both as row-major indices. */
function eachPixel(
  [depth, height, width]: Box,
  stride: Box,
  [, rows, columns]: Box,
  each: (pixel: number, place: number) => void,
): void {
  let pixel = 0;
  for (let z = 0; z < depth; z++)
    for (let y = 0; y < height; y++) {
      const row = (Math.floor(z / stride[0]) * rows + Math.floor(y / stride[1])) * columns;
      for (let x = 0; x < width; x++) each(pixel++, row + Math.floor(x / stride[2]));
    }
}
