/** The training and validation patches of a folder of images. */

import { basename, resolve } from "node:path";
import { at } from "../facts/checked-lists.ts";
import type { Problem } from "../facts/run-events.ts";
import { ImageError, type ImageInfo, type OpenOptions } from "../images/image.ts";
import { type CheckedImage, checkImage, describeNonFinite, type NonFinite } from "../images/inspect.ts";
import { type AugmentationStep, augment, type Sample } from "./augmentation/sample.ts";
import { ForegroundPlaces, type PlaceWeights } from "./foreground-places.ts";
import type { ImageSet, NormalizedImage } from "./image-set.ts";
import { magnifiedPatch } from "./magnified-patch.ts";
import { Random } from "./random.ts";
import { type Box, boxOf, type TilingSettings, tilePatches } from "./tiling.ts";

/** A patch: its image and its position there. */
export interface PatchPlace {
  readonly image: number;
  readonly start: Box;
}

/** Requirements on training images. */
export interface ImageDemands {
  readonly patch: Box;
  readonly channels: number;
  readonly ndim: 2 | 3;
  /** Whether images smaller than a patch are completed by reflection. */
  readonly reflect: boolean;
  /** Returns an image's properties after preparation (default: as stored). */
  readonly prepared?: (info: ImageInfo) => ImageInfo;
}

/**
 * Inspects every image and reports all problems before training starts.
 *
 * @param look inspects one image. Defaults to inspecting in this thread
 */
export async function inspectImages(
  paths: readonly string[],
  demands: ImageDemands,
  options?: OpenOptions,
  inspected: (count: number) => void = () => {},
  look: (path: string, options?: OpenOptions) => Promise<CheckedImage> = checkImage,
): Promise<{ infos: ImageInfo[]; problems: Problem[] }> {
  const infos: ImageInfo[] = [];
  const problems: Problem[] = [];
  for (const [index, path] of paths.entries()) {
    inspected(index + 1);
    // Each file of a set opens the whole image: the first of them stands for it.
    if (infos.some(({ files }) => files?.some((file) => resolve(file) === resolve(path)))) continue;
    try {
      const { info, nonFinite } = await look(path, options);
      const fault = faultOf(demands.prepared?.(info) ?? info, demands) ?? pixelFault(info, nonFinite);
      if (fault === undefined) infos.push({ ...info, options });
      else problems.push({ severity: "error", file: path, message: `${basename(path)}: ${fault}` });
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      problems.push({ severity: "error", file: path, message: error.message });
    }
  }
  return { infos, problems };
}

function pixelFault({ shape }: ImageInfo, nonFinite: NonFinite | undefined): string | undefined {
  if (nonFinite === undefined) return undefined;
  return `${describeNonFinite(nonFinite, shape)}. Replace such pixels, or leave the image out.`;
}

function faultOf({ shape }: ImageInfo, { patch, channels, ndim, reflect }: ImageDemands): string | undefined {
  const [z, y, x, found] = shape;
  if (found !== channels) {
    return `has ${found} channel${found === 1 ? "" : "s"}, and the last number of DATA.PATCH_SIZE says ${channels}.`;
  }
  if (ndim === 2 && z > 1)
    return `is a stack of ${z} slices. Set PROBLEM.NDIM to 3D, or save its slices as single images.`;
  if (ndim === 3 && z === 1) return "is a single plane, and PROBLEM.NDIM is 3D.";
  if (reflect || (z >= patch[0] && y >= patch[1] && x >= patch[2])) return undefined;
  const [have, need] =
    ndim === 2 ? [`${y} x ${x}`, `${patch[1]} x ${patch[2]}`] : [[z, y, x].join(" x "), patch.join(" x ")];
  return `is ${have} pixels, smaller than a patch (${need}). Make DATA.PATCH_SIZE smaller or set DATA.REFLECT_TO_COMPLETE_SHAPE to True.`;
}

/** Which patches are cut from images, and how they are augmented. */
export interface PatchSettings {
  readonly tiling: TilingSettings;
  /** One patch from a random place of each image, instead of all patches that tile it. */
  readonly randomPlaces: boolean;
  /** Random places are drawn around the foreground of the targets more or less often. Defaults to any place alike. */
  readonly placeWeights?: PlaceWeights;
  /** How much larger an image's pixels become along y and x. Defaults to 1. */
  readonly magnification?: (info: ImageInfo) => number;
  readonly seed: number;
  /** Processing of training patches; validation patches are unchanged. */
  readonly augmentation: readonly AugmentationStep[];
}

/** Training images, with their targets if the workflow has any. */
export interface ImagePairs {
  readonly images: ImageSet;
  readonly targets?: ImageSet;
  /** Whether the targets are class labels, which are not interpolated. */
  readonly labels?: boolean;
}

/** Patches of images. Their order and places depend only on the seed and the epoch. */
export class PatchSet {
  /** By image, filled when they are needed. */
  private readonly foreground = new Map<number, Promise<ForegroundPlaces>>();

  constructor(
    readonly pairs: ImagePairs,
    private readonly places: readonly PatchPlace[],
    private readonly settings: PatchSettings,
  ) {}

  /** Returns all patches of a set of images. */
  static of(pairs: ImagePairs, settings: PatchSettings): PatchSet {
    const places = pairs.images.infos.flatMap(({ shape }, image) =>
      settings.randomPlaces
        ? [{ image, start: [0, 0, 0] as const }]
        : tilePatches(shape, settings.tiling).map((start) => ({ image, start })),
    );
    return new PatchSet(pairs, places, settings);
  }

  get count(): number {
    return this.places.length;
  }

