/** Shows features of one image while a model trains. */
import { basename, join } from "node:path";
import { writeNpy } from "../../checkpoint/npy.ts";
import type { Config } from "../../config/config.ts";
import type { NormalizedImage } from "../../data/image-set.ts";
import { type Box, boxOf } from "../../data/tiling.ts";
import type { ResultTree } from "../../facts/result-tree.ts";
import type { ImageFiles } from "../../facts/run-events.ts";
import { type ImageShape, type Region, shapeOf, wholeRegion } from "../../images/image.ts";
import type { Runtime } from "../../runtime/executable.ts";
import type { Parameters } from "../../runtime/parameters.ts";
import { InputError } from "../input-error.ts";
import { resultName } from "../result-names.ts";
import type { Task } from "../tasks/task.ts";
import { middleOf } from "../test-settings.ts";
import { writeImage, writeSamples } from "../write-image.ts";
import { type ColorBasis, colorsOf, FeatureSample, fitColors } from "./feature-colors.ts";
import { describeFeatures, featureFile } from "./feature-folder.ts";
import { FeatureModel } from "./feature-map.ts";

/** Draws the features of the same image after each epoch, with colors that change as little as possible. */
export class FeaturePreview {
  private basis: ColorBasis | undefined;

  private constructor(
    private readonly model: FeatureModel,
    private readonly tree: ResultTree,
  ) {}

  /** Compiles the encoder for an image of this shape. Returns undefined for networks without an encoder. */
  static open(
    config: Config,
    tree: ResultTree,
    task: Task,
    runtime: Runtime,
    parameters: Parameters,
    image: ImageShape,
  ): FeaturePreview | undefined {
    try {
      const shown = shapeOf(middleOf(image), image[3]);
      return new FeaturePreview(FeatureModel.of(config, task, runtime, parameters, shown), tree);
    } catch (error) {
      if (error instanceof InputError) return undefined;
      throw error;
    }
  }

  /** Writes the features of an image, or of the middle of a large one. */
  async draw(image: NormalizedImage): Promise<ImageFiles> {
    const region = middleOf(image.info.shape);
    const shown = cropped(image, region);
    const map = await this.model.features(shown);
    const sample = new FeatureSample(0);
    sample.add(map);
    this.basis = fitColors(sample.vectors, this.basis);
    const [name, folder] = [resultName(image.info), this.tree.previews];
    const colors = colorsOf(map, this.basis, shown.info.shape);
    const whole = wholeRegion(shown.info.shape);
    const kind = { channels: 3, sampleType: "uint8", pixelSize: image.info.pixelSize } as const;
    const picture = join(folder, `${name}_features.tif`);
    const original = await writeImage(
      join(folder, `${name}_original.tif`),
      await shown.values(),
      shown,
      whole,
    );
    await writeNpy(featureFile(picture), { shape: map.shape, data: map.values });
    const images = [{ picture: basename(picture), original }];
    await describeFeatures(folder, this.basis, { stride: this.model.stride, images });
    return { original, features: await writeSamples(picture, colors, kind, whole) };
  }

  release(): void {
    this.model.release();
  }
}

/** Returns a region of an image as an image. */
function cropped(image: NormalizedImage, region: Region): NormalizedImage {
  const inWhole = (start: Box) => boxOf((axis) => start[axis] + region.start[axis]);
  const shape = shapeOf(region, image.info.shape[3]);
  return {
    ...image,
    info: { ...image.info, shape },
    patch: (start, size) => image.patch(inWhole(start), size),
    values: ({ start, end } = wholeRegion(shape)) =>
      image.values({ start: inWhole(start), end: inWhole(end) }),
    stored: ({ start, end }) => image.stored({ start: inWhole(start), end: inWhole(end) }),
  };
}
