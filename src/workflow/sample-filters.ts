/** Leaves out samples by DATA.*.FILTER_SAMPLES: patches of the training, whole test images. */

import type { Config } from "../config/config.ts";
import type { ImageSet, NormalizedImage } from "../data/image-set.ts";
import type { ImagePairs, PatchSet } from "../data/patches.ts";
import {
  type FilteredSample,
  isFilteredOut,
  needsWholeImage,
  type SampleFilter,
} from "../data/sample-filter.ts";
import type { Box } from "../data/tiling.ts";
import type { ReportEvent } from "../facts/run-events.ts";
import type { Image } from "../images/image.ts";
import { InputError } from "./input-error.ts";
import { sampleFilter } from "./settings.ts";

/** Returns the numbers of the test images that pass DATA.TEST.FILTER_SAMPLES; undefined without this filter. */
export async function keptTestImages(
  config: Config,
  pairs: ImagePairs,
  report: ReportEvent,
): Promise<number[] | undefined> {
  const filter = sampleFilter(config, "TEST");
  if (filter === undefined) return undefined;
  const kept: number[] = [];
  for (const index of pairs.images.infos.keys())
    if (!(await filtersImage(filter, pairs, index, asStored))) kept.push(index);
  const all = pairs.images.infos.length;
  const message = `${all - kept.length} of ${all} test images are left out by DATA.TEST.FILTER_SAMPLES.`;
  report({ event: "log", level: "info", message });
  return kept;
}

/** Applies DATA.TRAIN.FILTER_SAMPLES or DATA.VAL.FILTER_SAMPLES to patches, or to images under DATA.FILTER_BY_IMAGE. */
export async function filteredPatches(
  config: Config,
  phase: "TRAIN" | "VAL",
  all: PatchSet,
  report: ReportEvent,
): Promise<PatchSet> {
  const filter = sampleFilter(config, phase);
  if (filter === undefined) return all;
  const { images, targets } = all.pairs;
  const byImage = config.flag("DATA.FILTER_BY_IMAGE") || config.flag("DATA.TRAIN.EXTRACT_RANDOM_PATCH");
  // As in BiaPy, the training's key counts for validation images too.
  const read = config.flag("DATA.TRAIN.FILTER_SAMPLES.NORM_BEFORE") ? asNormalized : asStored;
  const known = new Map<number, Promise<boolean>>();
  const leftOut = (image: number) => {
    const found = known.get(image) ?? filtersImage(filter, all.pairs, image, read);
    known.set(image, found);
    return found;
  };
  let latest: { readonly image: number; readonly whole: FilteredSample } | undefined;
  const wholeOf = async (image: number) => {
    if (latest?.image !== image) latest = { image, whole: await wholeSample(all.pairs, image, read) };
    return latest.whole;
  };
  const wanted = needsWholeImage(filter);
  const kept = await all.filtered(async ({ image, start }, size) => {
    if (byImage) return !(await leftOut(image));
    const patch = await read(await images.image(image), start, size);
    const target = targets && (await read(await targets.image(image), start, size));
    return !isFilteredOut(filter, patch, target, wanted ? await wholeOf(image) : undefined);
  });
  const key = `DATA.${phase}.FILTER_SAMPLES` as const;
  if (kept.count === 0)
    throw new InputError([config.problem(`${key}.VALUES`, `it leaves out all ${all.count} patches.`)]);
  const message = `${all.count - kept.count} of ${all.count} patches are left out by ${key}.`;
  report({ event: "log", level: "info", message });
  return kept;
}

/** Reads a part of an image as a filter compares it. */
type ReadPart = (image: NormalizedImage, start: Box, size: Box) => Promise<Image>;

const asStored: ReadPart = (image, start, size) => image.cut(start, size);

/** Reads normalized values (DATA.TRAIN.FILTER_SAMPLES.NORM_BEFORE). */
const asNormalized: ReadPart = async (image, start, size) => {
  const channels = image.info.shape[3];
  return { shape: [...size, channels], sampleType: "float32", data: await image.patch(start, size) };
};

/** Whether a whole image is filtered out. */
async function filtersImage(
  filter: SampleFilter,
  pairs: ImagePairs,
  index: number,
  read: ReadPart,
): Promise<boolean> {
  const { image, target } = await wholeSample(pairs, index, read);
  return isFilteredOut(filter, image, target);
}

/** Reads a whole image with its target. */
async function wholeSample(
  { images, targets }: ImagePairs,
  index: number,
  read: ReadPart,
): Promise<FilteredSample> {
  const whole = async (set: ImageSet) => {
    const image = await set.image(index);
    const [z, y, x] = image.info.shape;
    return read(image, [0, 0, 0], [z, y, x]);
  };
  const image = await whole(images);
  return { image, target: targets === undefined ? image : await whole(targets) };
}