  /**
   * Splits off a share of the patches: DATA.VAL.SPLIT_TRAIN. Both parts keep at least one.
   *
   * @param random whether they are drawn at random (DATA.VAL.RANDOM); otherwise they are the last ones
   */
  split(share: number, random = true): [rest: PatchSet, apart: PatchSet] {
    const order = random ? this.drawnOrder() : this.order(0, false).reverse();
    const size = Math.min(Math.max(Math.round(this.count * share), 1), this.count - 1);
    return [this.part(order.subarray(size)), this.part(order.subarray(0, size))];
  }

  /**
   * Splits off one of several equal folds: DATA.VAL.CROSS_VAL. The first folds are larger by one if patches cannot be divided
   * evenly.
   *
   * @param fold number of the fold, from 1
   * @param random whether folds are drawn at random; otherwise they are consecutive patches
   */
  fold(fold: number, folds: number, random: boolean): [rest: PatchSet, apart: PatchSet] {
    const order = random ? this.drawnOrder() : this.order(0, false);
    const sizes = Array.from({ length: folds }, (_, part) => Math.ceil((this.count - part) / folds));
    const from = sizes.slice(0, fold - 1).reduce((sum, size) => sum + size, 0);
    const apart = order.subarray(from, from + at(sizes, fold - 1));
    const chosen = new Set(apart);
    return [this.part(order.filter((index) => !chosen.has(index))), this.part(apart)];
  }

  private drawnOrder(): Int32Array {
    return new Random(this.settings.seed).fork(0x5917).permutation(this.count);
  }

  private part(indices: Int32Array): PatchSet {
    const places = Array.from(indices.slice().sort(), (index) => at(this.places, index));
    return new PatchSet(this.pairs, places, this.settings);
  }

  /** Indices of the images of the patches, ascending. */
  get images(): number[] {
    return [...new Set(this.places.map(({ image }) => image))].sort((one, other) => one - other);
  }

  /** Returns the patches that pass a test: DATA.*.FILTER_SAMPLES. */
  async filtered(passes: (place: PatchPlace, size: Box) => Promise<boolean>): Promise<PatchSet> {
    const kept: PatchPlace[] = [];
    for (const place of this.places) if (await passes(place, this.settings.tiling.patch)) kept.push(place);
    return new PatchSet(this.pairs, kept, this.settings);
  }

  /** Returns each patch several times, each time with another augmentation: DATA.TRAIN.REPLICATE. */
  repeated(times: number): PatchSet {
    const places = Array.from({ length: times }, () => this.places).flat();
    return new PatchSet(this.pairs, places, this.settings);
  }

  /** Returns the numbers of all patches in the order of an epoch. */
  order(epoch: number, shuffled: boolean): Int32Array {
    if (!shuffled) return Int32Array.from({ length: this.count }, (_, index) => index);
    return new Random(this.settings.seed).fork(0x0e9c, epoch).permutation(this.count);
  }

  /** Returns the file name of a patch's image. */
  imageName(index: number): string {
    return basename(at(this.pairs.images.infos, at(this.places, index).image).path);
  }

  /** Returns a normalized patch without augmentation. */
  async read(index: number, epoch: number): Promise<Sample> {
    const { tiling } = this.settings;
    const { images, targets, labels } = this.pairs;
    const { image } = at(this.places, index);
    const source = await images.image(image);
    const start = await this.start(index, epoch);
    const target = await targets?.image(image);
    return {
      size: tiling.patch,
      channels: source.info.shape[3],
      image: await this.cut(source, source, start),
      target: target && (await this.cut(target, source, start, labels)),
      labels,
    };
  }

  /** Cuts a patch at the magnification of `source`. */
  private cut(
    image: NormalizedImage,
    source: NormalizedImage,
    start: Box,
    labels = false,
  ): Promise<Float32Array> {
    const { tiling, magnification } = this.settings;
    const factor = magnification?.(source.info) ?? 1;
    return factor === 1
      ? image.patch(start, tiling.patch)
      : magnifiedPatch(image, start, tiling.patch, factor, labels);
  }

  /** Returns a training patch of an epoch: after `prepare`, if there is one, and augmented. */
  async readAugmented(
    index: number,
    epoch: number,
    prepare: (sample: Sample) => Sample = (sample) => sample,
  ): Promise<Sample> {
    const { seed, augmentation } = this.settings;
    const sample = prepare(await this.read(index, epoch));
    if (augmentation.length === 0) return sample;
    const random = new Random(seed).fork(0x9a7d, epoch, index);
    const mixes = augmentation.some((step) => step.mixes);
    const other = mixes ? await this.read(random.integer(this.count), epoch) : sample;
    return augment(sample, augmentation, random.fork(1), other);
  }

  /** Finds the foreground of an image once, also if several of its patches are read at a time. */
  private foregroundOf(image: number, targets: ImageSet, weights: PlaceWeights): Promise<ForegroundPlaces> {
    const known = this.foreground.get(image);
    if (known !== undefined) return known;
    const found = targets.image(image).then((mask) => ForegroundPlaces.of(mask, weights));
    this.foreground.set(image, found);
    return found;
  }

  private async start(index: number, epoch: number): Promise<Box> {
    const { tiling, randomPlaces, placeWeights, seed } = this.settings;
    const { image, start } = at(this.places, index);
    if (!randomPlaces) return start;
    const random = new Random(seed).fork(0x9a7c, epoch, index);
    const { targets } = this.pairs;
    if (placeWeights !== undefined && targets !== undefined) {
      const places = await this.foregroundOf(image, targets, placeWeights);
      return places.draw(tiling.patch, random);
    }
    const { shape } = at(this.pairs.images.infos, image);
    return boxOf((axis) => random.integer(Math.max(shape[axis] - tiling.patch[axis], 0) + 1));
  }
}
